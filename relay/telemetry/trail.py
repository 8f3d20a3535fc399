"""What is remembered of a request until it is over, where somebody wants to hear of it then."""

from __future__ import annotations

import msgspec

from relay.telemetry.events import Asked, Events


class Trail(msgspec.Struct, gc=False):
    """Made as a request comes; `owner` is added when that is known. `began` is by the clock."""

    method: str
    path: str
    address: str
    trace: str
    began: float
    owner: str = ""

    def end(
        self,
        events: Events,
        now: float,
        status: int,
        *,
        id: str = "",
        job: str = "",
        held: float = 0.0,
        committed: bool = False,
        beats: int = 0,
        end: str = "answered",
        problem: str = "",
    ) -> None:
        """Tell that the request is over; `now` is by the clock."""
        what = self.method, self.path, status, max(0.0, now - self.began), id, job, self.owner
        events.asked(Asked(*what, self.address, self.trace, held, committed, beats, end, problem))
