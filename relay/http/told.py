"""A connection that tells how its requests end, unless whoever answers them does (`relay.http.exchange.Responder`)."""

from __future__ import annotations

from relay.http.connections import Connections
from relay.http.request import Refusal, Request
from relay.http.response import HttpAnswer
from relay.http.watched import Watched
from relay.model.tickets import shown_path
from relay.telemetry.trail import Trail

_LONGEST_REMEMBERED = 100  # bytes of a target


class Told(Watched):
    """Speaks to a client at `address`."""

    __slots__ = ("trail",)

    def __init__(self, connections: Connections, address: str) -> None:
        super().__init__(connections, address)
        #: what is remembered of the request that is served, if anybody hears of its end
        self.trail: Trail | None = None

    def _refused(self, refusal: Refusal) -> HttpAnswer:
        """The answer to what is not a request that can be served."""
        if self._connections.events.wants_asked:
            self.trail = self._trail(refusal)
        return self._connections.pages.refuse(refusal.error, refusal.headers)

    def _tell(self, answer: HttpAnswer) -> None:
        """It is answered."""
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

    def tell_unanswered(self, end: str) -> None:
        """It will have no answer."""
        self._connections.events.request_ended(0, end)
        if self.trail is not None:
            self.trail.end(self._connections.events, self._connections.now(), 0, end=end)
        self.trail = None

    def _trail(self, asked: Request | Refusal) -> Trail:
        traces = asked.headers.get("traceparent")
        what = self._connections.asked.get((asked.method, asked.target)) or self._what(asked)
        return Trail(what, self.address, traces[0] if traces else "", self._connections.now())

    def _what(self, asked: Request | Refusal) -> tuple[str, str]:
        """Method and path, one object for all requests of those that many ask for."""
        what = asked.method, shown_path(asked.target)
        if len(asked.target) <= _LONGEST_REMEMBERED:
            self._connections.asked[asked.method, asked.target] = what
        return what
