"""Overlays: what the model omits, read from a room's files and refused when they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.model.overlay import overlay_entries, overlay_of, refused_operations

WINDOW = """
error_text_key = "Message"

[DeleteSecret.RecoveryWindowInDays]
min = 7
max = 30
refuse_with = "InvalidParameterException"
text = "7 to 30 days, please."
source = "API reference"

[CreateSecret.Tags]
max = 2
source = "API reference"

[GetSecretValue.VersionId]
text = "That is no version id."
source = "facts"
"""


class ToyError(ServiceError, service="secretsmanager"):
    """A room's base."""


InvalidParameterException = type("InvalidParameterException", (ToyError,), {})


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "overlay.toml").write_text(WINDOW)
    return tmp_path


def refusal(room: Path, operation: str, **params: object) -> Answerable:
    with pytest.raises(Answerable) as caught:
        overlay_of("secretsmanager", room).check(operation, params)
    return caught.value


def test_a_limit_refuses_with_the_room_s_error_and_text(room: Path) -> None:
    error = refusal(room, "DeleteSecret", RecoveryWindowInDays=31)
    assert isinstance(error, ServiceError)
    assert ("InvalidParameterException", "7 to 30 days, please.") == (error.code, error.message)


def test_a_limit_without_an_error_refuses_as_the_model_s_own(room: Path) -> None:
    error = refusal(room, "CreateSecret", Tags=[{}, {}, {}])
    assert isinstance(error, Refusal)
    assert Kind.VALIDATION is error.kind
    assert (
        "1 validation error detected: Value at 'tags' failed to satisfy constraint: "
        "Member must have length less than or equal to 2"
    ) == error.message


def test_a_text_alone_replaces_the_words_of_the_model_s_limits(room: Path) -> None:
    assert "That is no version id." == refusal(room, "GetSecretValue", VersionId="short").message


def test_values_within_the_limits_and_absent_ones_pass(room: Path) -> None:
    overlay = overlay_of("secretsmanager", room)
    overlay.check("DeleteSecret", {"RecoveryWindowInDays": 7})
    overlay.check("DeleteSecret", {})
    overlay.check("ListSecrets", {"MaxResults": 1})
    assert {"error_text_key": "Message"} == overlay.settings


def test_entries_are_listed_for_the_test_that_the_model_does_not_say_the_same(room: Path) -> None:
    assert [
        ("DeleteSecret", "RecoveryWindowInDays", {"min": 7, "max": 30}),
        ("CreateSecret", "Tags", {"max": 2}),
        ("GetSecretValue", "VersionId", {}),
    ] == overlay_entries("secretsmanager", room)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[DeleteSecret.Window]\nmin = 7\nsource = 's'", "which the model does not have"),
        ("[DestroySecret.SecretId]\nmin = 7\nsource = 's'", "which the model does not have"),
        ("[DeleteSecret.SecretId]\nmin = 7", "gives no source"),
        ("[DeleteSecret.SecretId]\nsource = 's'", "sets no limit"),
        ("[DeleteSecret.SecretId]\nmim = 7\nsource = 's'", "unknown keys mim"),
    ],
)
def test_an_overlay_that_does_not_fit_the_model_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "overlay.toml").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        overlay_of("secretsmanager", tmp_path)


def test_operations_are_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "refused.toml").write_text('RotateSecret = "rotation is not offered yet"')
    assert {"RotateSecret": "rotation is not offered yet"} == refused_operations("secretsmanager", tmp_path)


@pytest.mark.parametrize("text", ['DestroySecret = "why"', 'RotateSecret = " "', "RotateSecret = 1"])
def test_a_refusal_of_nothing_or_without_a_reason_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "refused.toml").write_text(text)
    with pytest.raises(ValueError, match="secretsmanager"):
        refused_operations("secretsmanager", tmp_path)


def test_a_room_without_files_adds_nothing(tmp_path: Path) -> None:
    assert {} == overlay_of("kms", tmp_path).limits
    assert {} == refused_operations("kms", tmp_path)


@pytest.mark.parametrize("service", ["secretsmanager", "kms", "iam", "sts"])
def test_the_overlays_of_the_rooms_say_nothing_that_the_model_says(service: str) -> None:
    """Red when AWS publishes the limit: then our line goes."""
    for operation, member, says in overlay_entries(service):
        given = CATALOGUE.operation(service, operation).input
        assert given is not None
        shape = given.members[member].shape
        modelled = {"min": shape.min, "max": shape.max, "pattern": shape.pattern}
        assert not says.items() & modelled.items(), (operation, member)


@pytest.mark.parametrize("service", ["secretsmanager", "kms", "iam", "sts"])
def test_the_files_of_the_rooms_fit_their_models(service: str) -> None:
    assert service == overlay_of(service).service
    assert refused_operations(service).keys() <= CATALOGUE.service(service).operations.keys()
