"""The supervisor's own loop."""

from __future__ import annotations

import os
import signal
import socket

from strongroom.server.reactor import Reactor


def test_timers_fire_in_the_order_of_their_time() -> None:
    reactor, fired = Reactor(), []
    reactor.later(0.02, reactor.stop)
    reactor.later(0.01, lambda: fired.append("second"))
    reactor.later(0.0, lambda: fired.append("first"))
    reactor.later(0.005, lambda: fired.append("never")).cancel()
    reactor.run()
    reactor.close()
    assert ["first", "second"] == fired


def test_a_readable_socket_calls_its_watcher() -> None:
    reactor = Reactor()
    here, there = socket.socketpair()
    with here, there:
        reactor.watch(here, reactor.stop)
        assert reactor.watches(here)
        there.send(b"x")
        reactor.run()
        reactor.forget(here)
        assert not reactor.watches(here)
    reactor.close()


def test_a_socket_forgotten_by_an_earlier_callback_is_not_called() -> None:
    reactor, called = Reactor(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def watcher(number: int) -> None:
        called.append(number)
        reactor.forget(pairs[1 - number][0])
        reactor.stop()

    for number, (here, there) in enumerate(pairs):
        reactor.watch(here, lambda number=number: watcher(number))
        there.send(b"x")
    reactor.run()
    reactor.close()
    for pair in pairs:
        for end in pair:
            end.close()
    assert 1 == len(called)


def test_a_signal_is_handled_in_the_loop_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGHUP)
    reactor = Reactor()
    reactor.on_signal(signal.SIGHUP, reactor.stop)
    reactor.later(0.0, lambda: os.kill(os.getpid(), signal.SIGHUP))
    reactor.run()
    reactor.close()
    assert before == signal.getsignal(signal.SIGHUP)
