"""Query strings that sign."""

from __future__ import annotations

import pytest

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing.presigned import query_parameters
from strongroom.kernel.signing.sigv4 import read_claim

GIVEN = {
    b"X-Amz-Algorithm": b"AWS4-HMAC-SHA256",
    b"X-Amz-Credential": b"AKID%2F20260102%2Fus-east-1%2Fsts%2Faws4_request",
    b"X-Amz-Date": b"20260102T030405Z",
    b"X-Amz-SignedHeaders": b"host",
    b"X-Amz-Signature": b"0" * 64,
}


def presigned(**changed: bytes) -> HTTPRequest:
    """A presigned request; underscores in the names stand for hyphens."""
    given = GIVEN | {name.replace("_", "-").encode(): value for name, value in changed.items()}
    query = b"Action=GetCallerIdentity&" + b"&".join(name + b"=" + value for name, value in given.items())
    return HTTPRequest("GET", b"/", query, [(b"host", b"sts.amazonaws.com")], b"")


def refusal_of(request: HTTPRequest) -> Refusal:
    """What reading the request is refused with."""
    with pytest.raises(Refusal) as refusal:
        read_claim(request)
    return refusal.value


def test_every_part_is_read_from_the_query() -> None:
    claim = read_claim(presigned(X_Amz_Expires=b"60", X_Amz_Security_Token=b"a%2Fb%2Bc%3D"))

    assert ("AKID", "20260102", "us-east-1", "sts", "aws4_request") == (
        claim.access_key_id, claim.date, claim.region, claim.service, claim.terminator,
    )  # fmt: skip
    assert ("a/b+c=", 60, True, (b"host",)) == (
        claim.session_token, claim.expires_s, claim.presigned, claim.signed_headers,
    )  # fmt: skip


def test_without_an_expiry_the_usual_window_holds() -> None:
    assert None is read_claim(presigned()).expires_s


@pytest.mark.parametrize("expires", [b"", b"0", b"-1", b"1.5", b"604801", b"9" * 400, b"%C2%B2", b"1_0"])
def test_an_expiry_that_is_no_number_of_seconds_up_to_a_week_is_refused(expires: bytes) -> None:
    assert Kind.INCOMPLETE_SIGNATURE is refusal_of(presigned(X_Amz_Expires=expires)).kind


@pytest.mark.parametrize("algorithm", [b"AWS4-HMAC-SHA1", b"aws4-hmac-sha256", b"AWS4-ECDSA-P256-SHA256"])
def test_another_algorithm_is_refused_by_name(algorithm: bytes) -> None:
    message = f"Unsupported AWS 'algorithm': '{algorithm.decode()}'."

    assert message == refusal_of(presigned(X_Amz_Algorithm=algorithm)).message


def test_a_parameter_given_twice_is_refused() -> None:
    request = presigned()
    request.query += b"&X-Amz-Date=20260102T030406Z"

    assert Kind.INCOMPLETE_SIGNATURE is refusal_of(request).kind


def test_a_header_that_would_choose_the_operation_must_be_signed() -> None:
    request = presigned()
    request.headers = [*request.headers, (b"x-amz-target", b"secretsmanager.DeleteSecret")]

    assert "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization." == refusal_of(request).message


def test_percent_signs_do_not_hide_the_parameters() -> None:
    assert {"X-Amz-Algorithm": "a"} == query_parameters(b"%58-Amz-Algorithm=a")


def test_a_signature_under_an_encoded_name_is_left_out_of_what_is_signed_just_the_same() -> None:
    plain, hidden = presigned(), presigned()
    hidden.query = hidden.query.replace(b"X-Amz-Signature", b"X%2DAmz-Signature")

    assert read_claim(plain) == read_claim(hidden)


def test_an_ordinary_query_signs_nothing() -> None:
    assert {} == query_parameters(b"Action=ListUsers&x-amz-algorithm=a&X-Amz-Date=b&&=")
