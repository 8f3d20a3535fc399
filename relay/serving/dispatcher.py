"""Finds the route of a request, asks who calls, and turns errors into problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CoroutineType
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map

from relay.http.exchange import Served
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.memo import Memo
from relay.model.problems.base import RelayError
from relay.model.problems.caller import RateExceeded, TooManyFailures, TooManyQueued
from relay.model.problems.request import InternalError, MethodRefused, NoSuchPage, TooLarge
from relay.model.tickets import shown_path
from relay.serving.plain_answers import problem
from relay.serving.routes import PageRoutes
from relay.telemetry.events import UNHEARD, Events

_MOST_REMEMBERED = 1000  # routes by address
_LONGEST_REMEMBERED = 300  # bytes of an address
#: what a caller is refused because of one of its limits
_LIMITS: dict[type[BaseException], str] = {
    RateExceeded: "rate",
    TooManyQueued: "queued",
    TooLarge: "body",
    TooManyFailures: "failures",
}


class CallerGate(Protocol):
    """Says who calls."""

    def authenticate(self, request: Request, takes: Any) -> Any:
        """Who calls a route that `takes` these, or a Deferred of that. Raises, or fails with, a `RelayError` for who
        may not."""


class Route(NamedTuple):
    """Where a request goes: for whom, what answers it, the values in the address."""

    takes: Any
    answer: Callable[..., Any]
    arguments: Mapping[str, Any]


class Dispatcher:
    """What a site's connections serve: these routes. `prefix` is the path under which clients see relay, `otherwise`
    whom an address is for that is not served, `converters` are those of the routes' addresses."""

    _log = Logger()

    def __init__(
        self,
        gate: CallerGate,
        prefix: str,
        routes: Sequence[PageRoutes],
        otherwise: Any,
        converters: Mapping[str, Any] | None = None,
        events: Events = UNHEARD,
    ) -> None:
        self._gate = gate
        self._prefix = prefix
        self._otherwise = otherwise
        self._events = events
        self._remembered: Memo[tuple[str, bytes], Route] = Memo(_MOST_REMEMBERED)
        known = Map(converters=converters, merge_slashes=False)
        for some in routes:
            for rule in some.app.url_map.iter_rules():
                added = rule.empty()
                added.endpoint = some, rule.endpoint
                known.add(added)
        self._addresses = known.bind("localhost")

    def serve(self, request: Request) -> Served | Deferred[Served]:
        """Bring a request to its route, if its client may call it."""
        try:
            route = self._route(request)
            caller = self._gate.authenticate(request, route.takes)
            # it is found out (`isinstance` of Deferred takes six times as long)
            if hasattr(caller, "addCallback"):
                served: Deferred[Served] = caller.addCallback(_call, request, route)
                return served
            return _call(caller, request, route)
        except Exception:
            return self.failed(Failure(), request)

    def refuse(self, error: RelayError, headers: Mapping[str, list[str]]) -> HttpAnswer:
        """The answer to a request that can't be served, because of `error`."""
        return problem(error, self._prefix)

    def _route(self, request: Request) -> Route:
        """The route of a request. Routes of submissions are cached, because there are few."""
        asked = request.method, request.target
        known = self._remembered.get(asked)
        if known is not None:
            return known
        try:
            path = request.path()
            if path.startswith("//"):  # which would be taken for a single slash
                raise NotFound
            (some, name), arguments = self._addresses.match(path, request.method)
        except (HTTPException, RelayError) as error:
            return Route(self._otherwise, _refusing(error), {})
        route = Route(some.takes, getattr(some, name), arguments)
        if arguments.keys() == {"name"} and len(request.target) <= _LONGEST_REMEMBERED:
            self._remembered[asked] = route
        return route

    def failed(self, failure: Failure, request: Request) -> HttpAnswer:
        """The answer to a request that can't be served, or failed later. Raises `CancelledError`."""
        error = failure.value
        if isinstance(error, CancelledError):  # the client has gone
            raise error
        if isinstance(error, MethodNotAllowed):
            error = MethodRefused(error.valid_methods or ())
        elif isinstance(error, HTTPException):
            error = NoSuchPage()
        elif not isinstance(error, RelayError):
            self._log.failure(
                "{method} {path} failed", failure, method=request.method, path=shown_path(request.target)
            )
            error = InternalError()
        if type(error) in _LIMITS:
            self._events.limited(request.caller, _LIMITS[type(error)])
        return self.refuse(error, request.headers)


def _call(caller: Any, request: Request, route: Route) -> Served | Deferred[Served]:
    request.caller = caller.name
    if request.trail is not None:
        request.trail.owner = caller.owner
    served: Served | Deferred[Served] | CoroutineType[Any, Any, Served] = route.answer(
        request, caller, **route.arguments
    )
    return Deferred.fromCoroutine(served) if isinstance(served, CoroutineType) else served


def _refusing(error: Exception) -> Callable[..., Served]:
    """Answers for an address that is not served: a caller that is not allowed does not hear that."""

    def answer(request: Request, caller: Any) -> Served:
        raise error

    return answer
