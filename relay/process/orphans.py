"""Reaps orphans in a container: processes that a handler's program leaves behind belong to the first process, which may
be relay."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.process import reapProcessHandlers

from relay.timing.recurring import recurring

LOOK = 5.0  # seconds between looks


def install(reactor: Any) -> None:
    """Reap orphans if this is the first process."""
    if os.getpid() == 1:
        recurring(reactor, reap).start(LOOK, now=False)


def reap() -> None:
    """Let go of ended processes that Twisted does not know."""
    while (ended := _ended()) and ended not in reapProcessHandlers:
        os.waitpid(ended, os.WNOHANG)


def _ended() -> int:
    """The id of a child that has ended and was not waited for, 0 for none."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return 0 if found is None else found.si_pid
