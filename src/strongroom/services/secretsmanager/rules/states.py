"""Which operation answers what on a secret that is scheduled for deletion, a replica, or owned by a service.

One table, checked in one place before any handler runs, so that precedence cannot vary.

Source: facts secretsmanager section 8 (table), section 10 (table), section 6 ("Managed by a service").
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.base.classes import dataclass
from strongroom.services.secretsmanager import errors


@dataclass(frozen=True, slots=True)
class Allows:
    """In which special states an operation still works."""

    scheduled: bool
    replica: bool
    owned: bool


READS, CHANGES = Allows(False, True, True), Allows(False, False, False)

STATES: Mapping[str, Allows] = {
    "DescribeSecret": Allows(True, True, True),
    # InvalidRequestException is not among its modelled errors, so a scheduled secret's versions are listed.
    "ListSecretVersionIds": Allows(True, True, True),
    "GetSecretValue": READS,
    "GetResourcePolicy": READS,
    "ValidateResourcePolicy": READS,
    "PutSecretValue": CHANGES,
    # On a replica UpdateSecret may change the replica's own key and nothing else: the operation looks itself.
    "UpdateSecret": Allows(False, True, False),
    "UpdateSecretVersionStage": CHANGES,
    # Tags and policies are the owner's of the account, also on a secret that a service made.
    "TagResource": Allows(False, False, True),
    "UntagResource": Allows(False, False, True),
    "PutResourcePolicy": Allows(False, False, True),
    "DeleteResourcePolicy": Allows(False, False, True),
    # A second DeleteSecret is refused unless forced: the operation looks itself.
    "DeleteSecret": Allows(True, False, False),
    "RestoreSecret": Allows(True, False, True),
    # An owned secret may be rotated; only its function is not the user's to choose.
    "RotateSecret": Allows(False, False, True),
    "CancelRotateSecret": Allows(False, False, False),
    "ReplicateSecretToRegions": Allows(False, False, True),
    "RemoveRegionsFromReplication": Allows(False, False, True),
    "StopReplicationToReplica": Allows(False, True, True),
}


def refuse_in_state(operation: str, *, scheduled: bool, replica: bool, owner: str | None) -> None:
    """Raise what AWS answers where the secret's state does not allow the operation.

    A replica's error outranks the others: the call must go elsewhere anyway (Our choice).
    """
    allows = STATES[operation]
    if replica and not allows.replica:
        raise errors.InvalidParameterException(errors.ON_REPLICA)
    if scheduled and not allows.scheduled:
        raise errors.InvalidRequestException(errors.MARKED)
    if owner is not None and not allows.owned:
        raise errors.managed_by(owner)
