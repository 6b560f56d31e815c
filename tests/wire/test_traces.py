"""OpenTelemetry traces, as a collector has them: one span a call, its parts below it, and never a value."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.collectors import Collector
from tests.deployment import clean_environment
from tests.inprocess import Account, InProcess
from tests.wire.test_events_stream import user
from tests.wire.test_metrics_page import TOKEN, read

from strongroom.kernel.chain import Chain
from strongroom.server import traces

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
SERVER = 2


@contextmanager
def traced(place: Path, collector: Collector, **more: str) -> Iterator[InProcess]:
    """A server that sends to the collector."""
    place.mkdir(parents=True, exist_ok=True)
    token = place / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setattr(traces, "EVERY_SECONDS", 0.05)
        for name, value in more.items():
            patch.setenv(name, value)
        server = InProcess(place / "data", metrics_token_file=str(token))
        try:
            yield server
        finally:
            server.close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[InProcess]:
    with traced(
        tmp_path_factory.mktemp("traces"),
        collector,
        OTEL_EXPORTER_OTLP_HEADERS="api-key=the%20key",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    ) as made:
        yield made


def joining(client: Any, parent: str = PARENT) -> Any:
    """The client, whose calls belong to a trace."""
    client.meta.events.register("before-call.*.*", lambda params, **_: params["headers"].update(traceparent=parent))
    return client


def request_id(answer: dict[str, Any]) -> str:
    return str(answer["ResponseMetadata"]["RequestId"])


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return request_id(caught.value.response), str(caught.value.response["Error"]["Code"])


def test_a_call_is_one_span_of_the_callers_trace_with_its_calls_on_behalf_below(
    server: InProcess, collector: Collector
) -> None:
    client = joining(server.account().client("secretsmanager"))
    arn = client.create_secret(Name="db", SecretString="canary-of-a-value")["ARN"]
    before = time.time_ns()
    one = collector.of(request_id(client.get_secret_value(SecretId="db")))
    assert ("secretsmanager/GetSecretValue", TRACE, SPAN, SERVER) == (one.name, one.trace, one.parent, one.kind)
    assert before - 10**9 < one.begun < one.ended < time.time_ns() + 10**9
    told = one.attributes
    assert {
        "rpc.system": "aws-api",
        "rpc.service": "secretsmanager",
        "rpc.method": "GetSecretValue",
        "strongroom.outcome": "answered",
        "aws.secretsmanager.secret.arn": arn,
        "cloud.region": "us-east-1",
    }.items() <= told.items()
    (below,) = collector.below(one)
    assert ("kms/Decrypt", TRACE) == (below.name, below.trace)
    assert one.begun <= below.begun <= below.ended <= one.ended
    assert "error.type" not in told


def test_a_write_is_one_span_however_often_it_was_begun(server: InProcess, collector: Collector) -> None:
    client = server.account().client("secretsmanager")
    answer = client.create_secret(Name="written", SecretString="canary-of-a-write")
    one = collector.of(request_id(answer))
    assert ["kms/GenerateDataKey"] == [below.name for below in collector.below(one)]
    assert "" == one.parent


def test_a_call_that_is_repeated_in_a_snapshot_says_so(server: InProcess, collector: Collector) -> None:
    client = server.account().client("secretsmanager")
    client.create_secret(Name="again", SecretString="canary-again")
    last = [collector.of(request_id(client.get_secret_value(SecretId="again"))) for _ in range(4)][-1]
    (below,) = collector.below(last)
    assert ("kms/Decrypt", True) == (below.name, below.attributes.get("strongroom.repeated"))


def test_a_refusal_is_told_by_its_code_alone(server: InProcess, collector: Collector) -> None:
    account = server.account()
    key = user(account, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    client = account.client("secretsmanager", aws_access_key_id=key["key_id"], aws_secret_access_key=key["secret"])
    name = "canary-of-a-name"
    told, code = refused(client.get_secret_value, SecretId=name)
    one = collector.of(told)
    assert ("AccessDeniedException", "denied") == (code, one.attributes["strongroom.outcome"])
    assert "AccessDenied" == one.attributes["error.type"], "as the record has it"
    assert not one.failed, "the server did its part"
    assert name.encode() not in b"".join(collector.raw)


def test_nobody_joins_a_trace_without_a_signature_that_holds(server: InProcess, collector: Collector) -> None:
    account = server.account()
    forged = Account(account.url, account.id, account.key_id, "not the secret")
    told, code = refused(joining(forged.client("secretsmanager")).list_secrets)
    assert "InvalidSignatureException" == code
    one = collector.of(told)
    assert ("", True) == (one.parent, one.trace != TRACE)
    assert "cloud.account.id" not in one.attributes


@pytest.mark.parametrize("parent", ["00-zz", "ff-" + "0" * 32, PARENT + "x" * 500, "\t"])
def test_a_trace_that_is_none_is_not_taken_over(server: InProcess, collector: Collector, parent: str) -> None:
    client = joining(server.account().client("secretsmanager"), parent)
    assert "" == collector.of(request_id(client.list_secrets())).parent


def test_words_of_a_clients_own_make_no_name(server: InProcess, collector: Collector) -> None:
    client = server.account().client("secretsmanager")
    client.meta.events.register(
        "before-call.*.*", lambda params, **_: params["headers"].update({"X-Amz-Target": "secretsmanager.CanaryWord"})
    )
    told, _ = refused(client.list_secrets)
    assert "other/other" == collector.of(told).name
    assert b"CanaryWord" not in b"".join(collector.raw)


def test_a_collector_gets_its_headers_and_who_sends(server: InProcess, collector: Collector) -> None:
    collector.of(request_id(server.account().client("kms").list_keys()))
    assert "the key" == collector.headers[-1]["api-key"]
    assert "/v1/traces" == collector.paths[-1]
    assert ("strongroom", "test") == (
        collector.resource["service.name"],
        collector.resource["deployment.environment.name"],
    )
    assert collector.resource["service.instance.id"].partition(".")[2] in ("worker0", "runner")


def test_no_value_parameter_or_principal_goes_to_a_collector(server: InProcess, collector: Collector) -> None:
    account = server.account()
    secrets, kms = account.client("secretsmanager"), account.client("kms")
    tags = [{"Key": "canary-tag", "Value": "canary-tag-value"}]
    secrets.create_secret(Name="all", SecretString="canary-1", Description="canary-2", Tags=tags)
    secrets.put_secret_value(SecretId="all", SecretString="canary-3", ClientRequestToken="canary-" + "4" * 32)
    secrets.batch_get_secret_value(SecretIdList=["all", "canary-5"])
    key = kms.create_key(Description="canary-6")["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"canary-7", EncryptionContext={"canary-8": "canary-9"})
    context = {"canary-8": "canary-9"}
    last = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    collector.of(request_id(last))
    sent = b"".join(collector.raw)
    assert b"canary" not in sent
    assert account.key_id.encode() not in sent
    assert key.encode() not in sent
    assert b"user/" not in sent


def test_what_was_sent_is_counted(server: InProcess, collector: Collector) -> None:
    collector.of(request_id(server.account().client("kms").list_keys()))
    until = time.monotonic() + 60
    while 'strongroom_spans_total{end="sent"}' not in (text := read(server)):
        assert time.monotonic() < until, text
        time.sleep(0.02)
    assert 'strongroom_spans_total{end="failed"} 0' in text


@pytest.mark.parametrize("status", [None, 302, 401, 503])
def test_a_collector_that_takes_nothing_costs_no_call(
    tmp_path: Path, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "WAITING_AT_MOST", 5)
    monkeypatch.setattr("strongroom.server.otlp.SECONDS", 0.5)
    with Collector(status=status) as silent, traced(tmp_path, silent) as server:
        client = server.account().client("secretsmanager")
        client.list_secrets()
        until = time.monotonic() + 60
        ends = ("dropped", "failed")
        while not all(f'end="{end}"}}' in (text := read(server)) and f'end="{end}"}} 0' not in text for end in ends):
            assert time.monotonic() < until, text
            client.list_secrets()
        assert {"/v1/traces"} == set(silent.paths), "no redirect is followed"
        assert [] == silent.spans


def test_the_sampler_of_the_environment_decides(tmp_path: Path) -> None:
    with (
        Collector() as collector,
        traced(tmp_path, collector, OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0",
               OTEL_SERVICE_NAME="our-vault", OTEL_EXPORTER_OTLP_COMPRESSION="gzip") as server,
    ):  # fmt: skip
        plain, sampled = server.account().client("kms"), joining(server.account().client("kms"))
        left_out = request_id(plain.list_keys())
        assert TRACE == collector.of(request_id(sampled.list_keys())).trace
        assert left_out not in {one.attributes.get("aws.request_id") for one in collector.spans}
        assert "our-vault" == collector.resource["service.name"]


def test_a_server_without_traces_has_the_chain_without_them(tmp_path: Path) -> None:
    with Collector() as collector, traced(tmp_path, collector, OTEL_SDK_DISABLED="true") as server:
        client = server.account().client("secretsmanager")
        client.create_secret(Name="off", SecretString="canary-off")
        client.get_secret_value(SecretId="off")
        engine = server.worker.asgi.engine  # type: ignore[attr-defined]
        assert (None, Chain) == (engine.traces, type(engine.chain))
    assert [] == collector.paths


def test_nothing_of_the_library_is_imported_where_nobody_asks() -> None:
    code = "import sys, strongroom.app; print([m for m in sys.modules if m.startswith(('opentelemetry', 'requests'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert "[]" == done.stdout.strip()
