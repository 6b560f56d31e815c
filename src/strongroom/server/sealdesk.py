"""What the operator asks about the root key: unseal, shares one at a time, rotate, change.

The desk lives in the supervisor's loop; whatever waits (stores, tokens, commands, passphrases) is an errand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.by_shares import ShamirSeal
from strongroom.kernel.sealing.seals import Seal, parse_seal
from strongroom.server import changing
from strongroom.server.changing import Candidate, Wanted
from strongroom.server.errand import outcome_of
from strongroom.server.keeping import brought_up, told_plainly
from strongroom.server.lines import Message
from strongroom.server.parts import StartRefused
from strongroom.server.supervisor import Supervisor

Tell = Callable[[Mapping[str, Any]], None]
_SHARES_SECONDS = 600.0
_SECRET_BYTES_AT_MOST = 16 * 1024


class SealDesk:
    """The seal of a running server, and the shares that have been given so far."""

    def __init__(self, supervisor: Supervisor, seal: Seal, command: Sequence[str]) -> None:
        self._supervisor = supervisor
        self._command = tuple(command)
        self._data = supervisor.directory.root
        self._shares: dict[int, bytes] = {}
        self._collecting = 0
        self._keeping = False
        self._told_behind = False
        self.seal = seal
        supervisor.on_behind = self._catch_up

    def status(self) -> Mapping[str, Any]:
        """How the root key is kept, and how many shares have been given. No secret."""
        told: dict[str, Any] = {
            "kind": self.seal.kind,
            "protects": self.seal.describe(),
            "asks": self.seal.asks,
        }
        if isinstance(self.seal, ShamirSeal):
            told |= {"given": len(self._shares), "needed": self.seal.threshold}
        return told

    # Opening

    def unseal(self, message: Message, tell: Tell) -> None:
        """Open the seal with what the message brings. Raises StartRefused, SealFailure."""
        supervisor = self._supervisor
        if supervisor.root_key is not None:
            raise StartRefused("the server is not sealed")
        secret = secret_of(message, "secret")
        if isinstance(self.seal, ShamirSeal):
            secret = self._collected(self.seal, secret or b"")
            if secret is None:
                tell({"state": "sealed", "given": len(self._shares), "needed": self.seal.threshold})
                return
            self._shares.clear()
        seal, parts, certificates, data = self.seal, supervisor.parts, supervisor.certificates, self._data

        def work() -> Mapping[str, Any]:
            root_key = seal.open(secret)
            parts.prepare(root_key)
            newest = brought_up(parts, seal, certificates, root_key, secret)
            current.tidy(data, seal.path)
            return {"root_key": newest.hex()}

        def done(answer: Message) -> None:
            supervisor.unseal(bytes.fromhex(answer["root_key"]), lambda: tell({"state": supervisor.state}))

        self._errand("unseal", work, done, tell)

    def _collected(self, seal: ShamirSeal, share: bytes) -> bytes | None:
        """All shares together, once there are enough. Forgotten after ten minutes without the next one."""
        number = seal.number_of(share)
        if number in self._shares:
            raise StartRefused(f"Share {number} was given already: {len(self._shares)} of {seal.threshold} are there.")
        self._shares[number] = share
        self._collecting += 1
        turn = self._collecting
        self._supervisor.reactor.later(_SHARES_SECONDS, lambda: self._forget_shares(turn))
        return b"\n".join(self._shares.values()) if len(self._shares) >= seal.threshold else None

    def _forget_shares(self, turn: int) -> None:
        if turn == self._collecting:
            self._shares.clear()

    # Rotation

    def rotate(self, message: Message, tell: Tell) -> None:
        """Begin to replace the root key, or bring this node's seal up to what is under way."""
        supervisor, root_key = self._supervisor, self._root_key()
        seal, parts, secret = self.seal, supervisor.parts, secret_of(message, "secret")

        def work() -> Mapping[str, Any]:
            seal.refuse_keeping()
            changing.prove(seal, root_key, secret)
            parts.rotate(root_key)
            return {}

        self._errand("seal rotate", work, lambda _: self._keep(secret, tell), tell)

    def _catch_up(self) -> None:
        """The runner says that this node's seal is behind: another node rotates, or we died in between."""
        if self._supervisor.root_key is None or self._keeping:
            return
        if not self.seal.asks:
            self._keep(None, self._tell_failure)
        elif not self._told_behind:
            self._told_behind = True
            self._supervisor.tell(
                "the root key is being replaced, and this node's seal still gives the older one: "
                f"run `strongroom seal rotate` here and give its {self.seal.asks}"
            )

    def _keep(self, secret: bytes | None, tell: Tell) -> None:
        """Have every child know the new root, then the seal keep it, then the store know that."""
        supervisor, root_key = self._supervisor, self._root_key()
        seal, parts, certificates = self.seal, supervisor.parts, supervisor.certificates
        self._keeping = True

        def work() -> Mapping[str, Any]:
            return {"root_key": brought_up(parts, seal, certificates, root_key, secret).hex()}

        def done(answer: Message) -> None:
            self._told_behind = False
            if supervisor.root_key is not None:
                supervisor.root_key = bytes.fromhex(answer["root_key"])
            tell({"state": supervisor.state})

        supervisor.catch_up(lambda: self._errand("keeping the root key", work, done, tell))

    def _tell_failure(self, answer: Mapping[str, Any]) -> None:
        if "refused" in answer and not self._told_behind:
            self._told_behind = True
            self._supervisor.tell(f"the root key is being replaced, and this node is behind: {answer['refused']}")

    # Change

    def prepare_change(self, message: Message, tell: Tell) -> None:
        """Have another seal keep the root key beside the present one; its shares are answered."""
        root_key, now, parts = self._root_key(), self.seal, self._supervisor.parts
        secret = secret_of(message, "secret")
        wanted = Wanted(
            str(message.get("to")),
            secret_of(message, "new_secret"),
            number_of(message, "threshold"),
            number_of(message, "shares"),
        )

        def work() -> Mapping[str, Any]:
            changing.prove(now, root_key, secret)
            made = changing.prepare(parts, self._data, self._command, now, root_key, wanted)
            return {"seal": made.seal, "name": made.name, "shares": list(made.shares)}

        self._errand("seal change", work, tell, tell)

    def commit_change(self, message: Message, tell: Tell) -> None:
        """Make the prepared seal the one that stands."""
        root_key, now, parts = self._root_key(), self.seal, self._supervisor.parts
        candidate = Candidate(str(message.get("seal")), str(message.get("name")))

        def work() -> Mapping[str, Any]:
            changing.commit(parts, self._data, self._command, now, candidate, root_key)
            return {}

        def done(_: Message) -> None:
            self.seal = parse_seal("", self._data, self._command)
            self._shares.clear()
            tell({"state": self._supervisor.state, **self.status()})

        self._errand("seal change", work, done, tell)

    # Small parts

    def _root_key(self) -> bytes:
        if self._supervisor.root_key is None:
            raise StartRefused("The server is sealed: unseal it first.")
        return self._supervisor.root_key

    def _errand(
        self, name: str, work: Callable[[], Mapping[str, Any]], done: Callable[[Message], None], tell: Tell
    ) -> None:
        def told(outcome: Message) -> None:
            self._keeping = False
            try:
                answer = outcome_of(outcome)
            except StartRefused as refusal:
                tell({"refused": str(refusal)})
                return
            done(answer)

        self._supervisor.errand(name, told_plainly(work), told)


def secret_of(message: Message, name: str) -> bytes | None:
    """A secret in a message, which is sent in hexadecimal. Raises StartRefused."""
    found = message.get(name)
    if not isinstance(found, str):
        return None
    try:
        secret = bytes.fromhex(found)
    except ValueError:
        raise StartRefused("a secret is sent in hexadecimal") from None
    if len(secret) > _SECRET_BYTES_AT_MOST:
        raise StartRefused("this is longer than any secret")
    return secret


def number_of(message: Message, name: str) -> int:
    """A number in a message; 0 where there is none."""
    found = message.get(name)
    return found if isinstance(found, int) else 0
