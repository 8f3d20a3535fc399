"""Web pages of other origins (CORS): which may call, and read what they are answered.

A browser shows a page the answer only if the answer names the page's origin, and asks before it sends what a form could
not send (a preflight). Cookies are never asked for: a page shows who it is with a header of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.http.exchange import Pages, Served
from relay.http.request import Request
from relay.http.response import NO_CONTENT, HttpAnswer
from relay.model.origins import PageOrigins
from relay.model.problems.base import RelayError
from relay.model.problems.caller import Forbidden

METHODS = "GET, HEAD, POST, PUT, DELETE"
#: request headers beside those that every page may send
SENT = (
    "Authorization, Content-Type, Prefer, Idempotency-Key, Relay-Delay, Relay-Deadline, Relay-On-Disconnect, "
    "Relay-Notify, traceparent, tracestate, Last-Event-ID"
)
#: headers of answers that a page may read
SHOWN = (
    "Location, Relay-Job-Id, Relay-Outcome, Relay-Source, Retry-After, Idempotency-Replayed, Preference-Applied, "
    "RateLimit, RateLimit-Policy, WWW-Authenticate, Relay-Event-ID"
)
REMEMBERED = 7200  # seconds that a browser may remember what it was told; Chrome's limit
_VARY = "Vary: Origin\r\n"
_PREFLIGHT = (
    f"Access-Control-Allow-Methods: {METHODS}\r\nAccess-Control-Allow-Headers: {SENT}\r\n"
    f"Access-Control-Max-Age: {REMEMBERED}\r\n"
)
_PRIVATE = "Access-Control-Allow-Private-Network: true\r\n"


class Cors:
    """Stands in front of all pages of a front, and lets web pages of these origins read their answers."""

    def __init__(self, pages: Pages, origins: PageOrigins) -> None:
        self._pages = pages
        self._origins = origins
        self._heads = {
            origin: f"{_allowed(origin)}Access-Control-Expose-Headers: {SHOWN}\r\n" for origin in origins
        }

    def serve(self, request: Request) -> Served | Deferred[Served]:
        """Answer a preflight; have all others served, and their answers say who may read them."""
        if request.method == "OPTIONS" and _is_preflight(request.headers):
            return self._preflight(request)
        request.answer_head = self._head(request.headers)
        return self._pages.serve(request)

    def failed(self, failure: Failure, request: Request) -> HttpAnswer:
        """The answer to a request that failed later."""
        return self._pages.failed(failure, request)

    def refuse(self, error: RelayError, headers: Mapping[str, list[str]]) -> HttpAnswer:
        """The answer to a request that can't be served, because of `error`."""
        return self._pages.refuse(error, headers).with_head(self._head(headers))

    def _head(self, headers: Mapping[str, list[str]]) -> str:
        if "origin" not in headers:
            return _VARY
        return self._heads.get(self._origins.match(headers["origin"]), _VARY)

    def _preflight(self, request: Request) -> HttpAnswer:
        """Whoever asks: a browser shows no credentials here."""
        origin = self._origins.match(request.values("origin"))
        if not origin:
            refusal = Forbidden("web pages of this origin may not call (the Origin is none of --cors)")
            return self._pages.refuse(refusal, request.headers).with_head(_VARY)
        private = request.values("access-control-request-private-network") == ["true"]
        head = _allowed(origin) + _PREFLIGHT + (_PRIVATE if private else "")
        return HttpAnswer(NO_CONTENT, "", b"", head)


def _allowed(origin: str) -> str:
    return f"Access-Control-Allow-Origin: {origin}\r\n{_VARY}"


def _is_preflight(headers: Mapping[str, list[str]]) -> bool:
    return "origin" in headers and "access-control-request-method" in headers
