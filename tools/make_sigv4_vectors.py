"""Write tests/vectors/sigv4: one signed request a file, with every intermediate step as botocore computes it.

    python -m tools.make_sigv4_vectors tests/vectors/sigv4

botocore's signer is the only source of canonical requests, strings to sign and signatures here; our own code
is not asked. What must happen to a request that was spoilt after it was signed is stated by hand, in AWS's
words.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# The example key of AWS's own documentation: it opens nothing.
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STAMP = "20260102T030405Z"
HOST = "secretsmanager.us-east-1.amazonaws.com"
URL = f"https://{HOST}/"
JSON = "application/x-amz-json-1.1"
TARGET = "secretsmanager.GetSecretValue"
BODY = b'{"SecretId": "brainybee/lab/db-creds"}'
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
Wire = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """One request to sign, perhaps to spoil, and what must come of it."""

    name: str
    why: str
    method: str = "POST"
    url: str = URL
    params: dict[str, str] | None = None
    headers: tuple[tuple[str, str], ...] = (("Content-Type", JSON), ("X-Amz-Target", TARGET))
    body: bytes = BODY
    token: str | None = None
    service: str = "secretsmanager"
    region: str = "us-east-1"
    presigned_s: int | None = None
    now: str = STAMP
    spoil: Callable[[Wire], None] | None = None
    expected: dict[str, str] = field(default_factory=lambda: {"outcome": "accepted"})


def refused(stage: str, kind: str, message: str) -> dict[str, str]:
    """The expectation of a refusal: by which step, of which kind, in which words."""
    return {"outcome": "refused", "stage": stage, "kind": kind, "message": message}


def mismatch() -> dict[str, str]:
    """What a signature that does not hold is told."""
    return refused("verify", "BAD_SIGNATURE", MISMATCH)


def signed(scenario: Scenario) -> dict[str, Any]:
    """The scenario's request as it goes out, and botocore's steps on the way there."""
    credentials = Credentials(KEY_ID, SECRET, scenario.token)
    if scenario.presigned_s is None:
        auth = SigV4Auth(credentials, scenario.service, scenario.region)
    else:
        auth = SigV4QueryAuth(credentials, scenario.service, scenario.region, expires=scenario.presigned_s)
    request = AWSRequest(scenario.method, scenario.url, params=scenario.params, data=scenario.body)
    for name, value in scenario.headers:
        request.headers[name] = value
    # The four steps of SigV4Auth.add_auth, with a clock that stands still.
    request.context["timestamp"] = STAMP
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    to_sign = auth.string_to_sign(request, canonical)
    signature = auth.signature(to_sign, request)
    auth._inject_signature_to_request(request, signature)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    # Not prepared.headers, which keeps only the last of repeated ones.
    headers = [[name.lower(), str(value)] for name, value in request.headers.items()]
    if not any(name == "host" for name, _ in headers):
        headers.append(["host", parts.netloc])
    return {
        "request": {
            "method": scenario.method,
            "path": parts.path,
            "query": parts.query,
            "headers": headers,
            "body": base64.b64encode(scenario.body).decode(),
        },
        "canonical_request": canonical,
        "string_to_sign": to_sign,
        "signature": signature,
    }


def header(wire: Wire, name: str, value: str | None) -> None:
    """Replace one header of a signed request, or drop it."""
    wire["headers"] = [pair for pair in wire["headers"] if pair[0] != name]
    if value is not None:
        wire["headers"].append([name, value])


def authorization(wire: Wire) -> str:
    """The Authorization header of a signed request."""
    return str(dict(map(tuple, wire["headers"]))["authorization"])


def replaced(old: str, new: str) -> Callable[[Wire], None]:
    """Spoils a request by changing a part of its Authorization header."""
    return lambda wire: header(wire, "authorization", authorization(wire).replace(old, new))


def accepted() -> Iterator[Scenario]:
    """Requests that hold."""
    yield Scenario("post_json", "what boto3 sends")
    yield Scenario("post_empty_body", "the hash of nothing", body=b"")
    yield Scenario("post_non_ascii_body", "bodies are bytes", body='{"SecretString":"pässwörd ☃"}'.encode())
    yield Scenario("post_binary_body", "bodies need not be text", body=bytes(range(256)))
    yield Scenario("session_token", "temporary credentials sign their token", token="FwoGZXIvYXdzEXAMPLE//token==")
    yield Scenario(
        "content_sha256_header",
        "the body's hash, also as a header",
        headers=(
            ("X-Amz-Target", TARGET),
            ("X-Amz-Content-SHA256", "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"),
        ),
        body=b"hi",
    )
    yield Scenario(
        "header_spacing",
        "outer blanks go, inner ones are one",
        headers=(("X-Amz-Target", TARGET), ("My-Header", "  a   b \t c  "), ("Empty-Header", "")),
    )
    yield Scenario(
        "header_repeated",
        "repeated headers are joined by a comma, in the order they came",
        headers=(("X-Amz-Target", TARGET), ("My-Header", "b"), ("My-Header", "  a  "), ("My-Header", "c  d")),
    )
    yield Scenario(
        "header_non_ascii",
        "header values are bytes, taken as they stand",
        headers=(("X-Amz-Target", TARGET), ("My-Header", "caf\u00e9")),
    )
    yield Scenario(
        "header_order",
        "headers are sorted by name",
        headers=(("Zeta", "1"), ("X-Amz-Target", TARGET), ("Alpha", "2"), ("Alpha-Beta", "3")),
    )
    yield Scenario(
        "date_header",
        "a Date header alone will do",
        headers=(("X-Amz-Target", TARGET), ("Date", "Fri, 02 Jan 2026 03:04:05 GMT")),
    )
    iam = "https://iam.amazonaws.com/"
    form = (("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),)
    yield Scenario(
        "query_service_form",
        "a query service, signed for its own Region",
        url=iam,
        service="iam",
        headers=form,
        body=b"Action=ListUsers&Version=2010-05-08",
    )
    get = {"method": "GET", "service": "iam", "body": b"", "headers": ()}
    yield Scenario(
        "query_string",
        "parameters in the query string",
        url=iam,
        params={"Action": "ListUsers", "Version": "2010-05-08"},
        **get,
    )
    yield Scenario(
        "query_sorted",
        "sorted by name, then by value",
        **get,
        url=iam + "?b=2&a=2&a=1&A=3&a.=4&a-b=5&B=6&ab=7&a0=8",
    )
    yield Scenario("query_empty_values", "a name alone has an equal-sign too", url=iam + "?b&a=&c=1", **get)
    yield Scenario(
        "query_encoded",
        "every byte but the unreserved is encoded",
        url=iam,
        params={"p": "a b+c/d=e&f~g*h'(i)!%é☃", "é": "x"},
        **get,
    )
    rest = {"method": "GET", "service": "lambda", "body": b"", "headers": ()}
    yield Scenario(
        "path_encoded",
        "the path is encoded once more than on the wire",
        url="https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/"
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/policy",
        **rest,
    )
    yield Scenario(
        "path_dots",
        "dot segments and doubled slashes are not signed",
        url="https://lambda.us-east-1.amazonaws.com/a/./b/../c//d/",
        **rest,
    )
    yield Scenario(
        "path_non_ascii",
        "UTF-8, percent-encoded",
        **rest,
        url="https://lambda.us-east-1.amazonaws.com/caf%C3%A9/%E2%98%83~x",
    )
    yield Scenario(
        "presigned",
        "the signature in the query string",
        presigned_s=60,
        url="https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        method="GET",
        service="sts",
        body=b"",
        headers=(),
    )
    yield Scenario(
        "presigned_token",
        "with a session token and a header of its own",
        presigned_s=604800,
        url="https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        method="GET",
        service="sts",
        body=b"",
        headers=(("x-k8s-aws-id", "cluster"),),
        token="Fwo//EXAMPLE+==",
        now="20260109T030405Z",
    )
    yield Scenario("clock_five_minutes_late", "the window's last second", now="20260102T030905Z")
    yield Scenario("clock_five_minutes_early", "the window's first second", now="20260102T025905Z")
    yield Scenario(
        "authorization_commas_only", "some clients put no blank between the pieces", spoil=replaced(", ", ",")
    )
    yield Scenario("authorization_other_order", "the pieces may stand in any order", spoil=_turned)


def _turned(wire: Wire) -> None:
    algorithm, credential, names, signature = authorization(wire).replace(",", "").split(" ")
    header(wire, "authorization", f"{algorithm} {signature}, {credential}, {names}")


def unreadable() -> Iterator[Scenario]:
    """Requests whose signature cannot be read."""
    yield Scenario(
        "missing",
        "not signed at all",
        spoil=lambda wire: header(wire, "authorization", None),
        expected=refused("read_claim", "MISSING_TOKEN", "Missing Authentication Token"),
    )
    yield Scenario(
        "other_scheme",
        "a bearer token is not a signature, and is not repeated in the answer",
        spoil=lambda wire: header(wire, "authorization", "Bearer hunter2"),
        expected=refused("read_claim", "MISSING_TOKEN", "Missing Authentication Token"),
    )

    def unread(name: str, why: str, spoil: Callable[[Wire], None], message: str) -> Scenario:
        return Scenario(name, why, spoil=spoil, expected=refused("read_claim", "INCOMPLETE_SIGNATURE", message))

    def whole(text: str) -> Callable[[Wire], None]:
        return lambda wire: header(wire, "authorization", text)

    yield unread(
        "unsupported_algorithm",
        "SigV4a and others",
        replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.",
    )
    yield unread(
        "no_equal_sign",
        "a piece that is no key=value",
        whole("AWS4-HMAC-SHA256 Credential, Signature=a"),
        "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: "
        "'AWS4-HMAC-SHA256 Credential, Signature=a'.",
    )
    sentences = [
        f"Authorization header requires '{name}' parameter. " for name in ("Credential", "Signature", "SignedHeaders")
    ]
    date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
    yield unread(
        "only_algorithm",
        "all three pieces missing",
        whole("AWS4-HMAC-SHA256"),
        "".join(sentences) + "Authorization=AWS4-HMAC-SHA256",
    )

    def nothing(wire: Wire) -> None:
        header(wire, "authorization", "AWS4-HMAC-SHA256 a=b")
        header(wire, "x-amz-date", None)

    yield unread(
        "nothing_at_all",
        "all four sentences",
        nothing,
        "".join(sentences) + date + "Authorization=AWS4-HMAC-SHA256 a=b",
    )
    for at, piece in enumerate(("Credential", "Signature", "SignedHeaders")):
        rest = ", ".join(f"{name}=a" for name in ("Credential", "Signature", "SignedHeaders") if name != piece)
        yield unread(
            f"no_{piece.lower()}",
            "one piece missing",
            whole(f"AWS4-HMAC-SHA256 {rest}"),
            sentences[at] + f"Authorization=AWS4-HMAC-SHA256 {rest}",
        )
    yield unread(
        "credential_four_parts",
        "a scope that is too short",
        whole("AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=a"),
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'",
    )
    yield unread(
        "signed_header_absent",
        "a header that was lost on the way",
        lambda wire: header(wire, "content-type", None),
        "'content-type' is named as a SignedHeader, but it does not exist in the HTTP request",
    )
    yield unread(
        "date_not_iso",
        "X-Amz-Date in another format",
        lambda wire: header(wire, "x-amz-date", "Fri, 02 Jan 2026 03:04:05 GMT"),
        "Date must be in ISO-8601 'basic format'. Got 'Fri, 02 Jan 2026 03:04:05 GMT'. "
        "See http://en.wikipedia.org/wiki/ISO_8601",
    )
    presigned = {
        "method": "GET",
        "service": "sts",
        "body": b"",
        "headers": (),
        "presigned_s": 60,
        "url": "https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
    }
    yield replace(
        unread(
            "presigned_incomplete",
            "query parameters missing",
            _without("X-Amz-Credential", "X-Amz-Date"),
            "AWS query-string parameters must include 'X-Amz-Credential'. "
            "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
        ),
        **presigned,
    )
    yield Scenario(
        "presigned_too_long",
        "more than a week",
        expected=refused(
            "read_claim",
            "INCOMPLETE_SIGNATURE",
            "X-Amz-Expires must be less than a week (in seconds); "
            "that is, the given X-Amz-Expires must be less than 604800 seconds",
        ),
        **(presigned | {"presigned_s": 604801}),
    )
    yield Scenario(
        "header_and_query",
        "signed in both places",
        expected=refused(
            "read_claim",
            "BAD_SIGNATURE",
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        ),
        url=URL + "?X-Amz-Algorithm=AWS4-HMAC-SHA256",
    )
    yield Scenario(
        "host_unsigned",
        "a signature that is good at any door",
        spoil=replaced("content-type;host;", "content-type;"),
        expected=refused(
            "read_claim",
            "BAD_SIGNATURE",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    )
    yield Scenario(
        "target_unsigned",
        "the operation is chosen by a header that is not signed",
        headers=(("Content-Type", JSON),),
        spoil=lambda wire: header(wire, "x-amz-target", TARGET),
        expected=refused(
            "read_claim", "BAD_SIGNATURE", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
        ),
    )


def _without(*names: str) -> Callable[[Wire], None]:
    def spoil(wire: Wire) -> None:
        wire["query"] = "&".join(p for p in wire["query"].split("&") if p.split("=")[0] not in names)

    return spoil


def out_of_scope() -> Iterator[Scenario]:
    """Requests signed for something else, or for another time."""

    def scoped(message: str) -> dict[str, str]:
        return refused("check_scope", "BAD_SIGNATURE", message)

    region = "Credential should be scoped to a valid region, not 'mars-1'. "
    service = "Credential should be scoped to correct service: 'secretsmanager'. "
    yield Scenario("wrong_region", "a Region we do not have", region="mars-1", expected=scoped(region))
    yield Scenario(
        "wrong_service",
        "signed for another service",
        expected=scoped(service),
        spoil=replaced("/secretsmanager/", "/kms/"),
    )
    terminator = "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. "
    yield Scenario(
        "wrong_terminator",
        "a scope with another end",
        expected=scoped(terminator),
        spoil=replaced("/aws4_request", "/aws4"),
    )
    date = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20260101' != '20260102', from '20260102T030405Z'."
    )
    yield Scenario("wrong_date", "yesterday's scope", expected=scoped(date), spoil=replaced("/20260102/", "/20260101/"))
    yield Scenario(
        "all_wrong",
        "one text, joined",
        expected=scoped(region + service + terminator + date),
        spoil=replaced("/20260102/us-east-1/secretsmanager/aws4_request", "/20260101/mars-1/kms/aws4"),
    )
    yield Scenario(
        "iam_elsewhere",
        "a global service is signed for us-east-1 alone",
        service="iam",
        region="eu-west-1",
        url="https://iam.amazonaws.com/",
        headers=(),
        expected=scoped("Credential should be scoped to a valid region, not 'eu-west-1'. "),
    )
    yield Scenario(
        "expired",
        "a second too late",
        now="20260102T030906Z",
        expected=scoped(
            "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)"
        ),
    )
    yield Scenario(
        "not_yet_current",
        "a second too early",
        now="20260102T025904Z",
        expected=scoped(
            "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z "
            "(20260102T025904Z + 5 min.)"
        ),
    )
    yield Scenario(
        "presigned_expired",
        "a second after its minute",
        presigned_s=60,
        method="GET",
        body=b"",
        url="https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        service="sts",
        headers=(),
        now="20260102T030506Z",
        expected=scoped(
            "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030506Z - 1 min.)"
        ),
    )


def not_holding() -> Iterator[Scenario]:
    """Requests changed after they were signed."""

    def changed(name: str, why: str, spoil: Callable[[Wire], None], **rest: Any) -> Scenario:
        return Scenario(name, why, spoil=spoil, expected=mismatch(), **rest)

    def body(text: bytes) -> Callable[[Wire], None]:
        return lambda wire: wire.update(body=base64.b64encode(text).decode())

    yield changed("changed_body", "another secret is asked for", body(b'{"SecretId": "prod/db"}'))
    yield changed(
        "changed_target",
        "another operation",
        lambda wire: header(wire, "x-amz-target", "secretsmanager.DeleteSecret"),
    )
    yield changed("changed_method", "another method", lambda wire: wire.update(method="PUT"))
    yield changed("changed_path", "another path", lambda wire: wire.update(path="/x"))
    yield changed("added_query", "a query that was not there", lambda wire: wire.update(query="a=b"))
    yield changed("changed_host", "another door", lambda wire: header(wire, "host", "kms.us-east-1.amazonaws.com"))
    yield changed(
        "added_header_value",
        "a second header of a signed name",
        lambda wire: wire["headers"].append(["content-type", "text/plain"]),
    )
    yield changed("longer_signature", "one digit more", replaced("Signature=", "Signature=0"))
    yield changed(
        "upper_case_signature",
        "hex is lower-case",
        lambda wire: header(wire, "authorization", authorization(wire)[:-64] + authorization(wire)[-64:].upper()),
    )
    yield changed(
        "unsigned_payload",
        "a body that is not signed is not accepted",
        lambda _: None,
        headers=(("X-Amz-Target", TARGET), ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")),
    )


def vector(scenario: Scenario) -> dict[str, Any]:
    """One scenario as its file keeps it."""
    steps = signed(scenario)
    if scenario.spoil is not None:
        scenario.spoil(steps["request"])
    return {
        "why": scenario.why,
        "secret": SECRET,
        "service": "secretsmanager" if scenario.service == "kms" else scenario.service,
        "regions": ["eu-west-1", "us-east-1"],
        "now": scenario.now,
        **steps,
        "expected": scenario.expected,
    }


def main(directory: Path) -> None:
    """Write every vector, and remove those that are no longer made."""
    made = set()
    for maker in (accepted, unreadable, out_of_scope, not_holding):
        for scenario in maker():
            path = directory / f"{scenario.name}.json"
            if path in made:
                raise SystemExit(f"two scenarios are named {scenario.name}")
            made.add(path)
            path.write_text(json.dumps(vector(scenario), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for stale in set(directory.glob("*.json")) - made:
        stale.unlink()
    print(f"{len(made)} vectors in {directory}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
