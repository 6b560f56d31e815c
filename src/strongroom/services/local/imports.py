"""Secrets by the file: one CreateSecret request a line, a batch of lines a call, no line done twice.

How far a file is stands in the store, by the file's hash, in the very transaction that makes the secrets: whoever was
killed in the middle goes on behind the last batch that was committed. Source: issue 9, point 4; decision 0056.

Action: strongroom:SecretsImport. Every line is decided and recorded as the caller's CreateSecret besides.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.clock import to_ms
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Imported, Importer, Mode, Read, Registry, Room, Turn
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.services.local import errors, store
from strongroom.services.local.store import Import

LINES_AT_MOST = 500
"""In one call: a batch holds the one writer's place."""
ACTION = "strongroom:SecretsImport"
_ALLOWED, _PREPARED = "may import", "lines"
ENDED = "ImportSecrets"
"""The one event of a whole import."""


class _OnlyTried(Exception):  # noqa: N818  a signal: takes back what a dry run has done
    pass


def declare(room: Room, registry: Registry) -> None:
    """Declare the operations."""

    @room.operation("StartImport", mode=Mode.WRITE, action=ACTION, shown=("NextLine", "Ended"))
    def start_import(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Begin the import of a file, or learn where it goes on. ``Again`` begins one anew that has ended."""
        now_ms = to_ms(call.machine_now)
        store.forget_old_imports(tx, now_ms)
        one = store.find_import(tx, call.account, call.region, call["Sha256"])
        if one is None or (one.ended_ms is not None and call.get("Again")):
            one = Import(now_ms)
            store.put_import(tx, call.account, call.region, call["Sha256"], one)
        return _answer(one, ())

    turn = Turn(lambda call, read: _prepare(call, read, registry), _may_be_next)

    @room.operation(
        "ImportLines", mode=Mode.SLOW_WRITE, action=ACTION, shown=("NextLine", "Created", "Failed"), turn=turn
    )
    def import_lines(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Make the secrets of the next lines. Lines that are done already are passed over.

        Who may do so is decided on a snapshot first, then lines are worked out; in their turn all is looked at again.
        """
        if tx.writable:
            return _answered(call, tx, _importer(registry))
        call.once(_ALLOWED, lambda: True)
        raise NeedsWrite


def _importer(registry: Registry) -> Importer:
    if registry.importer is None:
        raise RuntimeError("nobody takes lines")
    return registry.importer


def _answered(call: Call, tx: Transaction, importer: Importer) -> Answer:
    """Make the lines of a request, in its turn."""
    lines, first = _lines(call), call["FirstLine"]
    if call.get("DryRun"):
        made = _tried(call, tx, importer, lines)
        return _answer(Import(0)._replace(next_line=first + made.done), _errors(made, first))
    one = store.find_import(tx, call.account, call.region, call["Sha256"])
    if one is None:
        raise errors.NoSuchImportException("The import of this file has not begun.")
    if one.ended_ms is not None:
        return _answer(one, ())
    if first > one.next_line:
        raise errors.ImportOutOfStepException(f"The next line of this import is {one.next_line}.")
    left = lines[one.next_line - first :]
    prepared = call.computed.get(_PREPARED) if first == one.next_line else None
    made = importer.take(call, tx, left, bool(call.get("ContinueOnError")), prepared)
    after = _after(call, one, made, last=bool(call.get("Last")) and made.done == len(left))
    store.put_import(tx, call.account, call.region, call["Sha256"], after)
    if after.ended_ms is not None:
        _tell(call, after)
    return _answer(after, _errors(made, one.next_line))


def _may_be_next(call: Call, tx: Transaction) -> bool:
    """Whether the lines before these are done; or else nothing is to be waited for."""
    if call.get("DryRun"):
        return True
    one = store.find_import(tx, call.account, call.region, call["Sha256"])
    return one is None or one.ended_ms is not None or call["FirstLine"] <= one.next_line


def _prepare(call: Call, read: Read, registry: Registry) -> None:
    """Work lines out that may come to be made as they are, for a caller who may import."""
    if call.get("DryRun") or _ALLOWED not in call.computed:
        return
    with read() as tx:
        one = store.find_import(tx, call.account, call.region, call["Sha256"])
    if one is not None and one.ended_ms is None and call["FirstLine"] >= one.next_line:
        call.once(_PREPARED, lambda: _importer(registry).prepare(call, read, _lines(call)))


def _lines(call: Call) -> list[bytes]:
    """The lines of a request. Raises the VALIDATION refusal where they are too many."""
    body: bytes = call.get("Lines") or b""
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if len(lines) > LINES_AT_MOST:
        raise Refusal(Kind.VALIDATION, f"An import takes at most {LINES_AT_MOST} lines at once.")
    return lines


def _tried(call: Call, tx: Transaction, importer: Importer, lines: list[bytes]) -> Imported:
    """What would become of the lines. Nothing is kept, and of what was granted nothing recorded: it was not done."""
    found: list[Imported] = []
    try:
        with tx.attempt():
            found.append(importer.take(call, tx, lines, True, None))
            raise _OnlyTried  # noqa: TRY301  the way out of an attempt that takes it back
    except _OnlyTried:
        call.records[:] = [record for record in call.records if "errorCode" in record.event]
    return found[0]


def _after(call: Call, one: Import, made: Imported, *, last: bool) -> Import:
    return one._replace(
        next_line=one.next_line + made.done,
        created=one.created + made.created,
        present=one.present + made.present,
        failed=one.failed + sum(at < made.done for at, _, _ in made.errors),
        ended_ms=to_ms(call.machine_now) if last else None,
    )


def _errors(made: Imported, first: int) -> list[dict[str, Any]]:
    return [{"Line": first + at, "Code": code, "Message": text} for at, code, text in made.errors]


def _answer(one: Import, told: Any) -> Answer:
    return {
        "NextLine": one.next_line,
        "Created": one.created,
        "Present": one.present,
        "Failed": one.failed,
        "Ended": one.ended_ms is not None,
        "Errors": list(told),
    }


def _tell(call: Call, one: Import) -> None:
    """The one event of the whole import, with the file's hash as the caller gave it."""
    details = {
        "sha256": call["Sha256"],
        "lines": one.next_line - 1,
        "created": one.created,
        "present": one.present,
        "failed": one.failed,
        "begun": one.begun_ms,
        "by": call.principal.arn,
    }
    call.tell(ENDED, account=call.account, details=details)
