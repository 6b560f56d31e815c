"""Many secrets in one transaction: each line is a CreateSecret request of the caller's, decided and recorded as one.

A line may leave ClientRequestToken out. Then it is made of account, Region and name, so that the same line taken twice
is a repeated request and makes nothing twice. Never of the value: version ids are public, and short values could be
guessed from them. Source: issue 9, point 4; decision 0056.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.call import Call
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.registry import Imported
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.wire import json11
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.gathering import Gathering
from strongroom.services.secretsmanager.rules.identifiers import SecretRef

SERVICE, CREATE = "secretsmanager", "CreateSecret"
NOT_A_REQUEST = "The line is no JSON object with the members of a CreateSecret request."


def take_lines(call: Call, tx: Transaction, lines: Sequence[bytes], go_on: bool) -> Imported:
    """As the registry's Importer."""
    created = present = done = 0
    errors: list[tuple[int, str, str]] = []
    read = [_read(call, line) if line.strip() else None for line in lines]
    names = (one.get("Name") for one in read if isinstance(one, dict))
    gathering = Gathering(call, tx, (name for name in names if isinstance(name, str)))
    for at, params in enumerate(read):
        if params is not None:
            try:
                if _take(call, tx, params, gathering, may_gather=created > 0):
                    created += 1
                else:
                    present += 1
            except Answerable as refusal:
                code = wire.code_of(refusal, SERVICE, CATALOGUE)
                errors.append((at, code, refusal.message or code))
                if not go_on:
                    break
        done = at + 1
    gathering.store(tx)
    return Imported(done, created, present, errors)


def _take(
    call: Call, tx: Transaction, params: dict[str, Any] | Refusal, gathering: Gathering, *, may_gather: bool
) -> bool:
    """Make one secret; False where the same request had made it before. Raises what CreateSecret refuses with.

    ``may_gather``: a line before has found the default key there, or made it. Making it is a change.
    """
    if isinstance(params, dict) and may_gather and gathering.fits(params):
        call.request(tx, SERVICE, CREATE, params, gathering)
        gathering.use(params["Name"])
        return True
    gathering.store(tx)
    known = _is_there(call, tx, params)
    with tx.attempt():
        call.request(tx, SERVICE, CREATE, params)
    if isinstance(params, dict):
        gathering.use(params["Name"])
    gathering.recount(tx)
    return not known


def _is_there(call: Call, tx: Transaction, params: dict[str, Any] | Refusal) -> bool:
    name = None if isinstance(params, Refusal) else params.get("Name")
    if not isinstance(name, str):
        return False
    return store.secrets.find_secret(tx, SecretRef(call.account, call.region, name)) is not None


def _read(call: Call, line: bytes) -> dict[str, Any] | Refusal:
    """The parameters of a line, or why it has none."""
    try:
        params = json11.read(CATALOGUE.service(SERVICE).operations[CREATE], line)
    except Refusal as refusal:
        return refusal if refusal.message else Refusal(Kind.SERIALIZATION, NOT_A_REQUEST)
    if not params.get("ClientRequestToken"):
        params["ClientRequestToken"] = token_of(call.account, call.region, str(params.get("Name")))
    return params


def token_of(account: str, region: str, name: str) -> str:
    """The token of a line that has none."""
    digest = sha256(f"strongroom import\n{account}\n{region}\n{name}".encode("utf-8", "surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=4))
