"""A passphrase made into a key: Argon2id, slow and large on purpose, at a cost that is stored beside it."""

from __future__ import annotations

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from strongroom.base.classes import dataclass

SALT_BYTES = 16
KEY_BYTES = 32
LENGTH_AT_MOST = 1024
"""Bytes of a passphrase."""

_MEMORY_KIB = range(8 * 1024, 1024 * 1024 + 1)
_ITERATIONS = range(1, 65)
_LANES = range(1, 17)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one try costs. Raises ValueError outside our bounds: a stored cost is input like any other.

    Source: RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes) for the defaults.
    Our choice: 8 MiB to 1 GiB, at most 64 passes and 16 lanes, so that a forged file can neither weaken the
    derivation to nothing nor exhaust the machine.
    """

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        bounds = ((self.memory_kib, _MEMORY_KIB), (self.iterations, _ITERATIONS), (self.lanes, _LANES))
        # The type too: a stored 65536.0 lies in the range and is no count.
        if any(type(count) is not int or count not in bound for count, bound in bounds):
            raise ValueError("the cost of the passphrase is out of bounds")


RECOMMENDED = Cost()


def stretch(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    """The 32-byte key of a passphrase. Takes tens of milliseconds and the memory that the cost names.

    Source: RFC 9106 (Argon2id, version 1.3).
    """
    if not 0 < len(passphrase) <= LENGTH_AT_MOST:
        raise ValueError("a passphrase has 1 to 1024 bytes")
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt is 16 bytes")
    return Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(passphrase)
