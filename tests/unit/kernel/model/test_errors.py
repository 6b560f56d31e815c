"""Modelled errors: class, code and status are one truth."""

from __future__ import annotations

import pytest

from strongroom.kernel.model.errors import ServiceError, error_class


def modelled(service: str, name: str) -> type[ServiceError]:
    base = type("Base", (ServiceError,), {}, service=service)
    return type(name, (base,), {})


@pytest.mark.parametrize(
    ("service", "name", "code", "status", "text_member"),
    [
        ("secretsmanager", "ResourceNotFoundException", "ResourceNotFoundException", 400, "Message"),
        ("secretsmanager", "InternalServiceError", "InternalServiceError", 500, "Message"),
        ("kms", "NotFoundException", "NotFoundException", 400, "message"),
        ("kms", "KMSInternalException", "KMSInternalException", 500, "message"),
        ("iam", "NoSuchEntityException", "NoSuchEntity", 404, "message"),
        ("iam", "DeleteConflictException", "DeleteConflict", 409, "message"),
        ("sts", "InvalidIdentityTokenException", "InvalidIdentityToken", 400, "message"),
        ("lambda", "ResourceConflictException", "ResourceConflictException", 409, "message"),
        ("lambda", "ResourceNotFoundException", "ResourceNotFoundException", 404, "Message"),
    ],
)
def test_an_error_has_the_code_and_status_of_the_model(
    service: str, name: str, code: str, status: int, text_member: str
) -> None:
    error = modelled(service, name)
    assert (code, status, text_member) == (error.code, error.http_status, error.text_member)


def test_a_name_that_aws_does_not_have_fails_when_the_class_is_defined() -> None:
    with pytest.raises(TypeError, match="models no error named SecretNotFoundException"):
        modelled("secretsmanager", "SecretNotFoundException")


def test_a_shape_that_is_no_error_cannot_become_one() -> None:
    with pytest.raises(TypeError, match="not as an error"):
        modelled("secretsmanager", "Tag")


def test_an_error_keeps_what_is_sent_apart_from_what_is_logged() -> None:
    error = modelled("kms", "NotFoundException")("Key 'x' does not exist", detail="row 7")
    assert ("Key 'x' does not exist", "row 7") == (error.message, error.detail)


def test_a_room_s_own_class_is_found_by_name() -> None:
    modelled("kms", "TagException")
    assert "TagException" == error_class("kms", "TagException").code
