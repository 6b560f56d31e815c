"""What one node asks all others, through the store that they share: for what each keeps to itself, as its journal.

    ask      the question goes into the store, sealed; each other node finds it there and stores its answer, sealed
    answer   a node's runner looks for questions that it has not answered yet
    over     the asker takes question and answers away, or, where it died meanwhile, the next asker

Bounded: so many questions at once, so much time and so long an answer; a node that does not answer is named, so that
nobody takes its silence for an answer. Who may ask is decided before, by the operation that asks.
Our choice: docs/decisions/0040-questions-to-other-nodes.md.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

import orjson
from sqlalchemy import bindparam, delete, func, insert, select

from strongroom.base.classes import dataclass
from strongroom.base.clock import Clock, to_ms
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel import roots
from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import node_answer, node_question

log = logging.getLogger("strongroom.asking")

OPEN_AT_MOST = 32
"""Questions in the store at once, of all nodes together."""
ANSWER_BYTES_AT_MOST = 1024 * 1024
PATIENCE_SECONDS = 10.0
STALE = timedelta(minutes=10)
"""Whoever asked has died: far beyond anybody's patience and any difference between the nodes' clocks."""
_LOOK_SECONDS = 0.05
_ANSWER_EVERY_SECONDS = 0.25
_QUESTION, _ANSWER = "node-question", "node-answer"

_ASK = Statement(
    lambda: insert(node_question).values(
        id=bindparam("v_id"), asked_ms=bindparam("v_asked"), sealed=bindparam("v_sealed")
    )
)
_COUNT = Statement(lambda: select(func.count()).select_from(node_question))
_STALE = Statement(lambda: select(node_question.c.id).where(node_question.c.asked_ms < bindparam("before")))
_END = Statement(lambda: delete(node_question).where(node_question.c.id == bindparam("which")))
_END_ANSWERS = Statement(lambda: delete(node_answer).where(node_answer.c.question == bindparam("which")))
_ANSWERED = select(node_answer.c.question).where(node_answer.c.node == bindparam("named"))
_UNANSWERED = Statement(
    lambda: (
        select(node_question.c.id, node_question.c.sealed)
        .where(node_question.c.id.not_in(_ANSWERED))
        .limit(OPEN_AT_MOST)
    )
)
_IS_OPEN = Statement(lambda: select(node_question.c.id).where(node_question.c.id == bindparam("which")))
_TELL = Statement(
    lambda: insert(node_answer).values(
        question=bindparam("v_id"), node=bindparam("v_node"), sealed=bindparam("v_sealed")
    )
)
_TOLD = Statement(
    lambda: select(node_answer.c.node, node_answer.c.sealed).where(node_answer.c.question == bindparam("which"))
)

Subject = Mapping[str, Any]
"""What is asked; JSON."""
Answerer = Callable[[Subject], Any]
"""What this node has to say about a subject; JSON."""


class TooManyQuestions(Exception):  # noqa: N818  an answer to whoever asks
    """So many questions are open that no further one is taken."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the other nodes said, by their names, and which of them said nothing in time."""

    answers: Mapping[str, Any]
    silent: tuple[str, ...] = ()


class Asks(Protocol):
    """Whoever can ask the other nodes."""

    def ask(self, subject: Subject, enough: Callable[[Any], bool]) -> Heard:
        """What they say; waits until one answer is enough, or all have answered, or patience ends.

        To be called in no transaction. Raises TooManyQuestions.
        """


class Nodes:
    """The nodes of one store, as one of them. Safe to share between threads."""

    def __init__(self, store: Store, keyring: Keyring, entropy: Entropy, clock: Clock, node: str) -> None:
        self._store = store
        self._keyring = keyring
        self._entropy = entropy
        self._clock = clock
        self._node = node

    def ask(
        self, subject: Subject, enough: Callable[[Any], bool], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> Heard:
        """As Asks.ask. An embedded store has one node only, so nobody is asked."""
        others = self._others()
        if not others:
            return Heard({})
        question = uuid4(self._entropy)
        sealed = self._keyring.tokens.seal(_QUESTION, orjson.dumps(subject), question.encode())
        with self._store.write() as tx:
            self._tidy(tx)
            row = tx.row(_COUNT)
            if row is not None and row[0] >= OPEN_AT_MOST:
                raise TooManyQuestions
            tx.run(_ASK, v_id=question, v_asked=to_ms(self._clock()), v_sealed=sealed)
        try:
            return self._heard(question, others, enough, time.monotonic() + patience_seconds)
        finally:
            with self._store.write() as tx:
                _take_away(tx, question)

    def run(self, stop: threading.Event, answerer: Answerer) -> None:
        """Answer what others ask, until told to stop. A failure is logged, and looked at again."""
        if self._store.embedded:
            return
        while not stop.is_set():
            try:
                self.answer(answerer)
            except StoreError as error:
                log.warning("questions of other nodes wait: %s", type(error).__name__)
                stop.wait(1.0)
            stop.wait(_ANSWER_EVERY_SECONDS)

    def answer(self, answerer: Answerer) -> int:
        """Answer every question that this node has not answered yet; how many there were."""
        with self._store.read() as tx:
            waiting = tx.rows(_UNANSWERED, named=self._node)
        for question, sealed in waiting:
            told = self._told(question, bytes(sealed), answerer)
            bound = f"{question} {self._node}".encode()
            with self._store.write() as tx:
                if tx.row(_IS_OPEN, which=question) is not None:
                    answer = self._keyring.tokens.seal(_ANSWER, told, bound)
                    tx.run(_TELL, v_id=question, v_node=self._node, v_sealed=answer)
        return len(waiting)

    def _told(self, question: str, sealed: bytes, answerer: Answerer) -> bytes:
        """An answer in any case: silence would be taken for a node that is down."""
        try:
            subject = orjson.loads(self._keyring.tokens.open(_QUESTION, sealed, question.encode()))
            told = orjson.dumps(answerer(subject))
            return told if len(told) <= ANSWER_BYTES_AT_MOST else b"null"
        except SealBroken:
            log.error("a question in the store was not put there by a node of ours")  # noqa: TRY400  no trace needed
        except Exception:
            log.exception("a question of another node could not be answered")
        return b"null"

    def _others(self) -> tuple[str, ...]:
        if self._store.embedded:
            return ()
        with self._store.read() as tx:
            return tuple(node for node in roots.holders(tx) if node != self._node)

    def _tidy(self, tx: Transaction) -> None:
        for (question,) in tx.rows(_STALE, before=to_ms(self._clock() - STALE)):
            _take_away(tx, question)

    def _heard(self, question: str, others: tuple[str, ...], enough: Callable[[Any], bool], until: float) -> Heard:
        answers: dict[str, Any] = {}
        while True:
            with self._store.read() as tx:
                rows = tx.rows(_TOLD, which=question)
            for node, sealed in rows:
                if node in others and node not in answers:
                    answers[node] = self._opened(question, node, bytes(sealed))
            silent = tuple(node for node in others if answers.get(node) is None)
            missing = any(node not in answers for node in others)
            if not missing or any(enough(answer) for answer in answers.values() if answer is not None):
                return Heard({node: told for node, told in answers.items() if told is not None}, silent)
            if time.monotonic() > until:
                return Heard({node: told for node, told in answers.items() if told is not None}, silent)
            time.sleep(_LOOK_SECONDS)

    def _opened(self, question: str, node: str, sealed: bytes) -> Any:
        try:
            return orjson.loads(self._keyring.tokens.open(_ANSWER, sealed, f"{question} {node}".encode()))
        except SealBroken:
            log.error("an answer in the store was not put there by a node of ours")  # noqa: TRY400  no trace needed
            return None


def _take_away(tx: Transaction, question: str) -> None:
    tx.run(_END_ANSWERS, which=question)
    tx.run(_END, which=question)
