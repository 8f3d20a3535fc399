"""An exchange: one request on one connection, as the code that answers it sees it. And what can answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure

from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.base import RelayError
from relay.telemetry.trail import Trail


class Exchange(Protocol):
    """One request that is to be answered once. Its connection meets this, so that an exchange is no object of its own.

    `chunked`: whether the answer may come in chunks · `address`: of the client · `answer_head`: header lines that the
    answer gets, which `respond` adds by itself · `transport`: what the connection writes to, None once the exchange is
    over · `trail`: what is remembered of the request, if anybody hears of its end.
    """

    chunked: bool
    address: str
    answer_head: str
    transport: Any
    trail: Trail | None

    def respond(self, response: HttpAnswer) -> None:
        """Answer with a whole response; the connection goes on with the next request."""

    def go_on(self, served: Served | Failure, request: Request) -> None:
        """Answer with this, or have it answer: what it is was found out only now."""

    def tell_unanswered(self, end: str) -> None:
        """Tell that it will have no answer (``end`` as in `relay.telemetry.events.Asked`)."""

    def take_over(self, protocol: Any) -> ITCPTransport:
        """Have a protocol speak on the connection from now on; the exchange is over."""

    def abortConnection(self) -> None:
        """Cut the connection."""


class Responder(Protocol):
    """Answers an exchange in its own time, and tells how it ends (`relay.telemetry.events`)."""

    def begin(self, exchange: Exchange) -> None:
        """From now on the exchange is this one's to answer."""

    def half_closed(self) -> None:
        """The client says nothing more; whether it still reads, only writing to it shows."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client has gone."""


Served = HttpAnswer | Responder


class Pages(Protocol):
    """What a site serves."""

    def serve(self, request: Request) -> Served | Deferred[Served]:
        """What a request is answered with, or by whom."""

    def failed(self, failure: Failure, request: Request) -> HttpAnswer:
        """The answer to a request for which such a Deferred failed. Raises what has none: its client has gone."""

    def refuse(self, error: RelayError, headers: Mapping[str, list[str]]) -> HttpAnswer:
        """The answer to a request that can't be served, because of `error`; `headers` are those that had come."""
