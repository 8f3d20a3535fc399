"""A process of ``relay all``: ``python -m relay.child front|worker``.

Its settings come in the environment, its sockets as file descriptors from 3 on. Its log goes to its parent through its
output. That it is ready, drains, or lives is said through a descriptor of its own, so that nothing that a handler
prints is taken for it.
"""

from __future__ import annotations

import io
import os
import socket
import sys

from setproctitle import setproctitle
from twisted.logger import Logger, globalLogBeginner

from relay import clock, output, service, signals
from relay.process import ALIVE, DRAINING, READY, STDOUT
from relay.settings import SettingError, Settings

_FIRST_SOCKET = 3
_log = Logger()


def main(role: str) -> None:
    """Run a front or a worker until it is told to stop."""
    setproctitle(f"relay {role}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    settings, process = Settings.read({}, os.environ), os.environ["RELAY_PROCESS"]
    log = output.Writer(os.dup(STDOUT), process, settings.log_level)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    parent = Parent(int(os.environ.pop("RELAY_CONTROL")))
    from twisted.internet import reactor

    clock.steady(reactor)
    try:
        made = (
            service.front(reactor, settings, process, _sockets())
            if role == "front"
            else service.worker(reactor, settings, process, lambda: parent.tell(ALIVE))
        )
    except SettingError as error:
        sys.exit(f"relay: {error}")
    made.ready.addCallback(lambda _: parent.tell(READY))
    reactor.addSystemEventTrigger("before", "shutdown", parent.tell, DRAINING)
    reactor.addSystemEventTrigger("before", "shutdown", made.stopService)
    reactor.callWhenRunning(made.startService)
    signals.install(reactor)
    reactor.run()


class Parent:
    """Where words to the parent go; never an error, as the parent may be gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)  # a parent that was stopped reads nothing

    def tell(self, word: str) -> None:
        try:
            os.write(self._descriptor, f"{word}\n".encode())
        except BlockingIOError:
            pass
        except OSError as error:
            _log.warn("the parent can't be told {word}: {error}", word=word, error=error)


def _sockets() -> list[socket.socket]:
    return [socket.socket(fileno=_FIRST_SOCKET + n) for n in range(int(os.environ["RELAY_SOCKETS"]))]


if __name__ == "__main__":
    main(sys.argv[1])
