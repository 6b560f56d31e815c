"""AssumeRoleWithWebIdentity with stock boto3, against a real provider over https."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.oidc import Handler, Provider, encoded, jwk, send, sign
from tests.wire.local import ask
from tests.wire.test_sts import ALL, LIST, policy, refused

from strongroom.server import ways

DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
NO_KEY = (
    "InvalidIdentityToken",
    _NO_KEY,
    400,
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Provider]]:
    """A server that may call one provider on loopback, by host and port."""
    directory = tmp_path_factory.mktemp("web-identity")
    with Provider(directory / "provider") as provider:
        settings = {
            "oidc_internal_hosts": (provider.host,),
            "oidc_ca_files": (f"{provider.host}={provider.ca}",),
        }
        server = InProcess(directory / "data", dev_clock=True, **settings)
        yield server, provider
        server.close()


class World:
    """An account that registered an issuer, and a role that trusts it. Each has a path, and so keys, of its own."""

    def __init__(self, server: InProcess, provider: Provider, path: str) -> None:
        provider.path, provider.asked, provider.answer = path, [], None
        provider.about, provider.listed = {}, None
        self.server, self.provider = server, provider
        self.account: Account = server.account()
        self.iam = self.account.client("iam")
        made = self.iam.create_open_id_connect_provider(Url=provider.url, ClientIDList=["sts.amazonaws.com", "app"])
        self.arn = made["OpenIDConnectProviderArn"]
        self.issuer = provider.url.removeprefix("https://")
        self.role = self.new_role("ci", self.trust())
        self.iam.put_role_policy(RoleName="ci", PolicyName="p", PolicyDocument=policy(ALL))
        self.sts = boto3.session.Session(region_name="us-east-1").client(
            "sts",
            endpoint_url=server.url,
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=30),
        )

    def trust(self, *more: str, **conditions: dict[str, Any]) -> str:
        """A trust policy for the provider's callers; conditions by operator, keys without the issuer."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": self.arn},
            "Action": ["sts:AssumeRoleWithWebIdentity", *more],
        }
        if conditions:
            statement["Condition"] = {
                operator: {f"{self.issuer}:{key}": value for key, value in keys.items()}
                for operator, keys in conditions.items()
            }
        return policy(statement)

    def new_role(self, name: str, document: str, **more: Any) -> str:
        """The ARN of a new role."""
        return str(self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"])

    def asking(self, token: str, **more: Any) -> dict[str, Any]:
        """The parameters that show a token."""
        return {"RoleArn": self.role, "RoleSessionName": "run", "WebIdentityToken": token} | more

    def assume(self, token: str, **more: Any) -> dict[str, Any]:
        """The answer to a token."""
        answer: dict[str, Any] = self.sts.assume_role_with_web_identity(**self.asking(token, **more))
        return answer

    def refused(self, token: str, **more: Any) -> tuple[str, str, int]:
        """Code, text and status of the refusal of a token."""
        return refused(self.sts.assume_role_with_web_identity, **self.asking(token, **more))

    def client(self, service: str, answer: dict[str, Any]) -> Any:
        """A client with what an answer gave out."""
        given = answer["Credentials"]
        return self.account.client(
            service,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


_paths = iter(range(1_000_000))


@pytest.fixture
def world(house: tuple[InProcess, Provider]) -> World:
    """A fresh account, and a fresh issuer as far as keys are remembered."""
    return World(*house, f"/t{next(_paths)}")


# ---------------------------------------------------------------------- what is good


@pytest.mark.parametrize("key_id", ["rsa", "ec", "ed"])
def test_who_shows_a_token_of_a_registered_issuer_gets_a_session_of_the_role(world: World, key_id: str) -> None:
    answer = world.assume(world.provider.token(key_id))

    assert ("somebody", world.arn, "sts.amazonaws.com") == (
        answer["SubjectFromWebIdentityToken"],
        answer["Provider"],
        answer["Audience"],
    )
    arn = f"arn:aws:sts::{world.account.id}:assumed-role/ci/run"
    assert arn == answer["AssumedRoleUser"]["Arn"]
    assert "PackedPolicySize" not in answer
    assert arn == world.client("sts", answer).get_caller_identity()["Arn"]
    world.client("secretsmanager", answer).list_secrets()


def test_a_stock_sdk_finds_the_token_file_by_itself(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(world.provider.token())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ROLE_ARN", world.role)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.server.url)

    secrets = boto3.session.Session(region_name="us-east-1").client("secretsmanager")

    assert [] == secrets.list_secrets()["SecretList"]


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "github": (
        {
            "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
            "aud": "sts.amazonaws.com",
            "repository": "octo-org/octo-repo",
            "ref": "refs/heads/main",
            "actor": "octocat",
            "jti": "6d5f1c",
            "nbf": int(time.time()) - 300,
        },
        {"StringEquals": {"aud": "sts.amazonaws.com"}, "StringLike": {"sub": "repo:octo-org/octo-repo:*"}},
        {"sub": "repo:octo-org/another:ref:refs/heads/main"},
    ),
    "gitlab": (
        {
            "sub": "project_path:group/app:ref_type:branch:ref:main",
            "aud": "app",
            "project_path": "group/app",
            "namespace_id": "72",
            "ref_protected": "true",
            "user_login": "dana",
            "nbf": int(time.time()) - 5,
        },
        {"StringEquals": {"aud": "app", "sub": "project_path:group/app:ref_type:branch:ref:main"}},
        {"sub": "project_path:group/app:ref_type:branch:ref:feature"},
    ),
    "kubernetes": (
        {
            "sub": "system:serviceaccount:prod:reader",
            "aud": ["sts.amazonaws.com"],
            "kubernetes.io": {
                "namespace": "prod",
                "serviceaccount": {"name": "reader", "uid": "7f"},
                "pod": {"name": "reader-5c", "uid": "8a"},
            },
            "nbf": int(time.time()) - 5,
        },
        {"StringEquals": {"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:prod:reader"}},
        {"sub": "system:serviceaccount:dev:reader"},
    ),
}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_trust_policies_meet_the_tokens_of_github_gitlab_and_kubernetes(world: World, shape: str) -> None:
    claims, conditions, other = SHAPES[shape]
    world.iam.update_assume_role_policy(RoleName="ci", PolicyDocument=world.trust(**conditions))

    assert claims["sub"] == world.assume(world.provider.token(**claims))["SubjectFromWebIdentityToken"]
    assert DENIED == world.refused(world.provider.token(**claims | other))


def test_azp_takes_the_place_of_aud(world: World) -> None:
    """Source: IAM User Guide, "Available keys for AWS OIDC federation"."""
    conditions = {"StringEquals": {"aud": "app", "oaud": "server"}}
    world.iam.update_assume_role_policy(RoleName="ci", PolicyDocument=world.trust(**conditions))

    assert "app" == world.assume(world.provider.token(aud="server", azp="app"))["Audience"]
    assert "Incorrect token audience" == world.refused(world.provider.token(aud="app", azp="another"))[1]


def test_session_policies_tags_and_source_identity_come_along(world: World) -> None:
    world.iam.update_assume_role_policy(
        RoleName="ci", PolicyDocument=world.trust("sts:TagSession", "sts:SetSourceIdentity")
    )
    tagged = {**ALL, "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "blue", "aws:SourceIdentity": "dana"}}}
    world.iam.put_role_policy(RoleName="ci", PolicyName="p", PolicyDocument=policy(tagged))
    passed: dict[str, Any] = {
        "https://aws.amazon.com/tags": {"principal_tags": {"Team": ["blue"]}, "transitive_tag_keys": ["Team"]},
        "https://aws.amazon.com/source_identity": "dana",
    }

    answer = world.assume(world.provider.token(**passed), Policy=policy(LIST))

    assert "dana" == answer["SourceIdentity"] and 0 < answer["PackedPolicySize"] < 100
    secrets = world.client("secretsmanager", answer)
    secrets.list_secrets()
    assert "AccessDeniedException" == refused(secrets.get_random_password)[0]


def test_tags_and_source_identity_need_their_own_leave_in_the_trust_policy(world: World) -> None:
    tags: dict[str, Any] = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["blue"]}}}
    identity: dict[str, Any] = {"https://aws.amazon.com/source_identity": "dana"}

    assert "AccessDenied" == world.refused(world.provider.token(**tags))[0]
    assert "AccessDenied" == world.refused(world.provider.token(**identity))[0]


def test_the_session_says_which_provider_vouched(world: World) -> None:
    only = {**ALL, "Condition": {"StringEquals": {"aws:FederatedProvider": world.arn}}}
    world.iam.put_role_policy(RoleName="ci", PolicyName="p", PolicyDocument=policy(only))

    secrets = world.client("secretsmanager", world.assume(world.provider.token()))
    assert [] == secrets.list_secrets()["SecretList"]
    other = {**ALL, "Condition": {"StringEquals": {"aws:FederatedProvider": f"{world.arn}-of-another"}}}
    world.iam.put_role_policy(RoleName="ci", PolicyName="p", PolicyDocument=policy(other))
    with pytest.raises(ClientError, match="AccessDenied"):
        secrets.list_secrets()


def test_the_record_names_provider_audience_and_subject_and_holds_no_token(world: World) -> None:
    token = world.provider.token()
    request_id = world.assume(token)["ResponseMetadata"]["RequestId"]
    lines = [
        json.loads(line)
        for path in (world.server.settings.data / "journal").glob("*.jsonl")
        for line in path.read_bytes().splitlines()
        if request_id.encode() in line
    ]
    (event,) = [line["event"] for line in lines]

    assert {
        "type": "WebIdentityUser",
        "principalId": f"{world.arn}:sts.amazonaws.com:somebody",
        "userName": "somebody",
        "identityProvider": world.arn,
    } == event["userIdentity"]
    assert world.account.id == event["recipientAccountId"]
    assert token not in json.dumps(lines) and token.rpartition(".")[2] not in json.dumps(lines)


def test_records_of_a_session_name_the_provider_that_vouched(world: World) -> None:
    secrets = world.client("secretsmanager", world.assume(world.provider.token()))
    request_id = secrets.list_secrets()["ResponseMetadata"]["RequestId"]
    (event,) = [one.event for one in entries(world.server.settings.data) if one.event.get("requestID") == request_id]

    context = event["userIdentity"]["sessionContext"]
    assert ["sessionIssuer", "webIdFederationData", "attributes"] == list(context)
    assert {"federatedProvider": world.arn, "attributes": {}} == context["webIdFederationData"]


def test_a_refusal_by_the_trust_policy_is_explained_to_the_roles_account(world: World) -> None:
    world.iam.update_assume_role_policy(RoleName="ci", PolicyDocument=world.trust(StringEquals={"sub": "another"}))
    with pytest.raises(world.sts.exceptions.ClientError) as error:
        world.assume(world.provider.token())
    request_id = error.value.response["ResponseMetadata"]["RequestId"]

    (told,) = ask(world.account, "GET", f"/_strongroom/explain/{request_id}")["Calls"]

    assert ("implicitDeny", "sts:AssumeRoleWithWebIdentity", world.role) == (
        told["Outcome"],
        told["Action"],
        told["Resource"],
    )
    (change,) = told["Changes"]
    assert {"StringEquals": {f"{world.issuer}:sub": "somebody"}} == json.loads(change["Statement"])["Condition"]
    world.iam.update_assume_role_policy(RoleName="ci", PolicyDocument=policy(json.loads(change["Statement"])))
    world.assume(world.provider.token())


# ---------------------------------------------------------------------- what is not


def test_a_role_that_does_not_trust_the_provider_sounds_like_one_that_is_not_there(world: World) -> None:
    closed = world.new_role("closed", policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}))
    absent = f"arn:aws:iam::{world.account.id}:role/absent"

    assert DENIED == world.refused(world.provider.token(), RoleArn=closed)
    assert DENIED == world.refused(world.provider.token(), RoleArn=absent)


def test_an_issuer_that_the_roles_account_did_not_register_is_never_asked(world: World) -> None:
    stranger = world.server.account()
    role = f"arn:aws:iam::{stranger.id}:role/ci"
    wanted = ("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {world.provider.url}", 400)

    assert wanted == world.refused(world.provider.token(), RoleArn=role)
    assert [] == world.provider.asked


def test_when_the_provider_is_taken_away_its_tokens_are_worth_nothing_at_once(world: World) -> None:
    world.assume(world.provider.token())
    world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=world.arn)

    assert "No OpenIDConnect provider" in world.refused(world.provider.token())[1]


BAD_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another"}, "Incorrect token audience"),
    "an unregistered azp": ({"azp": "another"}, "Incorrect token audience"),
    "no audience": ({"aud": None}, "aud"),
    "an empty list of audiences": ({"aud": []}, "aud"),
    "an audience that is no text": ({"aud": [7]}, "aud"),
    "no subject": ({"sub": None}, "sub"),
    "no end": ({"exp": None}, "exp"),
    "an end that is no number": ({"exp": "soon"}, "exp"),
    "an end of true": ({"exp": True}, "exp"),
    "no beginning": ({"iat": None}, "iat"),
    "issued in the future": ({"iat": int(time.time()) + 4000}, "not valid yet"),
    "not yet valid": ({"nbf": int(time.time()) + 4000}, "not valid yet"),
    "another issuer": ({"iss": "https://elsewhere.example"}, "No OpenIDConnect provider"),
    "the issuer over http": ({"iss": "http://localhost"}, "No OpenIDConnect provider"),
    "no issuer": ({"iss": None}, "iss"),
    "tags that are none": ({"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b", "c"]}}}, "tags"),
}


@pytest.mark.parametrize("fault", sorted(BAD_CLAIMS))
def test_claims_that_do_not_hold_are_refused(world: World, fault: str) -> None:
    changed, told = BAD_CLAIMS[fault]

    code, text, status = world.refused(world.provider.token(**changed))

    assert ("InvalidIdentityToken", 400) == (code, status) and told in text


def test_a_token_whose_time_is_over_is_expired(world: World) -> None:
    ended = int(time.time()) - 1
    code, text, status = world.refused(world.provider.token(exp=ended))

    assert ("ExpiredTokenException", 400) == (code, status)
    assert text.startswith("Token expired: current date/time ")
    assert text.endswith(f" must be before the expiration date/time {ended}")


def unsigned(world: World, header: dict[str, Any], key: bytes | None = None) -> str:
    """A token with this header, and a signature of bytes."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, world.provider.claims()))
    return f"{signed}.{encoded(key or b'x')}"


BAD_HEADERS = ("none", "None", "HS256", "PS256", "ES256K", "RS1", "", None, 7, ["RS256"])


@pytest.mark.parametrize("algorithm", BAD_HEADERS)
def test_algorithms_outside_the_list_are_refused_before_anybody_is_asked(world: World, algorithm: Any) -> None:
    token = unsigned(world, {"alg": algorithm, "kid": "rsa"})

    assert "InvalidIdentityToken" == world.refused(token)[0]
    assert [] == world.provider.asked


def test_a_public_key_is_no_secret_to_sign_with(world: World) -> None:
    """Source: RFC 8725, section 2.1, the key confusion attack."""
    world.provider.listed = [jwk(world.provider.keys["rsa"][1], "rsa", alg="RS256")]

    assert "InvalidIdentityToken" == world.refused(unsigned(world, {"alg": "ES256", "kid": "rsa"}, b"x" * 64))[0]


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"kid": 7}, {"kid": "x" * 2000}, {"jwk": {"kty": "RSA"}, "kid": "none"}]
)
def test_headers_that_would_have_to_be_understood_are_refused(world: World, header: dict[str, Any]) -> None:
    assert "InvalidIdentityToken" == world.refused(world.provider.token(header=header))[0]


def test_a_changed_token_and_one_of_another_key_are_refused(world: World) -> None:
    head, claims, signature = world.provider.token().split(".")
    other = encoded(json.dumps(world.provider.claims(sub="admin")).encode())
    stranger = rsa.generate_private_key(65537, 2048)
    forged = encoded(sign("RS256", stranger, f"{head}.{other}".encode()))

    for token in (f"{head}.{other}.{signature}", f"{head}.{other}.{forged}", f"{head}.{claims}.{signature[:-4]}AAAA"):
        assert ("InvalidIdentityToken", "The token's signature is not valid.", 400) == world.refused(token)


@pytest.mark.parametrize(
    "token", ["abcd", "a.b.c", "...x", "e30.e30.", "e30.W10.eA", "eyJhIjoxLCJhIjoyfQ.e30.eA", "é.e.e"]
)
def test_what_is_no_token_is_refused_and_nobody_is_asked(world: World, token: str) -> None:
    assert ("InvalidIdentityToken", 400) == world.refused(token)[::2]
    assert [] == world.provider.asked


def test_a_key_without_an_id_counts_only_where_it_is_the_only_one(world: World) -> None:
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    world.provider.keys["alone"] = ("ES256", one)
    world.provider.listed = [jwk(one, "")]
    token = world.provider.token("alone", header={"kid": None})
    world.assume(token)

    second = World(world.server, world.provider, f"/t{next(_paths)}")
    second.provider.listed = [jwk(one, "a"), jwk(other, "b")]
    assert NO_KEY == second.refused(second.provider.token("alone", header={"kid": None}))


# ---------------------------------------------------------------------- the provider


def test_keys_are_asked_for_once_and_an_unknown_one_once_a_minute(world: World) -> None:
    for _ in range(3):
        world.assume(world.provider.token())
    assert 2 == len(world.provider.asked)

    for number in range(20):
        assert NO_KEY == world.refused(world.provider.token(header={"kid": f"unknown-{number}"}))

    assert 2 == len(world.provider.asked)
    world.assume(world.provider.token("ec"))


def test_only_one_question_to_an_issuer_is_under_way(world: World) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.3)
        found = world.provider.documents().get(handler.path)
        send(handler, 200, json.dumps(found).encode())

    world.provider.answer = slow
    done: list[dict[str, Any]] = []
    token = world.provider.token()
    threads = [threading.Thread(target=lambda: done.append(world.assume(token))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (4, 2) == (len(done), len(world.provider.asked))


CALLS = ("call", "outside", "write-queue")
"""How the threads that calls run in are named."""


def test_no_transaction_is_open_while_a_provider_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    opened = 0
    seen: list[int] = []
    entrances = {name: getattr(engine.store, name) for name in ("read", "glance", "write")}

    class Counting:
        """Counts the transactions that calls have open; the runner's jobs have their own."""

        def __init__(self, name: str) -> None:
            self.counts = threading.current_thread().name.startswith(CALLS)
            self.inner = entrances[name]()

        def __enter__(self) -> Any:
            nonlocal opened
            opened += self.counts
            return self.inner.__enter__()

        def __exit__(self, *error: Any) -> Any:
            nonlocal opened
            opened -= self.counts
            return self.inner.__exit__(*error)

    for name in entrances:
        monkeypatch.setattr(type(engine.store), name, lambda self, name=name: Counting(name))

    def answer(handler: Handler) -> None:
        seen.append(opened)
        send(handler, 200, json.dumps(world.provider.documents()[handler.path]).encode())

    world.provider.answer = answer
    world.assume(world.provider.token())

    assert [0, 0] == seen


def test_a_slow_provider_delays_nobody_else(world: World) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(1.5)
        send(handler, 200, json.dumps(world.provider.documents()[handler.path]).encode())

    world.provider.answer = slow
    threads = [threading.Thread(target=world.assume, args=(world.provider.token(),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 1
    while not world.provider.asked and time.monotonic() < until:
        time.sleep(0.01)
    begun = time.monotonic()
    world.account.client("secretsmanager").create_secret(Name="meanwhile", SecretString="x")
    world.iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{world.account.id}:user/admin", ActionNames=["kms:Decrypt"]
    )
    assert time.monotonic() - begun < 1.2
    for thread in threads:
        thread.join(20)


def test_calls_that_wait_for_the_world_are_bounded_in_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "OUTSIDE_CALLS_WAITING", 1 - ways.OUTSIDE_CALLS_AT_ONCE)  # one in all
    answered = threading.Event()

    def held(handler: Handler) -> None:
        answered.wait(4)
        send(handler, 200, json.dumps(world.provider.documents()[handler.path]).encode())

    world.provider.answer = held
    first = threading.Thread(target=world.assume, args=(world.provider.token(),))
    first.start()
    until = time.monotonic() + 4
    while not world.provider.asked and time.monotonic() < until:
        time.sleep(0.01)

    code, _, _ = world.refused(world.provider.token())

    answered.set()
    first.join(20)
    assert "Throttling" == code


def status(code: int, **headers: str) -> Any:
    """A provider that answers everything so."""
    return lambda handler: send(handler, code, b"{}", **headers)


def body(raw: bytes) -> Any:
    """A provider that answers everything with this."""
    return lambda handler: send(handler, 200, raw)


def lying(handler: Handler) -> None:
    """Announces more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b"{}")


def endless(handler: Handler) -> None:
    """More than is ever read, without a length."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" " * 65536)


BAD_ANSWERS = {
    "redirects": status(302, Location="https://localhost/elsewhere"),
    "redirects for good": status(308, Location="/t/keys"),
    "not found": status(404),
    "failing": status(500),
    "not JSON": body(b"<html>"),
    "not an object": body(b"[]"),
    "deep": body(b"[" * 100_000),
    "huge": body(b" " * (300 * 1024)),
    "endless": endless,
    "less than announced": lying,
    "no answer in HTTP": lambda handler: handler.wfile.write(b"hello\r\n\r\n"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("how", sorted(BAD_ANSWERS))
def test_a_provider_that_does_not_answer_properly_opens_nothing(world: World, how: str) -> None:
    world.provider.answer = BAD_ANSWERS[how]

    assert NO_KEY == world.refused(world.provider.token())
    assert 1 == len(world.provider.asked)


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://elsewhere.example"},
        {"jwks_uri": "http://localhost/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": "https://127.0.0.1:1/keys"},
        {"jwks_uri": "https://user:secret@localhost/keys"},
    ],
)
def test_a_discovery_document_that_points_elsewhere_is_not_followed(world: World, about: dict[str, Any]) -> None:
    world.provider.about = about

    assert NO_KEY == world.refused(world.provider.token())
    assert 1 == len(world.provider.asked)


def test_a_slow_provider_is_given_up_on(world: World) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(60):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.2)

    world.provider.answer = drip
    begun = time.monotonic()

    code, text, _ = world.refused(world.provider.token())

    assert "IDPCommunicationError" == code and "could not be reached" in text
    assert 4.0 < time.monotonic() - begun < 9.0


def test_loopback_is_called_only_where_the_setting_lists_host_and_port(world: World, tmp_path: Path) -> None:
    with Provider(tmp_path) as other:
        world.iam.create_open_id_connect_provider(Url=other.url, ClientIDList=["sts.amazonaws.com"])
        assert NO_KEY == world.refused(other.token())
        assert [] == other.asked
    world.iam.create_open_id_connect_provider(Url="https://127.0.0.1", ClientIDList=["sts.amazonaws.com"])
    assert NO_KEY == world.refused(world.provider.token(iss="https://127.0.0.1"))


def test_a_listed_host_must_still_show_a_certificate_of_its_pinned_ca(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Provider(tmp_path / "one") as provider, Provider(tmp_path / "two") as another:
        server = InProcess(
            tmp_path / "data",
            oidc_internal_hosts=(provider.host,),
            oidc_ca_files=(f"{provider.host}={another.ca}",),
        )
        try:
            world = World(server, provider, "")
            assert NO_KEY == world.refused(provider.token())
            assert [] == provider.asked
        finally:
            server.close()
