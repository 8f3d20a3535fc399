"""A connection that tells how its requests end, unless whoever answers them does (`relay.http.exchange.Responder`)."""

from __future__ import annotations

from typing import Any

from relay.http.connections import Connections
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.http.watched import Watched
from relay.telemetry.trail import Trail

_TICKETS = "/tickets/"


class Told(Watched):
    """Speaks to a client at `address`."""

    def __init__(self, connections: Connections, address: str) -> None:
        super().__init__(connections, address)
        #: what is remembered of the request that is served, if anybody hears of its end
        self.trail: Trail | None = None

    def _follow(self, request: Request) -> None:
        """A request is served from now on."""
        request.transport, request.address = self.transport, self.address
        if self._connections.events.wants_asked:
            self.trail = request.trail = _trail(request, self._connections.now())

    def _tell(self, answer: HttpAnswer, responder: Any) -> None:
        """It is answered."""
        if responder is None:
            self._connections.events.request_ended(answer.status, "answered")
            if self.trail is not None:
                self.trail.end(
                    self._connections.events,
                    self._connections.now(),
                    answer.status,
                    id=answer.id,
                    job=answer.job,
                    problem=answer.problem,
                    sent=len(answer.body),
                )
        self.trail = None

    def _tell_unanswered(self, end: str) -> None:
        """It will have no answer."""
        self._connections.events.request_ended(0, end)
        if self.trail is not None:
            self.trail.end(self._connections.events, self._connections.now(), 0, end=end)
        self.trail = None


def shown(target: bytes) -> str:
    """The path that a request asks for, without what lets its reader in: a ticket, a query."""
    path = target.partition(b"?")[0].decode("latin-1")
    before, is_ticket, _ = path.partition(_TICKETS)
    return f"{before}{_TICKETS}…" if is_ticket else path


def _trail(request: Request, now: float) -> Trail:
    traces = request.headers.get("traceparent")
    return Trail(request.method, shown(request.target), request.address, traces[0] if traces else "", now)
