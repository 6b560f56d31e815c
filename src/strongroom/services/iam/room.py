"""The room's operations, and the one rule that holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Call, Target
from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Handler, Keys, Locator, Mode, Room, no_keys
from strongroom.kernel.storage.port import Transaction

ROOM = Room("iam", refused=refused_operations("iam"))


def operation(
    name: str, *, mode: Mode, locate: Locator, keys: Keys = no_keys, shown: Sequence[str] = ()
) -> Callable[[Handler], Handler]:
    """Declare an operation of IAM: as the room does, and closed to sessions that may not use IAM."""

    def guarded(call: Call, tx: Transaction) -> Target:
        refuse_bare_session(call)
        return locate(call, tx)

    return ROOM.operation(name, mode=mode, locate=guarded, keys=keys, shown=shown)


def refuse_bare_session(call: Call) -> None:
    """Refuse what GetSessionToken (without MFA) and GetFederationToken gave out.

    Source: IAM User Guide, "Compare AWS STS credentials": such credentials cannot call IAM. They are answered
    as if the token were unknown, as AWS does. Sessions of the console may: people manage users there.
    """
    principal = call.principal
    bare_user = principal.kind is PrincipalKind.USER and principal.token_issued is not None and not principal.mfa
    bare_user = bare_user and not principal.from_console
    if bare_user or principal.kind is PrincipalKind.FEDERATED:
        raise Refusal(Kind.UNKNOWN_KEY, "The security token included in the request is invalid.")
