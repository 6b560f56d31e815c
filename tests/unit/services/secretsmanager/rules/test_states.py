"""Who may do what to a secret that is scheduled, a replica, or owned by a service."""

from __future__ import annotations

import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.states import STATES, refuse_in_state

ON_REPLICA = {
    "GetSecretValue",
    "DescribeSecret",
    "ListSecretVersionIds",
    "GetResourcePolicy",
    "StopReplicationToReplica",
    "ValidateResourcePolicy",
    "UpdateSecret",
}
WHILE_SCHEDULED = {"DescribeSecret", "RestoreSecret", "DeleteSecret", "ListSecretVersionIds"}


@pytest.mark.parametrize("operation", sorted(STATES))
def test_a_replica_takes_reads_only(operation: str) -> None:
    if operation in ON_REPLICA:
        refuse_in_state(operation, scheduled=False, replica=True, owner=None)
        return
    with pytest.raises(errors.InvalidParameterException, match="Operation not permitted on a replica secret"):
        refuse_in_state(operation, scheduled=False, replica=True, owner=None)


@pytest.mark.parametrize("operation", sorted(STATES))
def test_a_scheduled_secret_is_described_listed_restored_deleted_and_nothing_else(operation: str) -> None:
    if operation in WHILE_SCHEDULED:
        refuse_in_state(operation, scheduled=True, replica=False, owner=None)
        return
    with pytest.raises(errors.InvalidRequestException, match="because it was marked for deletion"):
        refuse_in_state(operation, scheduled=True, replica=False, owner=None)


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "DeleteSecret"])
def test_an_owned_secret_refuses_changes_and_names_its_owner(operation: str) -> None:
    with pytest.raises(errors.InvalidRequestException, match="managed by rds, and you must use that service"):
        refuse_in_state(operation, scheduled=False, replica=False, owner="rds")


@pytest.mark.parametrize("operation", sorted(STATES))
def test_a_secret_in_no_special_state_is_refused_nothing(operation: str) -> None:
    refuse_in_state(operation, scheduled=False, replica=False, owner=None)
    assert STATES[operation] is not None
