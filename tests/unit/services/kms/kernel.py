"""What a call has in hand, for tests of the room without the chain: a keyring, and no decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.base.running import Functions
from strongroom.kernel.authz.model import ContextValue, Decision
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Answer, Call, Credential, Dependents, Roles, Source, Target
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms.room import ROOM

ACCOUNT, REGION = "111122223333", "us-east-1"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYRING = Keyring(bytes(range(32)))


class Undecided:
    """A kernel that cannot decide: whoever asks it to has left what these tests are about."""

    entropy: Entropy = SystemEntropy()
    keyring = KEYRING
    quotas: Mapping[str, int] = {}

    @property
    def roles(self) -> Roles:
        raise NotImplementedError

    @property
    def functions(self) -> Functions:
        raise NotImplementedError

    def ask(self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        raise NotImplementedError

    def dependents(self, tx: Transaction, account: str, arn: str, at_most: int) -> Dependents:
        return Dependents()

    def part(self, call: Call, tx: Transaction, operation: str, params: Mapping[str, Any]) -> Answer:
        raise NotImplementedError

    def act(
        self,
        call: Call,
        tx: Transaction,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        resource: tuple[str, str],
    ) -> Answer:
        raise NotImplementedError

    def tell(
        self,
        call: Call,
        name: str,
        *,
        account: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Nobody reads these records."""

    def authorise(
        self, call: Call, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue]
    ) -> Decision:
        raise NotImplementedError


def call_of(name: str, params: Mapping[str, Any], *, invoked_by: str | None = None, account: str = ACCOUNT) -> Call:
    """A call of an operation by the account's root."""
    root = Principal(PrincipalKind.ROOT, arn=f"arn:aws:iam::{account}:root", account=account)
    return Call(
        kernel=Undecided(),
        service="kms",
        name=name,
        region=REGION,
        credential=Credential(root, "AKIAEXAMPLE", "secret"),
        params=params,
        now=NOW,
        machine_now=NOW,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
        invoked_by=invoked_by,
    )


def run(tx: Transaction, name: str, *, invoked_by: str | None = None, account: str = ACCOUNT, **params: Any) -> Answer:
    """Locate and handle, as the chain does around its decision. Raises what the operation answers with."""
    call = call_of(name, params, invoked_by=invoked_by, account=account)
    operation = ROOM.operations[name]
    call.target = operation.locate(call, tx)
    if call.target.found is None and call.target.missing is not None:
        raise call.target.missing
    return operation.handle(call, call.target.found, tx)
