"""Signed heads: statements of how far every chain of a node's journal had come, each naming the one before it.

    {"head": "<JSON text>", "key": "<id>", "signature": "<base64>"}          one line of DIR/heads/heads-NNNNNNNNN.jsonl

What is signed is the text itself, byte for byte. A head names the chains that changed since the one before it; the
first of each file names all. So a head with the file it stands in is a manifest of the whole journal, and through
``previous`` each one vouches for all before it.
Source: Our choice: docs/decisions/0043-signed-heads.md; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.kernel.crypto.keypairs import BadKey, KeyPair, is_signed_by

FORMAT = 1
NOTHING_BEFORE = "0" * 64
MAX_LINE_BYTES = 64 * 1024 * 1024
_FILE = re.compile(r"heads-(\d{9,12})\.jsonl", re.ASCII)


@dataclass(frozen=True, slots=True)
class End:
    """Where a chain had come to: number and hash of its last line, in which segment, and how many bytes of that."""

    seq: int
    hash: str
    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class Gone:
    """What the policy removed of a chain: its segments through ``number``, whose last line had this number and hash.

    ``whole``: nothing of the chain is left.
    """

    number: int
    seq: int
    hash: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Head:
    """One head. ``chains`` and ``gone``: what changed since the one before it; all there is where it is ``full``.

    ``broken``: what was found changed when it was made; such chains are no longer vouched for beyond their last end.
    ``others``: number and hash of the newest head of each other node.
    """

    node: str
    number: int
    previous: str
    at_ms: int
    full: bool
    chains: Mapping[str, End] = field(default_factory=dict)
    gone: Mapping[str, Gone] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    others: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def text(self) -> bytes:
        """What is signed."""
        return orjson.dumps(
            {
                "format": FORMAT,
                "node": self.node,
                "number": self.number,
                "previous": self.previous,
                "at": self.at_ms,
                "full": self.full,
                "chains": {name: [e.seq, e.hash, e.number, e.offset] for name, e in self.chains.items()},
                "gone": {name: [g.number, g.seq, g.hash, g.whole] for name, g in self.gone.items()},
                "broken": self.broken,
                "others": self.others,
            }
        )


class BadHead(ValueError):  # noqa: N818  a finding
    """The bytes are no head, or its signature is not the key's."""


def signed(head: Head, key: KeyPair) -> bytes:
    """One line, with its newline."""
    text = head.text()
    line = {
        "head": text.decode(),
        "key": key_id(key.public_der()),
        "signature": base64.b64encode(key.sign("ED25519_SHA_512", text, "RAW")).decode(),
    }
    return orjson.dumps(line) + b"\n"


def opened(line: bytes, public: bytes) -> tuple[Head, str]:
    """The head in a line, and its hash, by which the next one names it. Raises BadHead."""
    try:
        told = orjson.loads(line)
        text = told["head"].encode()
        signature = base64.b64decode(told["signature"], validate=True)
        if not is_signed_by(public, text, signature):
            raise BadHead("its signature is not this key's")
        return _read(orjson.loads(text)), sha256(text).hexdigest()
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error, BadKey) as error:
        if isinstance(error, BadHead):
            raise
        raise BadHead("it is not as heads are written") from None


def _read(told: Mapping[str, Any]) -> Head:
    if told["format"] != FORMAT:
        raise BadHead(f"its format is {told['format']}, and this program knows {FORMAT}")
    return Head(
        node=str(told["node"]),
        number=int(told["number"]),
        previous=str(told["previous"]),
        at_ms=int(told["at"]),
        full=told["full"] is True,
        chains={name: End(int(e[0]), str(e[1]), int(e[2]), int(e[3])) for name, e in told["chains"].items()},
        gone={name: Gone(int(g[0]), int(g[1]), str(g[2]), g[3] is True) for name, g in told["gone"].items()},
        broken=tuple(map(str, told["broken"])),
        others={name: (int(one[0]), str(one[1])) for name, one in told["others"].items()},
    )


@dataclass(slots=True)
class Manifest:
    """All that the heads of a node say, up to one of them."""

    chains: dict[str, End] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)

    def take(self, head: Head) -> None:
        """Go on to the next head."""
        if head.full:
            self.chains, self.gone = dict(head.chains), dict(head.gone)
            for name in [name for name, gone in self.gone.items() if gone.whole]:
                del self.gone[name]
            return
        self.chains.update(head.chains)
        for name, gone in head.gone.items():
            if gone.whole:
                self.chains.pop(name, None)
                self.gone.pop(name, None)
            else:
                self.gone[name] = gone

    def as_of(self, head: Head) -> Head:
        """The same head, saying all there is."""
        return replace(head, full=True, chains=dict(self.chains), gone=dict(self.gone))


def files(directory: Path) -> list[Path]:
    """The files of heads, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if _FILE.fullmatch(path.name))


def file_for(directory: Path, number: int) -> Path:
    """The file that begins with a head."""
    return directory / f"heads-{number:09d}.jsonl"


def first_number(path: Path) -> int:
    """The number of the head that a file begins with, by its name."""
    found = _FILE.fullmatch(path.name)
    return int(found[1]) if found else 0


def lines_of(path: Path) -> Iterator[bytes]:
    """The whole lines of a file of heads; a torn end is left out."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            if line.endswith(b"\n"):
                yield line[:-1]


def key_id(public: bytes) -> str:
    """By what a public key (SubjectPublicKeyInfo DER) is named: the first 32 digits of its SHA-256."""
    return sha256(public).hexdigest()[:32]


def key_pem(public: bytes) -> str:
    """A public key as others read it. Source: RFC 7468, section 13."""
    body = base64.encodebytes(public).decode().replace("\n", "")
    rows = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *rows, "-----END PUBLIC KEY-----", ""])


def key_of_pem(text: str) -> bytes:
    """The public key in a PEM file. Raises BadHead."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or (lines[0], lines[-1]) != ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"):
        raise BadHead("this is no PEM file of a public key")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error:
        raise BadHead("this is no PEM file of a public key") from None
