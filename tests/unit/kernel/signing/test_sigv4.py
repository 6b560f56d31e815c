"""Whatever botocore signs holds, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing import SigningKeys, check_scope, read_claim, verify
from strongroom.kernel.signing.claim import Claim
from strongroom.kernel.signing.sigv4 import MAX_AUTHORIZATION_CHARS

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGIONS = frozenset({"us-east-1"})
CANARY = "canary-5e1f"


def botocore_signed(
    method: str = "POST",
    path: str = "/",
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b'{"SecretId": "db"}',
    token: str | None = None,
) -> HTTPRequest:
    """A request signed now by botocore, as it arrives."""
    request = AWSRequest(method, f"https://kms.us-east-1.amazonaws.com{path}", params=params, data=body)
    for name, value in (headers or {"X-Amz-Target": "TrentService.Decrypt"}).items():
        request.headers[name] = value
    SigV4Auth(Credentials("AKIDEXAMPLE", SECRET, token), "kms", "us-east-1").add_auth(request)
    sent = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    url = request.prepare().url.removeprefix("https://kms.us-east-1.amazonaws.com")
    raw_path, _, query = url.partition("?")
    return HTTPRequest(
        method, raw_path.encode(), query.encode(), [*sent, (b"host", b"kms.us-east-1.amazonaws.com")], body
    )


def prove(request: HTTPRequest, secret: str = SECRET) -> Claim:
    """The three steps of the chain, and its look-up of the key between them."""
    claim = read_claim(request)
    check_scope(claim, service="kms", regions=REGIONS, now=datetime.now(UTC))
    if claim.access_key_id != "AKIDEXAMPLE":
        raise Refusal(Kind.UNKNOWN_KEY)
    verify(claim, request, secret, SigningKeys())
    return claim


WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(
    lambda name: name not in {"authorization", "expect", "user-agent", "host", "date", "transfer-encoding"}
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
SEGMENTS = st.sampled_from(["a", "..", ".", "", "b%20c", "%C3%A9", "x:y", "~", "a+b"])


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments=st.lists(SEGMENTS, max_size=5),
    params=st.dictionaries(WORDS.filter(bool), WORDS, max_size=4),
    headers=st.dictionaries(NAMES, VALUES, min_size=1, max_size=4),
    body=st.binary(max_size=40),
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,30}", fullmatch=True),
)
def test_whatever_botocore_signs_is_accepted(
    method: str,
    segments: list[str],
    params: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    claim = prove(botocore_signed(method, "/" + "/".join(segments), params, headers, body, token))

    assert ("AKIDEXAMPLE", "us-east-1", "kms", token) == (
        claim.access_key_id,
        claim.region,
        claim.service,
        claim.session_token,
    )


def flipped(part: bytes, at: int, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    changed = bytearray(part)
    changed[at % len(part)] ^= 1 << bit
    return bytes(changed)


SIGNED = botocore_signed(
    "POST",
    "/a/b%20c",
    {"x": "1", "y": "z"},
    {"X-Amz-Target": "TrentService.Decrypt", "Content-Type": "t"},
    token="tok",
)
PUBLISHED = (
    b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    b"SignedHeaders=content-type;host;x-amz-date, "
    b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
)


@settings(max_examples=200, deadline=None)
@given(where=st.integers(0, 9), at=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_bit_turned_anywhere_in_what_is_signed_is_refused(where: int, at: int, bit: int) -> None:
    request = replace(SIGNED, headers=list(SIGNED.headers), _index=None)
    signed = [at for at, (name, _) in enumerate(request.headers) if name != b"content-length"]
    match where:
        case 0:
            request.body = flipped(request.body, at, bit)
        case 1:
            request.path = flipped(request.path, at, bit)
        case 2:
            request.query = flipped(request.query, at, bit)
        case 3:
            request.method = flipped(request.method.encode(), at, bit).decode("latin-1")
        case _:
            index = signed[where % len(signed)]
            name, value = request.headers[index]
            request.headers[index] = (name, flipped(value, at, bit))  # type: ignore[index]
    if tidy(request) == tidy(SIGNED):
        return
    with pytest.raises(Refusal) as refusal:
        prove(request)

    assert refusal.value.kind in {
        Kind.BAD_SIGNATURE,
        Kind.INCOMPLETE_SIGNATURE,
        Kind.MISSING_TOKEN,
        Kind.UNKNOWN_KEY,
    }


def tidy(request: HTTPRequest) -> tuple[object, ...]:
    """A request without what has no meaning: blanks round a header's pieces, a comma or a blank between."""
    pieces = {name: value.replace(b",", b" ").split() for name, value in request.headers if name == b"authorization"}
    values = {name: b" ".join(value.split()) for name, value in request.headers if name != b"authorization"}
    return request.method, request.path, request.query, request.body, pieces, values


def test_another_secret_does_not_hold() -> None:
    with pytest.raises(Refusal) as refusal:
        prove(botocore_signed(), SECRET[::-1])

    assert Kind.BAD_SIGNATURE is refusal.value.kind


def test_awss_own_published_example_holds() -> None:
    """Source: AWS General Reference, "Signature Version 4 signing process", the IAM ListUsers example."""
    request = HTTPRequest(
        "GET",
        b"/",
        b"Action=ListUsers&Version=2010-05-08",
        [
            (b"host", b"iam.amazonaws.com"),
            (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
            (b"x-amz-date", b"20150830T123600Z"),
            (b"authorization", PUBLISHED),
        ],
        b"",
    )
    claim = read_claim(request)
    check_scope(claim, service="iam", regions=REGIONS, now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    verify(claim, request, SECRET, SigningKeys())

    assert "AKIDEXAMPLE" == claim.access_key_id


def test_the_plain_spelling_of_a_claim_shows_neither_token_nor_signature() -> None:
    claim = prove(botocore_signed(token=CANARY))

    assert CANARY == claim.session_token
    assert CANARY not in repr(claim)
    assert claim.signature not in repr(claim)


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256 " + "a" * MAX_AUTHORIZATION_CHARS,
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Credential=a/b/c/d/e, SignedHeaders=host, Signature=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=" + ";".join(["host"] * 101) + ", Signature=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=" + "h" * 6401 + ", Signature=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=",
    ],
)
def test_what_is_too_long_doubled_or_empty_is_incomplete(authorization: str) -> None:
    headers = [
        (b"host", b"h"),
        (b"x-amz-date", b"20260102T030405Z"),
        (b"authorization", authorization.encode()),
    ]
    with pytest.raises(Refusal) as refusal:
        read_claim(HTTPRequest("POST", b"/", b"", headers, b""))

    assert Kind.INCOMPLETE_SIGNATURE is refusal.value.kind


def test_two_authorization_headers_are_not_two_chances() -> None:
    request = botocore_signed()
    request.headers = [*request.headers, (b"authorization", b"AWS4-HMAC-SHA256 Credential=x")]
    with pytest.raises(Refusal) as refusal:
        read_claim(request)

    assert Kind.INCOMPLETE_SIGNATURE is refusal.value.kind


def test_non_ascii_anywhere_in_a_header_is_refused_without_a_trace() -> None:
    for at in range(10):
        request = botocore_signed()
        request.headers = [
            (name, value[:at] + b"\xff\xfe" + value[at:] if name == b"authorization" else value)
            for name, value in request.headers
        ]
        with pytest.raises(Refusal):
            prove(request)
