"""The keys of registered issuers: fetched when they are needed, by one caller at a time, and kept for a while.

A stranger may send any token, so a token must never be able to make us ask an issuer as often as it likes: keys
are asked for at most once in a pause, whatever key ids tokens name.
Source: OpenID Connect Discovery 1.0, section 4; RFC 7517; issue 4, point 6.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from strongroom.base.classes import dataclass, field
from strongroom.kernel.crypto.jws import PublicKey, public_key
from strongroom.kernel.outside.https import BadAnswer, Unreachable
from strongroom.services.sts.errors import IDPCommunicationErrorException, InvalidIdentityTokenException
from strongroom.services.sts.web_identity.board import Board, Note
from strongroom.services.sts.web_identity.token import Claimed, chosen_key

log = logging.getLogger("strongroom.sts")

KEEP_SECONDS = 3600.0
"""How long keys are believed without asking again: so long does a key live that its issuer took back."""
PAUSE_SECONDS = 60.0
"""Between two questions to one issuer for a key that it did not have. Source: issue 4, point 6."""
PAUSE_AFTER_FAILURE_SECONDS = 5.0
WAIT_SECONDS = 12.0
"""How long a caller waits while another asks: two answers of five seconds, and a little."""
MOST_ISSUERS = 1000
MOST_KEYS = 100

_SLOW = "The identity provider is slow to answer. Please try again."
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)


class Get(Protocol):
    """Fetches what is at a URL, bounded. Raises Unreachable or BadAnswer."""

    def get(self, url: str) -> bytes:
        """The body."""
        ...


@dataclass(slots=True)
class _Issuer:
    """What is known of one issuer. ``asked`` and ``learnt`` are monotonic seconds; ``failed``: the last question."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: Sequence[PublicKey] = ()
    asked: float = float("-inf")
    learnt: float = float("-inf")
    failed: Exception | None = None


class IssuerKeys:
    """The keys of all issuers, as one process knows them. Safe to share between threads.

    ``board``: where the processes of a server share what they were told; without one each asks for itself.
    """

    def __init__(self, outside: Get, clock: Callable[[], float] = time.monotonic, board: Board | None = None) -> None:
        self._outside = outside
        self._clock = clock
        self._board = board
        self._lock = threading.Lock()
        self._issuers: OrderedDict[str, _Issuer] = OrderedDict()

    def key_of(self, claimed: Claimed, issuer: str) -> PublicKey:
        """The key that a token names, of a *registered* issuer (its URL without the scheme).

        May wait for the issuer's answer: never to be called inside a transaction. Raises InvalidIdentityToken
        where the issuer has no such key, IDPCommunicationError where it does not answer.
        """
        known = self._known(issuer)
        found = self._kept(known, claimed)
        if found is not None:
            return found
        if not known.lock.acquire(timeout=WAIT_SECONDS):
            raise IDPCommunicationErrorException(_SLOW)
        try:
            found = self._kept(known, claimed)  # whoever held the lock may have fetched it
            if found is not None:
                return found
            if self._may_ask(known):
                self._take_turn(known, issuer, claimed)
        finally:
            known.lock.release()
        found = self._kept(known, claimed)
        if found is None:
            raise _refusal(known.failed)
        return found

    def _known(self, issuer: str) -> _Issuer:
        with self._lock:
            known = self._issuers.setdefault(issuer, _Issuer())
            self._issuers.move_to_end(issuer)
            while len(self._issuers) > MOST_ISSUERS:
                self._issuers.popitem(last=False)
            return known

    def _kept(self, known: _Issuer, claimed: Claimed) -> PublicKey | None:
        if self._clock() - known.learnt >= KEEP_SECONDS:
            return None
        return chosen_key(claimed, known.keys)

    def _may_ask(self, known: _Issuer) -> bool:
        """Old keys are asked for anew like unknown ones: the pause is the same for both."""
        pause = PAUSE_SECONDS if known.failed is None else PAUSE_AFTER_FAILURE_SECONDS
        return self._clock() - known.asked >= pause

    def _take_turn(self, known: _Issuer, issuer: str, claimed: Claimed) -> None:
        """Ask, unless another process of this server has asked meanwhile: then know what it was told."""
        if self._board is None:
            self._ask(known, issuer)
            return
        with self._board.turn(issuer, WAIT_SECONDS) as place:
            if place is None:
                raise IDPCommunicationErrorException(_SLOW)
            note = place.read(issuer)
            if note is not None and known.asked < note.asked <= self._clock():
                _adopt(known, note)
            if self._kept(known, claimed) is None and self._may_ask(known):
                keys = self._ask(known, issuer)
                failed = "" if known.failed is None else type(known.failed).__name__
                place.write(issuer, known.asked, keys, failed)

    def _ask(self, known: _Issuer, issuer: str) -> list[Any]:
        known.asked = self._clock()
        try:
            told = self._fetched(issuer)
        except (Unreachable, BadAnswer) as error:
            log.warning("the keys of %s were not had: %s", issuer, error)
            known.failed = error
            return []
        known.keys, known.learnt, known.failed = _public(told), known.asked, None
        return told

    def _fetched(self, issuer: str) -> list[Any]:
        url = f"https://{issuer}"
        about = _object(self._outside.get(f"{url.rstrip('/')}/.well-known/openid-configuration"), url)
        if about.get("issuer") != url:
            raise BadAnswer(f"{url} calls itself otherwise")
        where = about.get("jwks_uri")
        if not isinstance(where, str) or not where.startswith("https://"):
            raise BadAnswer(f"{url} names no https address of its keys")
        listed = _object(self._outside.get(where), where).get("keys")
        if not isinstance(listed, list) or len(listed) > MOST_KEYS:
            raise BadAnswer(f"{where} holds no list of at most {MOST_KEYS} keys")
        return listed


def _public(listed: Sequence[Any]) -> Sequence[PublicKey]:
    made = (public_key(one) for one in listed if isinstance(one, dict))
    return tuple(one for one in made if one is not None)


def _adopt(known: _Issuer, note: Note) -> None:
    """Know what another process was told, as if one had asked oneself then."""
    known.asked = note.asked
    if note.failed:
        kind = Unreachable if note.failed == Unreachable.__name__ else BadAnswer
        known.failed = kind("as another process was told")
    else:
        known.keys, known.learnt, known.failed = _public(note.keys[:MOST_KEYS]), note.asked, None


def _refusal(failed: Exception | None) -> IDPCommunicationErrorException | InvalidIdentityTokenException:
    if isinstance(failed, Unreachable):
        return IDPCommunicationErrorException("The identity provider could not be reached. Please try again.")
    return InvalidIdentityTokenException(_NO_KEY)


def _object(raw: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadAnswer(f"{url} was answered with what is no JSON object")
    return found
