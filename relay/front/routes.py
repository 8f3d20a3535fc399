"""The routes of a front. Each reads its request, makes one call, and answers with the result.

They are declared with Klein, which keeps them by name and by address (its ``url_map``). `Routes.serve` brings requests
to them, without the rest of Klein and without twisted.web.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter

from relay import tickets
from relay.errors import (
    Forbidden,
    InternalError,
    KeyRequired,
    MethodRefused,
    NoSuchPage,
    RelayError,
    catalogue,
)
from relay.front import answers
from relay.front.answers import Answer
from relay.front.desk import Accepted, leave
from relay.front.hold import Hold, House
from relay.front.order import ANONYMOUS, cancel_on_disconnect, owner, preferences, read_order
from relay.front.prefer import Preferences
from relay.front.proxies import Proxies
from relay.front.readiness import Readiness
from relay.front.refusals import Refusals, shown
from relay.front.request import Request
from relay.front.terms import Terms, TermsBook
from relay.settings import Settings
from relay.state import Outcome, Standing
from relay.tickets import TicketError
from relay.upstream import PROBLEMS

Served = Answer | Hold
_MOST_REMEMBERED = 1000  # routes by address


class _JobName(BaseConverter):
    regex = r"[a-z][a-z0-9_]{0,63}"


class _JobId(BaseConverter):
    regex = r"[0-9][a-z0-9-]{0,99}"


_app: Any = Klein()  # whose types know only twisted.web's requests
_app.url_map.converters.update(name=_JobName, id=_JobId)
_app.url_map.merge_slashes = False


class Routes:
    """Routes of one front."""

    app = _app
    _log = Logger()

    def __init__(
        self,
        house: House,
        settings: Settings,
        secrets: Sequence[str],
        proxies: Proxies,
        refusals: Refusals,
        readiness: Readiness,
    ) -> None:
        self._house = house
        self._settings = settings
        self._secrets = secrets
        self._proxies = proxies
        self._bound: Any = self.app
        self._addresses = self._bound.url_map.bind("localhost")
        self._book = TermsBook(settings)
        self._refusals = refusals
        self._readiness = readiness
        self._remembered: dict[tuple[str, bytes], tuple[str, dict[str, str]]] = {}

    def serve(self, request: Request) -> Served | Deferred[Served]:
        """Bring a request to its route."""
        try:
            endpoint, arguments = self._route(request)
            served: Served | Deferred[Served] = self._bound.execute_endpoint(endpoint, request, **arguments)
        except Exception:
            return self._refuse(Failure(), request)
        return served.addErrback(self._refuse, request) if isinstance(served, Deferred) else served

    def _route(self, request: Request) -> tuple[str, dict[str, str]]:
        """The route of a request, and what its address says. Those of submissions are remembered, for there are few."""
        asked = request.method, request.target
        if asked in self._remembered:
            return self._remembered[asked]
        path = request.path()
        if path.startswith("//"):  # which would be taken for a single slash
            raise NotFound
        route: tuple[str, dict[str, str]] = self._addresses.match(path, request.method)
        if route[1].keys() == {"name"}:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[asked] = route
        return route

    # -- submit --

    @app.route("/jobs/<name:name>", methods=["POST"])
    async def post(self, request: Request, name: str) -> Served:
        """Submit a job."""
        return await self._submit(request, name)

    @app.route("/jobs/<name:name>/<string:key>", methods=["PUT"])
    async def put(self, request: Request, name: str, key: str) -> Served:
        """Submit a job under a key of the client's choice."""
        return await self._submit(request, name, key)

    async def _submit(self, request: Request, name: str, key: str = "") -> Served:
        order = read_order(request, name, key, self._settings.max_delay)
        if self._settings.require_key and not order.key:
            raise KeyRequired
        terms = None if order.delay else self._submitters_terms(order.prefer, order.cancel)
        soon = order.prefer.wait == 0 and not order.delay  # somebody will attach, here or elsewhere
        accepted = await self._house.desk.submit(order, held=terms is not None or soon)
        return self._hold_or_tell(accepted, terms, order.owner, order.prefer)

    # -- look, attach, cancel --

    @app.route("/jobs/<id:id>", methods=["GET"])
    async def get(self, request: Request, id: str) -> Served:
        """Where a job stands, or with `Prefer: wait` its outcome."""
        prefer = preferences(request)
        if prefer.wait and request.method == "GET" and not self._full():
            terms = self._book.of_look(prefer, cancel_on_disconnect(request))
            accepted = await self._house.desk.attach(owner(request), id)
            return self._hold_or_tell(accepted, terms, owner(request), prefer)
        known = await self._house.desk.look(owner(request), id)
        return self._show(known, 200) if request.method == "HEAD" else self._tell(known, 200)

    @app.route("/jobs/<name:name>/<string:key>", methods=["GET"])
    async def get_by_key(self, request: Request, name: str, key: str) -> Served:
        """The same, of the job that a key stands for."""
        found: Served = await self.get(request, await self._house.desk.find(owner(request), name, key))
        return found

    @app.route("/jobs/<id:id>", methods=["DELETE"])
    async def delete(self, request: Request, id: str) -> Answer:
        """Cancel a job."""
        known = await self._house.desk.cancel(owner(request), id)
        return self._tell(known, 200 if isinstance(known, Outcome) else 202)

    @app.route("/tickets/<string:ticket>", methods=["GET"])
    async def attach_by_ticket(self, request: Request, ticket: str) -> Served:
        """The answer to a submission that another server made for its client, and handed the client over with."""
        try:
            id, _, preferred, replayed = tickets.read(self._secrets, ticket, time.time())
        except TicketError as error:
            self._refusals.told(self._proxies.client(request), error)
            raise Forbidden(str(error)) from error
        if request.method == "HEAD":
            return self._show(await self._house.desk.look(ANONYMOUS, id), 200)
        prefer = Preferences.parse([preferred]) if preferred else preferences(request)
        terms = self._submitters_terms(prefer, cancel_on_disconnect(request))
        accepted = replace(await self._house.desk.attach(ANONYMOUS, id), replayed=replayed)
        return self._hold_or_tell(accepted, terms, ANONYMOUS, prefer)

    # -- about relay --

    @app.route("/readyz", methods=["GET"])
    def readyz(self, request: Request) -> Answer:
        """For a load balancer: whether this front takes work, and how many requests it holds."""
        why = "draining" if self._house.desk.draining else self._readiness.why_not()
        said = {"ready": False, "why": why} if why else {"ready": True}
        return answers.json({**said, "held": len(self._house.wheel)}, 503 if why else 200)

    @app.route("/healthz", methods=["GET"])
    def healthz(self, request: Request) -> Answer:
        """For whatever restarts this process: that it responds."""
        return answers.json({"alive": True})

    @app.route("/problems/<slug>", methods=["GET"])
    def problem(self, request: Request, slug: str) -> Answer:
        """What a problem type means, and what to do about it."""
        if slug in PROBLEMS:
            status, _, title, meaning = PROBLEMS[slug]
        elif slug in catalogue():
            kind = catalogue()[slug]
            status, title = kind.status, kind.title
            meaning = inspect.cleandoc(kind.__doc__ or "").replace("\n", " ")
        else:
            raise NoSuchPage(f"{slug} is not a problem of relay's: the handler of the job defines it")
        return answers.json({"type": slug, "title": title, "status": status, "meaning": meaning})

    # -- what goes wrong --

    def _refuse(self, failure: Failure, request: Request) -> Answer:
        error, head = failure.value, ""
        if isinstance(error, CancelledError):  # the client has gone
            raise error
        if isinstance(error, MethodNotAllowed):
            head = f"Allow: {', '.join(sorted(error.valid_methods or ()))}\r\n"
            error = MethodRefused()
        elif isinstance(error, HTTPException):
            error = NoSuchPage()
        elif not isinstance(error, RelayError):
            self._log.failure("{method} {path} failed", failure, method=request.method, path=shown(request))
            error = InternalError()
        return answers.problem(error, self._settings.prefix).with_head(head)

    # -- how --

    def _full(self) -> bool:
        return len(self._house.wheel) >= self._settings.max_held

    def _submitters_terms(self, prefer: Preferences, cancel: bool) -> Terms | None:
        return None if self._full() else self._book.of_submission(prefer, cancel)

    def _hold_or_tell(
        self, accepted: Accepted, terms: Terms | None, caller: str, prefer: Preferences
    ) -> Served:
        known = accepted.known
        if isinstance(known, Outcome):
            status = answers.outcome_status(known) if terms is None or terms.true_status else 200
            self._house.desk.collected(known)
            return self._show(known, status, replayed=accepted.replayed)
        if terms is not None and accepted.waiter is not None:
            if self._house.desk.draining and not self._house.successor.takes:
                terms = self._book.at_the_end(terms)
            return Hold(self._house, terms, caller, known, accepted.waiter)
        leave(accepted.waiter)
        told = self._tell(known, 202)
        return told.with_head(answers.preference_applied("respond-async" if prefer.respond_async else ""))

    def _tell(self, known: Standing | Outcome, status: int, *, reattach: bool = False) -> Answer:
        if isinstance(known, Outcome):
            self._house.desk.collected(known)
        return self._show(known, status, reattach=reattach)

    def _show(
        self, known: Standing | Outcome, status: int, *, reattach: bool = False, replayed: bool = False
    ) -> Answer:
        if isinstance(known, Outcome):
            return answers.outcome(known, status, self._settings.prefix, replayed)
        return answers.standing(known, status, self._settings.prefix, reattach)
