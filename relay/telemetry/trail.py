"""What is remembered of a request until it is over, where somebody wants to hear of it then."""

from __future__ import annotations

import msgspec

from relay.telemetry.events import Asked, Events


class Trail(msgspec.Struct, gc=False):
    """Made as a request comes; the rest is added as it is known. `began` is by the clock; `silent`, `late` and `beats`
    are as in `Asked`, `silent` below 0 until heartbeats were sent."""

    method: str
    path: str
    address: str
    trace: str
    began: float
    owner: str = ""
    beats: int = 0
    silent: float = -1.0
    late: float = 0.0
    key: str = ""
    job: str = ""

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
        end: str = "answered",
        problem: str = "",
        sent: int = 0,
    ) -> None:
        """Tell that the request is over; `now` is by the clock."""
        seconds = max(0.0, now - self.began)
        silent = self.silent if self.silent >= 0 else seconds
        what = (
            self.method,
            self.path,
            status,
            seconds,
            id,
            job or self.job,
            self.owner,
            self.address,
            self.trace,
        )
        held_so = held, committed, self.beats, end, problem
        events.asked(Asked(*what, *held_so, silent, self.late, sent, self.key))

    def committed(self, now: float) -> None:
        """The first heartbeat is sent, now by the clock."""
        self.silent = max(0.0, now - self.began)
        self.beats += 1
