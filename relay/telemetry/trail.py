"""What is remembered of a request until it is over, where somebody wants to hear of it then."""

from __future__ import annotations

import msgspec

from relay.telemetry.events import OPEN, Asked, Events

#: method and path, mostly an object that many share; with the client's address, traceparent and key where needed
Kept = tuple[str, ...]


class Trail(msgspec.Struct, gc=False):
    """Made as a request comes; the rest is added as it is known. `what`: method and path; `began` is by the clock."""

    what: tuple[str, str]
    address: str
    trace: str
    began: float
    owner: str = ""
    job: str = ""
    key: str = ""

    def end(
        self,
        events: Events,
        now: float,
        status: int,
        *,
        id: str = "",
        job: str = "",
        end: str = "answered",
        problem: str = "",
        sent: int = 0,
    ) -> None:
        """Tell that the request is over, and was not held; `now` is by the clock."""
        seconds = max(0.0, now - self.began)
        events.asked(
            Asked(
                method=self.what[0],
                path=self.what[1],
                status=status,
                seconds=seconds,
                id=id,
                job=job or self.job,
                owner=self.owner,
                address=self.address,
                trace=self.trace,
                end=end,
                problem=problem,
                silent=seconds,
                sent=sent,
                key=self.key,
                closed=seconds if end == "abandoned" else OPEN,
            )
        )

    def kept(self, address: str) -> Kept:
        """What is remembered while the request is held, by a hold that knows the connection's `address`."""
        if not self.trace and not self.key and self.address == address:
            return self.what
        return *self.what, self.address, self.trace, self.key
