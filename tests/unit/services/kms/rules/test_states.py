"""The table of key states agrees with the model and with itself."""

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.services.kms import errors
from strongroom.services.kms.rules.states import ANSWERS, STATES, check_state

ARN = "arn:aws:kms:us-east-1:111122223333:key/k"


def test_every_refusal_in_the_table_is_declared_by_the_model() -> None:
    for operation, row in ANSWERS.items():
        named = {answer[0].__name__ for answer in row if answer is not None}
        assert named <= set(CATALOGUE.declared_errors("kms", operation)), operation


def test_every_row_answers_for_every_state() -> None:
    assert {len(STATES)} == {len(row) for row in ANSWERS.values()}
    assert set(STATES) <= set(CATALOGUE.shape("kms", "KeyState").enum)


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey"])
def test_only_an_enabled_key_is_used(operation: str) -> None:
    check_state(operation, "Enabled", ARN)
    with pytest.raises(errors.DisabledException) as disabled:
        check_state(operation, "Disabled", ARN)
    assert f"{ARN} is disabled." == disabled.value.message
    with pytest.raises(errors.KMSInvalidStateException) as pending:
        check_state(operation, "PendingDeletion", ARN)
    assert f"{ARN} is pending deletion." == pending.value.message


def test_only_a_pending_deletion_can_be_called_off() -> None:
    check_state("CancelKeyDeletion", "PendingDeletion", ARN)
    for state in ("Enabled", "Disabled"):
        with pytest.raises(errors.KMSInvalidStateException) as caught:
            check_state("CancelKeyDeletion", state, ARN)
        assert f"{ARN} is not pending deletion." == caught.value.message


@pytest.mark.parametrize("state", STATES)
def test_a_key_in_any_state_can_be_looked_at(state: str) -> None:
    for operation in ("DescribeKey", "GetKeyPolicy", "PutKeyPolicy", "ListResourceTags", "DeleteAlias"):
        check_state(operation, state, ARN)
