"""What signals do: a first SIGTERM or SIGINT drains, a second one ends the process at once, SIGHUP restarts in turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any


def install(
    reactor: Any, at_once: Callable[[], None] = lambda: None, restart: Callable[[], None] | None = None
) -> None:
    """Once the reactor runs. `at_once` is called on the second signal to stop, `restart` on SIGHUP."""
    stops: list[int] = []

    def stop(number: int, frame: Any) -> None:
        stops.append(number)
        if len(stops) == 1:
            reactor.callFromThread(reactor.stop)
            return
        at_once()
        os._exit(128 + number)

    def set_handlers() -> None:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if restart is not None:
            signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(restart))

    reactor.callWhenRunning(set_handlers)
