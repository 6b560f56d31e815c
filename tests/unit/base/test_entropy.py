"""Chance: fresh, even, and never shared with a child."""

from __future__ import annotations

import os
import uuid
from collections import Counter

from strongroom.base.entropy import SystemEntropy, _uuids, pick, uuid4


class Zeros:
    def take(self, count: int) -> bytes:
        return bytes(count)


class Ones:
    def take(self, count: int) -> bytes:
        return b"\xff" * count


def test_a_uuid_is_of_version_four_whatever_the_bytes() -> None:
    for source in (Zeros(), Ones(), SystemEntropy()):
        made = uuid.UUID(uuid4(source))
        assert (4, uuid.RFC_4122) == (made.version, made.variant)


def test_uuids_made_by_the_hundred_are_each_of_version_four_and_never_the_same() -> None:
    entropy = SystemEntropy()
    made = [entropy.uuid4() for _ in range(2000)]
    assert len(set(made)) == 2000
    for text in made:
        one = uuid.UUID(text)
        assert (str(one), one.version, one.variant) == (text, 4, uuid.RFC_4122)


def test_every_drawn_bit_of_a_uuid_counts_but_for_version_and_variant() -> None:
    nothing, everything = _uuids(bytes(32)), _uuids(b"\xff" * 16)
    assert nothing == ["00000000-0000-4000-8000-000000000000"] * 2
    assert everything == ["ffffffff-ffff-4fff-bfff-ffffffffffff"]
    drawn = bytes(range(0x11, 0x21))
    assert _uuids(drawn) == ["11121314-1516-4718-991a-1b1c1d1e1f20"]


def test_no_byte_is_given_out_twice() -> None:
    entropy = SystemEntropy()
    taken = [entropy.take(16) for _ in range(2000)] + [entropy.take(5000)[:16]]
    assert len(taken) == len(set(taken))


def test_a_forked_child_draws_other_bytes() -> None:
    entropy = SystemEntropy()
    entropy.take(1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, entropy.take(32))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 32) != entropy.take(32)
    os.close(read)
    os.close(write)


def test_characters_are_drawn_evenly() -> None:
    counted = Counter(pick(SystemEntropy(), "abcde", 20_000))
    assert set("abcde") == set(counted)
    assert all(3_600 < count < 4_400 for count in counted.values())
