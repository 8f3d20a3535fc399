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


class HeldSo(msgspec.Struct, frozen=True, gc=False):
    """How a request was held, as in `Asked`."""

    id: str
    job: str
    owner: str
    address: str  # of the connection
    seconds: float
    silent: float
    closed: float
    late: float
    committed: bool
    beats: int

    def tell(self, events: Events, kept: Kept, status: int, end: str, problem: str, sent: int) -> None:
        """Tell that the request is over."""
        method, path, *more = kept
        address, trace, key = more or (self.address, "", "")
        events.asked(
            Asked(
                method=method,
                path=path,
                status=status,
                seconds=self.seconds,
                id=self.id,
                job=self.job,
                owner=self.owner,
                address=address,
                trace=trace,
                held=self.seconds,
                committed=self.committed,
                beats=self.beats,
                end=end,
                problem=problem,
                silent=self.silent,
                late=self.late,
                sent=sent,
                key=key,
                closed=self.closed,
            )
        )
