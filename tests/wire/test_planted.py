"""The search for planted secrets finds them: in each form, in packed segments, and when a server is ended."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import planted
from tests.inprocess import InProcess

VALUE = b"a value of a test"


def _base64(value: bytes) -> bytes:
    return base64.b64encode(b'{"x":"' + value + b'"}')


@pytest.mark.parametrize("form", [bytes, _base64, lambda value: value.hex().encode()], ids=["plain", "base64", "hex"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_value_in_a_record_is_found_in_each_form(
    tmp_path: Path, form: Callable[[bytes], bytes], packed: bool
) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    line = b'{"event":{"requestParameters":"%b"}}\n' % form(VALUE)
    if packed:
        (journal / "n-1-w-000001.jsonl.gz").write_bytes(gzip.compress(line))
    else:
        (journal / "n-1-w-000001.jsonl").write_bytes(line)

    assert planted.leaks(tmp_path, [VALUE, b"another value"]) != []
    assert all(repr(VALUE) in one for one in planted.leaks(tmp_path, [VALUE]))
    assert [] == planted.leaks(tmp_path, [b"another value"])
    assert [] == planted.leaks(tmp_path / "nothing", [VALUE])


def test_ending_a_server_looks_for_what_was_sent_to_it_and_what_it_gave(tmp_path: Path) -> None:
    server = InProcess(tmp_path / "data")
    account = server.account()
    account.client("secretsmanager").create_secret(Name="db", SecretString=VALUE.decode())
    plain = account.client("kms").generate_random(NumberOfBytes=32)["Plaintext"]
    given = account.client("iam").create_access_key()["AccessKey"]["SecretAccessKey"]
    assert {VALUE, plain, given.encode()} <= planted.noted(server.url)

    (segment, *_) = (server.settings.data / "journal").glob("*.jsonl")
    with segment.open("ab") as journal:
        journal.write(b'{"event":{"requestParameters":"%b"}}\n' % plain.hex().encode())
    with pytest.raises(AssertionError, match="the journal repeats secrets"):
        server.close()
    assert not planted.noted(server.url)
