"""How a process ends: also if some of its threads still run.

A thread can't be stopped, and both Twisted's thread pools and the interpreter wait for their threads. A handler that
hangs in a thread, or a name look-up without an answer, would keep the process from ending.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

PATIENCE = 3.0  # seconds, after all services have stopped, for the process to end by itself
_MOST_SHOWN = 20  # threads that are named

_log = Logger()
_status = [0]  # with which this process ends


def fail(reactor: Any) -> None:
    """Stop this process in order and with exit status 1, as soon as it runs."""

    def stop() -> None:
        with contextlib.suppress(ReactorNotRunning):  # it is stopping
            reactor.stop()

    _status[0] = 1
    reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
    reactor.callWhenRunning(stop)


def install(reactor: Any, hung: Callable[[], int] = lambda: 0) -> None:
    """End this process once its services have stopped: at once if handlers hang in threads (`hung` says how many do),
    else after `PATIENCE`. To be called before anything uses the reactor's own thread pool."""

    def stopped() -> None:
        count = hung()
        if count:
            _log.warn("{count} threads of handlers still run: the process ends without them", count=count)
            _leave()
        threading.Thread(target=_insist, name="ending", daemon=True).start()

    reactor.addSystemEventTrigger("during", "shutdown", stopped)


def _insist() -> None:
    threading.Event().wait(PATIENCE)
    names = [thread.name for thread in threading.enumerate() if not thread.daemon][:_MOST_SHOWN]
    with contextlib.suppress(OSError, ValueError, AttributeError):  # the log may be over by now
        sys.__stderr__.write(f"relay: the process ends without its threads: {', '.join(names)}\n")  # type: ignore[union-attr]
    _leave()


def _leave() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed, and nobody reads it
            stream.flush()  # type: ignore[union-attr]
    os._exit(_status[0])
