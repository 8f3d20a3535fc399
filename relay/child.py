"""A process of ``relay all``: ``python -m relay.child front|worker``.

Its settings come in the environment, its sockets as file descriptors from 3 on; its log goes to its parent, and so do
two lines of its own, when it is ready and when it begins to drain.
"""

from __future__ import annotations

import os
import socket
import sys

from setproctitle import setproctitle
from twisted.logger import globalLogBeginner, textFileLogObserver

from relay import service, signals
from relay.kept import DRAINING, READY
from relay.settings import SettingError, Settings

_FIRST_SOCKET = 3


def main(role: str) -> None:
    setproctitle(f"relay {role}")
    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stdout, timeFormat="")], redirectStandardIO=False
    )
    from twisted.internet import reactor

    settings, process = Settings.read({}, os.environ), os.environ["RELAY_PROCESS"]
    try:
        made = (
            service.front(reactor, settings, process, _sockets())
            if role == "front"
            else service.worker(reactor, settings, process)
        )
    except SettingError as error:
        sys.exit(f"relay: {error}")
    made.ready.addCallback(lambda _: _tell(READY))
    reactor.addSystemEventTrigger("before", "shutdown", _tell, DRAINING)
    reactor.addSystemEventTrigger("before", "shutdown", made.stopService)
    reactor.callWhenRunning(made.startService)
    signals.install(reactor)
    reactor.run()


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _sockets() -> list[socket.socket]:
    return [socket.socket(fileno=_FIRST_SOCKET + n) for n in range(int(os.environ["RELAY_SOCKETS"]))]


if __name__ == "__main__":
    main(sys.argv[1])
