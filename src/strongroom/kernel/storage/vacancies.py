"""Names that nobody has yet: what is known of an owner that is not there, and ends when it comes.

Rows that belong to an owner are known by its number (schema.of_one). One that is looked for by its name and not found
has none. So a name that is vacant has a number of its own, made of the name, which stands for the owner-to-be: whoever
found nothing hangs on it, and whoever makes the owner tells of it. Two names of one number cost a look more.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

_BITS = 62


@lru_cache(1024)  # rows that follow an owner come together
def vacancy(name: tuple[str, ...]) -> int:
    """The number of a name: the same in every process, and below those of owners and of nobody (memory.ANY)."""
    # The lengths keep two names apart that differ in where their parts end.
    text = "\n".join([f"{len(part)}:{part}" for part in name])
    drawn = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return -2 - (drawn >> 64 - _BITS)
