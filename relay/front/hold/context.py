"""What all holds of a front share."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from relay.front.feeds.feeds import Feeds
from relay.front.hold.places import Places
from relay.front.hold.timing_wheel import Wheel
from relay.front.job_service import JobService
from relay.front.takeover.successor import Successor
from relay.http.doors import Doors
from relay.net.outgoing import Parting
from relay.submitting.waiters import Waiters
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing


@dataclass(frozen=True, slots=True)
class HoldContext:
    """Made once, by the front."""

    clock: IReactorTime
    wheel: Wheel
    jobs: JobService
    parting: Parting
    doors: Doors
    prefix: str
    waiters: Waiters
    successor: Successor
    places: Places
    feeds: Feeds
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED
