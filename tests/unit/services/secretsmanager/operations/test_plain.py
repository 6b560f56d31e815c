"""What a plain GetSecretValue is read as is what the long way reads, and finds nothing wrong with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.overlay import overlay_of
from strongroom.kernel.model.walker import validate
from strongroom.kernel.wire import json11
from strongroom.services.secretsmanager.operations.values import PLAIN

MODEL = Catalogue(["secretsmanager"]).service("secretsmanager").operations["GetSecretValue"]
NAMES = st.text("abzAZ09/_+=.@!:-", min_size=1, max_size=60) | st.sampled_from(["x" * 2048, "arn:aws:x"])


@given(NAMES, st.sampled_from(["", " "]))
def test_what_is_plain_is_read_as_the_long_way_reads_it_and_is_valid(name: str, space: str) -> None:
    body = f'{{"SecretId":{space}"{name}"}}'.encode()
    plain = PLAIN.fullmatch(body)
    assert plain is not None
    params = json11.read(MODEL, body)
    overlay_of("secretsmanager").check("GetSecretValue", params)
    validate(MODEL.input, params)
    assert params == {key: text.decode() for key, text in plain.groupdict().items()}


@pytest.mark.parametrize(
    "body",
    [
        b'{"SecretId":""}',
        b'{"SecretId":"' + b"x" * 2049 + b'"}',
        b'{"SecretId":"a\\u0062"}',
        b'{"SecretId":"\xc3\xa9"}',
        b'{"SecretId":"a b"}',
        b'{"SecretId":"a","VersionId":"b"}',
        b'{"SecretId":"a","SecretId":"b"}',
        b'{"SecretId":"a"}\n',
        b' {"SecretId":"a"}',
        b'{"SecretId":1}',
        b'{"secretId":"a"}',
        b"[]",
    ],
)
def test_all_else_goes_the_long_way(body: bytes) -> None:
    assert PLAIN.fullmatch(body) is None
