"""A process of ``relay all``: ``python -m relay.process.child front|worker``.

Its settings come in the environment, its sockets as file descriptors from 3 on. Its log goes to its parent through its
output. It reports that it is ready, drains or lives through a descriptor of its own, so that nothing that a handler
prints is mistaken for it. Its parent's orders come through another descriptor.
"""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from setproctitle import setproctitle
from twisted.logger import Logger, globalLogBeginner

from relay.model.settings import SettingError, Settings
from relay.process import output, signals, waiting
from relay.process.parent import Orders, Parent
from relay.process.spawned import ALIVE, DRAINING, FIRST_SOCKET, READY, STALE, STDOUT, VARIABLE, Handed
from relay.process.telemetry import telemetry_of
from relay.timing import clock
from relay.timing.draining import Drain

if TYPE_CHECKING:
    from relay.front.front import Front
    from relay.worker.worker import Worker

_log = Logger(namespace="relay.process.child")


def main(role: str) -> None:
    """Run a front or a worker until it is told to stop."""
    setproctitle(f"relay {role}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    handed = msgspec.json.decode(os.environ.pop(VARIABLE), type=Handed)
    settings = Settings.read({}, os.environ)
    log = output.LogWriter(os.dup(STDOUT), handed.name, settings.log_level)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    parent = Parent(handed.control)
    try:
        waiting.install(role, settings)
        from twisted.internet import reactor

        clock.steady(reactor)
        made = _made(role, reactor, settings, handed, parent)
    except SettingError as error:
        sys.exit(f"relay: {error}")
    stop = signals.Stop(reactor)
    made.ready.addCallback(lambda _: parent.tell(READY))
    reactor.addSystemEventTrigger("before", "shutdown", parent.tell, DRAINING)
    reactor.addSystemEventTrigger("before", "shutdown", made.stopService)
    reactor.callWhenRunning(made.startService)
    leave = partial(_leave, role, made.drain, settings.drain, stop)
    reactor.callWhenRunning(Orders, reactor, handed.orders, leave)
    signals.install(reactor, stop)
    reactor.run()
    _log.info("this {role} has ended", role=role)


def _made(role: str, reactor: Any, settings: Settings, handed: Handed, parent: Parent) -> Front | Worker:
    from relay.process import service  # what it imports asks for a reactor

    telemetry = telemetry_of(reactor, role, settings, handed)
    if role == "front":
        return service.front(reactor, settings, telemetry, handed, _sockets(handed.sockets))
    alive, stale = partial(parent.tell, ALIVE), partial(parent.tell, STALE)
    return service.worker(reactor, settings, telemetry, alive, stale)


def _leave(role: str, drain: Drain, orphaned: float, stop: Callable[[], None], seconds: float | None) -> None:
    """Stop within so many seconds. None means that the parent has ended: nothing else would end this process, so it has
    `orphaned` seconds at most, even if it has a successor."""
    if seconds is not None:
        _log.info("this {role} was told to stop, and has {seconds:.0f} s left", role=role, seconds=seconds)
        drain.within(seconds)
    else:
        drain.within(min(drain.left(), orphaned))
    stop()


def _sockets(count: int) -> list[socket.socket]:
    return [socket.socket(fileno=FIRST_SOCKET + n) for n in range(count)]


if __name__ == "__main__":
    main(sys.argv[1])
