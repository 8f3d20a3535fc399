"""What signals mean: a first SIGTERM or SIGINT stops, a later one stops at once; the caller says what others do.

A signal to a whole group (from systemd, a terminal, ``timeout``) can reach a process more than once, so signals within
a second are one request. No other signal that operators use ends a process: SIGHUP, SIGUSR1 and SIGUSR2 do nothing
where they have no meaning.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.error import ReactorNotRunning

from relay.process.launch import ORDERS, SIGNALS

TOGETHER = 1.0  # seconds
STOPS = (signal.SIGTERM, signal.SIGINT)


def hold_back() -> None:
    """Have what would end a process that has only begun wait until it knows what is meant: a reload, a rotation."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)


class Stop:
    """Stops the reactor, once, however often it is asked to."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._asked = False

    def __call__(self) -> None:
        if not self._asked:
            self._asked = True
            with contextlib.suppress(ReactorNotRunning):  # a signal that came early has stopped it
                self._reactor.stop()


def install(
    reactor: Any,
    stop: Callable[[], None],
    at_once: Callable[[], None] | None = None,
    others: Mapping[int, Callable[[], None]] | None = None,
) -> None:
    """`stop` is called in the reactor on the first request to stop; on the second `at_once`, and the process ends.
    Without `at_once` it goes on to drain: its parent knows when to end it. `others` says what SIGHUP and SIGUSR2 do;
    either may be a way to ask for `stop`."""
    asked: list[float] = []
    meant = dict(others or {})

    def request(number: int, frame: Any) -> None:
        now = time.monotonic()
        if not asked:
            asked.append(now)
            reactor.callFromThread(stop)
        elif at_once is not None and now - asked[0] >= TOGETHER:
            at_once()
            os._exit(128 + number)

    def other(number: int, frame: Any) -> None:
        if meant.get(number) is stop:
            request(number, frame)
        elif number in meant:
            reactor.callFromThread(meant[number])

    def running() -> None:
        for number in STOPS:
            signal.signal(number, request)
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # else twistd's, which rotates its log
            signal.signal(signal.SIGUSR1, other)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    for number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, other)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # the reactor's own handlers come before ours
    reactor.callWhenRunning(running)
