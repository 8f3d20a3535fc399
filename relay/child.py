"""A process of ``relay all``: ``python -m relay.child front|worker``.

Its settings come in the environment, its sockets as file descriptors from 3 on, its log goes to its parent.
"""

from __future__ import annotations

import os
import socket
import sys

from setproctitle import setproctitle
from twisted.logger import globalLogBeginner, textFileLogObserver

from relay import service
from relay.settings import SettingError, Settings

_FIRST_SOCKET = 3


def main(role: str) -> None:
    setproctitle(f"relay {role}")
    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stdout, timeFormat="")], redirectStandardIO=False
    )
    from twisted.internet import reactor

    settings = Settings.read({}, os.environ)
    try:
        made = (
            service.front(reactor, settings, _sockets())
            if role == "front"
            else service.worker(reactor, settings)
        )
    except SettingError as error:
        sys.exit(f"relay: {error}")
    reactor.addSystemEventTrigger("before", "shutdown", made.stopService)
    reactor.callWhenRunning(made.startService)
    service.stop_at_once_on_second_signal(reactor)
    reactor.run()


def _sockets() -> list[socket.socket]:
    return [socket.socket(fileno=_FIRST_SOCKET + n) for n in range(int(os.environ["RELAY_SOCKETS"]))]


if __name__ == "__main__":
    main(sys.argv[1])
