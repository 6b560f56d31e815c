"""The condition keys and limits of an encryption context."""

import pytest

from strongroom.base.refusals import Refusal
from strongroom.services.kms.rules.context import check_context, via_service, with_context


def test_the_service_that_calls_is_named_with_its_region() -> None:
    """Source: KMS Developer Guide, "kms:ViaService"."""
    assert "secretsmanager.eu-west-1.amazonaws.com" == via_service("secretsmanager.amazonaws.com", "eu-west-1")


def test_a_context_gives_its_keys_and_each_value() -> None:
    assert {
        "kms:encryptioncontextkeys": ("Dept", "App"),
        "kms:encryptioncontext:dept": "IT",
        "kms:encryptioncontext:app": "db",
    } == with_context({}, {"Dept": "IT", "App": "db"})


@pytest.mark.parametrize("context", [None, {}])
def test_no_context_gives_no_keys(context: dict[str, str] | None) -> None:
    assert {} == with_context({}, context)


def test_keys_that_differ_in_case_only_show_all_their_values() -> None:
    keys = with_context({}, {"Dept": "IT", "dept": "HR", "DEPT": "PR"})
    assert ("IT", "HR", "PR") == keys["kms:encryptioncontext:dept"]


def test_a_context_is_bounded_in_bytes() -> None:
    assert {"k": "v" * 8191} == check_context({"k": "v" * 8191})
    with pytest.raises(Refusal):
        check_context({"k": "v" * 8192})
    with pytest.raises(Refusal):
        check_context({"k": "\u00e9" * 4096})
    assert {} == check_context(None)
