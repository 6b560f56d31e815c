"""What one snapshot of the store is asked again and again: which question led to which resource and decision.

The same question in the same snapshot has the same answer: who asks, for what, with which parameters, in which Region
and from where are the question, and the snapshot holds every row and policy that the answer is made of. So has it in a
later snapshot, while nobody has changed anything that was read for it (kernel/storage/memory.py). Only time is neither;
policies that ask for it are never remembered (Document.timely). Nothing but an allowance is.
Source: docs/decisions/0016-reading-fast.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from strongroom.kernel.call import Call, Remembered, Target
from strongroom.kernel.registry import Operation
from strongroom.kernel.storage.port import Transaction

BODY_BYTES_AT_MOST = 1024


def recall_request(call: Call, operation: Operation, body: bytes, tx: Transaction) -> None:
    """Look up a request by its bytes; ``call.remembered`` is what was found."""
    if len(body) <= BODY_BYTES_AT_MOST:
        _recall(call, tx, _question(operation, call, body))


def recall_asked(call: Call, operation: Operation, tx: Transaction) -> None:
    """Look up a call that another call makes, by its parameters and by those whom it passed."""
    _recall(call, tx, _question(operation, call, call.via, call.acts_for, *_flat(call.params)))


def recall_but_for(call: Call, operation: Operation, apart: str, tx: Transaction) -> None:
    """Look up a call that another call makes by all of its parameters but one (``Operation.apart``).

    What is found was decided by patterns alone: whatever the parameter is, it would have been decided so.
    """
    call.apart = apart
    rest = {name: value for name, value in call.params.items() if name != apart}
    _recall(call, tx, _question(operation, call, call.via, call.acts_for, _BUT_FOR, apart in call.params, *_flat(rest)))


_BUT_FOR = object()


def recalled_parts(
    call: Call, operation: Operation, tx: Transaction
) -> Callable[[Mapping[str, Any]], Remembered | None] | None:
    """Looks up parts of a call by their parameters, as ``recall_asked`` does; None where nothing is remembered."""
    memory = tx.memory
    if memory is None:
        return None
    same = (*_question(operation, call), call.via, None)

    def recalled(params: Mapping[str, Any]) -> Remembered | None:
        if len(params) == 1:  # names of secrets, by the twenty
            ((name, value),) = params.items()
            if type(value) is str:
                one: Remembered | None = memory.get((*same, name, value))
                return one
        try:
            found: Remembered | None = memory.get((*same, *_flat(params)))
        except TypeError:  # a list among the parameters
            return None
        return found

    return recalled


def remember(call: Call, tx: Transaction, target: Target) -> None:
    """Keep what an allowed call was about, for as long as nobody changes what it was made of."""
    memory, decision = tx.memory, call.decision
    if call.apart is not None and call.plan is None:
        return  # the parameter that the question leaves out may have had a say
    if memory is not None and decision is not None and decision.allowed:
        memory.put(call.question, Remembered(call.params, target, decision, call.credential, call.source))


def _question(operation: Operation, call: Call, *rest: Hashable) -> tuple[Hashable, ...]:
    return id(operation), id(call.credential), id(call.source), call.region, *rest


def _recall(call: Call, tx: Transaction, question: Hashable) -> None:
    memory = tx.memory
    if memory is not None:
        try:
            found = memory.get(question)
        except TypeError:  # a list among the parameters
            return
        call.remembered, call.question = found, question
        if found is not None and found.repeat is None:
            memory.again(question)  # how it is answered again may be said this time


def _flat(params: Mapping[str, Any]) -> Iterator[Hashable]:
    for name, value in params.items():
        yield name
        yield tuple(value.items()) if type(value) is dict else value
