"""Many secrets in one transaction: each line is a CreateSecret request of the caller's, decided and recorded as one.

A line may leave ClientRequestToken out. Then it is made of account, Region and name, so that the same line taken twice
is a repeated request and makes nothing twice. Never of the value: version ids are public, and short values could be
guessed from them. Source: issue 9, point 4; decision 0056.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.call import AnyRecord, Call
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.registry import Imported, Read
from strongroom.kernel.storage.groundwork import Ground, Groundwork, stands
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.kernel.wire import json11
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.gathering import Ahead, Gathering, New, is_plain
from strongroom.services.secretsmanager.rules.identifiers import SecretRef

SERVICE, CREATE = "secretsmanager", "CreateSecret"
NOT_A_REQUEST = "The line is no JSON object with the members of a CreateSecret request."


class Worked(NamedTuple):
    """A line that was decided, sealed and recorded before its turn."""

    new: New
    records: Sequence[AnyRecord]


class Prepared(NamedTuple):
    """Lines as they were read, those of them that were worked out, by their places, and what that hangs on."""

    read: Sequence[dict[str, Any] | Refusal | None]
    worked: Mapping[int, Worked]
    ground: Ground


class Lines:
    """As the registry's Importer."""

    def __init__(self) -> None:
        self._one = Lock()

    def prepare(self, call: Call, read: Read, lines: Sequence[bytes]) -> Prepared:
        """Work out what can be before its turn. What is refused here is refused in its turn, and told there."""
        with self._one:  # several would not be done sooner, and everybody else in this process would wait for them
            return self._prepared(call, read, lines)

    def _prepared(self, call: Call, read: Read, lines: Sequence[bytes]) -> Prepared:
        view, worked, listed = Groundwork(read), dict[int, Worked](), _all_read(call, lines)
        requests = call.requests(view, SERVICE, CREATE)
        for at, params in enumerate(listed):
            if not isinstance(params, dict) or not is_plain(params):
                continue
            ahead = Ahead()
            try:
                _, records = requests.run(params, ahead)
            except NeedsWrite:
                break  # there is no default key yet, or else something that the others need as well
            except Answerable:
                continue
            if ahead.new is not None:
                worked[at] = Worked(ahead.new, records)
        return Prepared(listed, worked, view.ground)

    def take(
        self, call: Call, tx: Transaction, lines: Sequence[bytes], go_on: bool, prepared: Prepared | None
    ) -> Imported:
        """Make the secrets of lines, in their turn."""
        created = present = done = 0
        errors: list[tuple[int, str, str]] = []
        read, worked = (_all_read(call, lines), {}) if prepared is None else (prepared.read, prepared.worked)
        holds = prepared is not None and stands(prepared.ground, tx)
        names = (one.get("Name") for one in read if isinstance(one, dict))
        gathering = Gathering(call, tx, (name for name in names if isinstance(name, str)))
        for at, params in enumerate(read):
            one = worked.get(at) if holds else None
            if one is not None and gathering.add(call, one.new):
                call.records += one.records
                created += 1
            elif params is not None:
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
                # It may have changed what the lines behind it were worked out on.
                holds = holds and prepared is not None and stands(prepared.ground, tx)
            done = at + 1
        gathering.store(tx)
        return Imported(done, created, present, errors)


def _all_read(call: Call, lines: Sequence[bytes]) -> list[dict[str, Any] | Refusal | None]:
    return [_read(call, line) if line.strip() else None for line in lines]


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
