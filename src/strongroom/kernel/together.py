"""Reads that came together, taken through the chain together: each step for all of them, before the next step for any.

A step that has just been taken is in the processor's caches, with all that it looks at: taken again at once, it costs
half of that and less. The steps and their order are kernel/steps.py's. Each read has its own decision, its
own records and its own refusal; what one of them raises ends that one alone.

    BEFORE                   each step, for all
    locate, decide, answer   for those whose kin is known (kernel/kinship.py)
    INSIDE                   the others, one by one, all steps
    INSIDE                   each step, for all that is remembered now
    reply and records        for all of those

All are read in one snapshot, and that is looked for after the last of them came. What is remembered of one hangs on
what was read for that one, as if it had come alone. Where somebody commits in the middle, whoever has no answer yet is
entered anew, alone.
Source: docs/decisions/0067-reads-together.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.kinship import Likeness
from strongroom.kernel.registry import Alike, Operation
from strongroom.kernel.steps import BEFORE, INSIDE, handle_the_call, repeated, write_the_answer
from strongroom.kernel.storage.port import Notes, SnapshotMoved, Transaction

log = logging.getLogger("strongroom.chain")

Step = Callable[[Chain, Flight, Transaction], object]
Inside = Callable[[Chain, Call, Operation, Transaction, Answer], Answer]
_NOTHING: Answer = {}


def enter_together(chain: Chain, flights: Sequence[Flight]) -> None:
    """As ``Chain.enter`` of each of these flights. For reads of steady operations that nobody has entered yet."""
    if len(flights) == 1:
        chain.enter(flights[0])
        return
    going = list(flights)
    try:
        with chain.store.glance() as tx:
            _go(chain, going, tx)
    except SnapshotMoved:
        pass
    except Exception as error:  # noqa: BLE001  where it still stands, each says so itself
        log.error("reads could not be answered together: %s", type(error).__name__)  # noqa: TRY400  it may quote
    for flight in going:
        if flight.reply is None and not flight.needs_time:
            flight.start_over()
            chain.enter(flight)


def _go(chain: Chain, going: list[Flight], tx: Transaction) -> None:
    """Take them as far as they go. What is in ``going`` at the end and has no reply is to be entered anew."""
    chain.catch_up(tx)
    memory = tx.memory
    before = None if memory is None else memory.apart()
    for step in BEFORE:
        _each(chain, going, step, tx)
    if memory is not None:
        memory.together(before)  # what was recalled must not hang on what is read for others
    remembered, alike, others = _sorted(chain, going, tx)
    if alike and memory is not None:
        _ask_kin([one for _, one in alike], chain, tx, memory)
    for flight, _ in alike:
        (others if flight.call.remembered is None else remembered).append(flight)
    _each(chain, others, _alone, tx)
    going[:] = remembered
    _inside(chain, going, tx)


def _each(chain: Chain, going: list[Flight], step: Step, tx: Transaction) -> None:
    """One step for each; whom it stops is not in ``going`` any more."""
    left = []
    for flight in going:
        try:
            step(chain, flight, tx)
        except SnapshotMoved:
            raise
        except Exception as error:  # noqa: BLE001  as in Chain.enter
            chain.stopped(flight, error)
        else:
            left.append(flight)
    going[:] = left


def _sorted(
    chain: Chain, going: list[Flight], tx: Transaction
) -> tuple[list[Flight], list[tuple[Flight, Likeness]], list[Flight]]:
    """Those that are answered again as they were before, those whose kin is known, and all others."""
    remembered, alike, others = [], [], []
    for flight in going:
        call, operation = flight.call, flight.operation
        found = call.remembered
        if found is not None and found.repeat is not None and call.now == call.machine_now:
            remembered.append(flight)
            continue
        one = None
        if found is None and operation is not None and isinstance(operation.alike, Alike):
            one = chain.kinship.begun(call, operation, operation.alike, tx)
        if one is None:
            others.append(flight)
        else:
            alike.append((flight, one))
    return remembered, alike, others


def _ask_kin(going: list[Likeness], chain: Chain, tx: Transaction, memory: Notes) -> None:
    """What kin says of each of these calls is remembered of it now. Of whom it does not say, nothing is."""

    def keep(one: Likeness, _tx: Transaction) -> bool:
        call = one.call
        made = call.remembered = chain.kinship.made(one)
        call.by_kin = made is not None
        if made is not None and memory.met(call.question):
            memory.put_of(one.owners, call.question, made)
        return made is not None

    for step in (Likeness.locate, Likeness.decide, Likeness.answer, keep):
        left = []
        for one in going:
            before = memory.apart()
            try:
                goes_on = step(one, tx)
                one.owners |= memory.owners
            except SnapshotMoved:
                raise
            except Exception:  # noqa: BLE001, S112  alone, it is raised again, and told
                continue
            finally:
                memory.together(before)
            if goes_on:
                left.append(one)
            else:
                one.call.kinless = True
        going = left


def _alone(chain: Chain, flight: Flight, tx: Transaction) -> None:
    """All of INSIDE for one; what is remembered of it hangs on what is read for it."""
    memory, call = tx.memory, flight.call
    if memory is None:
        chain.through(flight, tx)
        return
    before = memory.apart()
    try:
        if call.remembered is not None:
            memory.again(call.question)
        chain.through(flight, tx)
    finally:
        memory.together(before)


def _inside(chain: Chain, going: list[Flight], tx: Transaction) -> None:
    """Each step of INSIDE for all of these, which are remembered; then their replies. Who turns out to need the handler
    gets none.
    """
    there = list(going)
    answers: dict[int, Answer | None] = dict.fromkeys(map(id, going), _NOTHING)
    for inside in INSIDE:
        _each(chain, there, _step(inside, answers), tx)
        there = [flight for flight in there if answers[id(flight)] is not None]

    def answer(chain: Chain, flight: Flight, tx: Transaction) -> None:
        write_the_answer(chain, flight, answers[id(flight)] or _NOTHING, tx)

    _each(chain, there, answer, tx)


def _step(inside: Inside, answers: dict[int, Answer | None]) -> Step:
    """A step of INSIDE, with the answers as they are so far; None for whom the handler would have to be asked."""

    def step(chain: Chain, flight: Flight, tx: Transaction) -> None:
        call, operation, sofar = flight.call, flight.operation, answers[id(flight)]
        if operation is None or sofar is None:
            raise RuntimeError("a remembered call without an operation, or that needs its handler")
        answers[id(flight)] = inside(chain, call, operation, tx, sofar)

    def again(_chain: Chain, flight: Flight, _tx: Transaction) -> None:
        answers[id(flight)] = repeated(flight.call)

    return again if inside is handle_the_call else step
