"""What the attempts of one worker are given, and whom they tell what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from relay.outbound import Upstreams
from relay.store.messages import Report
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.worker.programs import Spawn, no_programs
from relay.worker.sub_jobs import Submitting
from relay.worker.thread_waits import FromThread


class Reports(Protocol):
    """What hears of the attempts' ends."""

    def report(self, end: Report) -> None:
        """An attempt has ended, and its place may be free."""

    def progress(self, id: str, said: str) -> None: ...

    def checkpoint(self, id: str, said: str) -> Deferred[None]: ...

    def emit(self, id: str, number: int, said: str) -> Deferred[None]: ...

    def nudge(self) -> None:
        """A place may be free."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the handlers of one worker are given."""

    upstreams: Upstreams
    settings: Mapping[str, str]
    from_thread: FromThread
    submitting: Submitting
    now: Callable[[], float] = time.time  # seconds since the epoch, by this machine's clock
    spawn: Spawn = no_programs
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED
