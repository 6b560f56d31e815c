"""A turn is waited for within bounds: few wait at once, and nobody for ever."""

from __future__ import annotations

import threading

import pytest

from strongroom.kernel.turns import Turns


def test_what_has_come_is_not_waited_for() -> None:
    asked: list[int] = []
    Turns(places=1, wait_s=60).wait(lambda: not asked.append(1))
    assert [1] == asked


def test_it_returns_when_the_turn_comes() -> None:
    asked: list[int] = []

    def has_come() -> bool:
        asked.append(1)
        return len(asked) == 4

    Turns(wait_s=60).wait(has_come)
    assert 4 == len(asked)


def test_it_returns_when_the_time_is_over_though_the_turn_never_came() -> None:
    asked: list[int] = []
    Turns(wait_s=0.01).wait(lambda: bool(asked.append(1)))
    assert 2 <= len(asked), "once before it waits, and again meanwhile"


def test_who_finds_no_place_does_not_wait() -> None:
    turns, come = Turns(places=1, wait_s=60), threading.Event()
    entered = threading.Event()

    def first() -> bool:
        entered.set()
        return come.is_set()

    waiting = threading.Thread(target=turns.wait, args=(first,))
    waiting.start()
    entered.wait(10)
    try:
        asked: list[int] = []
        while len(asked) != 1:  # it may not have taken its place yet
            asked.clear()
            turns.wait(lambda: bool(asked.append(1)) or len(asked) > 1)
    finally:
        come.set()
        waiting.join(10)
    assert not waiting.is_alive()


def test_what_is_raised_leaves_its_place() -> None:
    turns, times = Turns(places=1, wait_s=60), iter((False, None))

    def fails() -> bool:
        if next(times) is None:
            raise ValueError
        return False

    with pytest.raises(ValueError):
        turns.wait(fails)
    asked: list[int] = []
    turns.wait(lambda: bool(asked.append(1)) or len(asked) > 1)
    assert 2 == len(asked)
