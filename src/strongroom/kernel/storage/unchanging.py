"""What a transaction refuses that changes nothing: a glance, a read, and the groundwork of a write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.foresight import Foreseen
from strongroom.kernel.storage.port import NeedsWrite, Statement


class Unchanging:
    """The changing half of Transaction, refused with NeedsWrite: the call runs again as a write."""

    __slots__ = ()

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:  # noqa: ARG002
        """As Transaction.run."""
        raise NeedsWrite

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:  # noqa: ARG002
        """As Transaction.many."""
        raise NeedsWrite

    def attempt(self) -> AbstractContextManager[None]:
        """As Transaction.attempt."""
        raise NeedsWrite

    def raise_generation(self, account: str, kind: str) -> None:  # noqa: ARG002
        """As Transaction.raise_generation."""
        raise NeedsWrite

    def play(self, foreseen: Foreseen) -> bool:  # noqa: ARG002
        """As Transaction.play."""
        raise NeedsWrite
