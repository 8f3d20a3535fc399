"""The addresses of a front. Each route parses its request, makes one call, and renders what comes back."""

from __future__ import annotations

import inspect
from typing import Any

from klein import Klein
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter

from relay.errors import (
    InternalError,
    MethodRefused,
    NoSuchPage,
    RelayError,
    catalogue,
)
from relay.front import answers
from relay.front.desk import Accepted, leave
from relay.front.hold import Hold, House, Terms
from relay.front.order import cancel_on_disconnect, owner, preferences, read_order
from relay.front.prefer import Preferences
from relay.settings import Settings
from relay.state import Outcome, Standing
from relay.upstream import PROBLEMS

Rendered = bytes | Hold


class _JobName(BaseConverter):
    regex = r"[a-z][a-z0-9_]{0,63}"


class _JobId(BaseConverter):
    regex = r"[0-9][a-z0-9-]{0,99}"


_app = Klein()
_app.url_map.converters.update(name=_JobName, id=_JobId)
_app.url_map.merge_slashes = False


class Routes:
    """Routes of one front."""

    app = _app
    _log = Logger()

    def __init__(self, house: House, settings: Settings) -> None:
        self._house = house
        self._settings = settings

    # -- submit --

    @app.route("/jobs/<name:name>", methods=["POST"])
    async def post(self, request: Request, name: str) -> Rendered:
        """Submit a job."""
        return await self._submit(request, name)

    @app.route("/jobs/<name:name>/<string:key>", methods=["PUT"])
    async def put(self, request: Request, name: str, key: str) -> Rendered:
        """Submit a job under a key of the client's choice."""
        return await self._submit(request, name, key)

    async def _submit(self, request: Request, name: str, key: str = "") -> Rendered:
        order = read_order(request, name, key)
        asynchronous = order.delay > 0 or order.prefer.wait == 0
        terms = (
            None if asynchronous or self._full() else self._terms(order.prefer, order.cancel, submission=True)
        )
        accepted = await self._house.desk.submit(order, held=terms is not None)
        return self._hold_or_tell(request, accepted, terms, order.owner, order.prefer)

    # -- look, attach, cancel --

    @app.route("/jobs/<id:id>", methods=["GET"])
    async def get(self, request: Request, id: str) -> Rendered:
        """Where a job stands, or with `Prefer: wait` its outcome."""
        prefer = preferences(request)
        if prefer.wait and request.method == b"GET" and not self._full():
            terms = self._terms(prefer, cancel_on_disconnect(request), submission=False)
            accepted = await self._house.desk.attach(owner(request), id)
            return self._hold_or_tell(request, accepted, terms, owner(request), prefer)
        known = await self._house.desk.look(owner(request), id)
        return self._tell(request, known, 200)

    @app.route("/jobs/<name:name>/<string:key>", methods=["GET"])
    async def get_by_key(self, request: Request, name: str, key: str) -> Rendered:
        """The same, of the job that a key stands for."""
        return await self.get(request, await self._house.desk.find(owner(request), name, key))

    @app.route("/jobs/<id:id>", methods=["DELETE"])
    async def delete(self, request: Request, id: str) -> bytes:
        """Cancel a job."""
        known = await self._house.desk.cancel(owner(request), id)
        return self._tell(request, known, 200 if isinstance(known, Outcome) else 202)

    # -- about relay --

    @app.route("/readyz", methods=["GET"])
    def readyz(self, request: Request) -> bytes:
        """For a load balancer: whether this front takes work, and how many requests it holds."""
        ready = not self._house.desk.draining
        held = len(self._house.wheel)
        return answers.json(request, {"ready": ready, "held": held}, 200 if ready else 503)

    @app.route("/problems/<slug>", methods=["GET"])
    def problem(self, request: Request, slug: str) -> bytes:
        """What a problem type means, and what to do about it."""
        if slug in PROBLEMS:
            status, _, title, meaning = PROBLEMS[slug]
        elif slug in catalogue():
            kind = catalogue()[slug]
            status, title = kind.status, kind.title
            meaning = inspect.cleandoc(kind.__doc__ or "").replace("\n", " ")
        else:
            raise NoSuchPage(f"{slug} is not a problem of relay's: the handler of the job defines it")
        return answers.json(request, {"type": slug, "title": title, "status": status, "meaning": meaning})

    # -- what goes wrong --

    @app.handle_errors(RelayError)
    def refuse(self, request: Any, failure: Failure) -> bytes:
        assert isinstance(failure.value, RelayError)
        return answers.problem(request, failure.value, self._settings.prefix)

    @app.handle_errors(HTTPException)
    def not_routed(self, request: Any, failure: Failure) -> bytes:
        error: RelayError = NoSuchPage()
        if isinstance(failure.value, MethodNotAllowed):
            request.setHeader("Allow", ", ".join(sorted(failure.value.valid_methods or ())))
            error = MethodRefused()
        return answers.problem(request, error, self._settings.prefix)

    @app.handle_errors(Exception)
    def fail(self, request: Any, failure: Failure) -> bytes:
        self._log.failure("{method} {path} failed", failure, method=request.method, path=request.path)
        return answers.problem(request, InternalError(), self._settings.prefix)

    # -- how --

    def _full(self) -> bool:
        return len(self._house.wheel) >= self._settings.max_held

    def _terms(self, prefer: Preferences, cancel: bool, submission: bool) -> Terms | None:
        """How to hold a request; None for one that is not to be held."""
        settings = self._settings
        at_once = submission and prefer.respond_async
        if at_once and prefer.wait is None:
            return None
        wait = min(settings.max_wait, settings.max_wait if prefer.wait is None else prefer.wait)
        heartbeat = settings.heartbeat if prefer.heartbeat is None else prefer.heartbeat
        applied = [f"wait={prefer.wait}"] if prefer.wait == wait else []
        if at_once:
            return Terms(
                min(wait, settings.grace), wait, 0, True, ", ".join(["respond-async", *applied]), cancel
            )
        if prefer.heartbeat is not None:
            applied.append(f"heartbeat={prefer.heartbeat}")
        return Terms(
            wait, settings.grace if heartbeat else wait, heartbeat, submission, ", ".join(applied), cancel
        )

    def _hold_or_tell(
        self, request: Request, accepted: Accepted, terms: Terms | None, caller: str, prefer: Preferences
    ) -> Rendered:
        known = accepted.known
        if isinstance(known, Outcome):
            status = answers.outcome_status(known) if accepted.replayed else 200
            return self._outcome(request, known, status, accepted.replayed)
        draining = self._house.desk.draining
        if terms is not None and accepted.waiter is not None and not draining:
            return Hold(self._house, terms, caller, known, accepted.waiter)
        if prefer.respond_async:
            request.setHeader("Preference-Applied", "respond-async")
        leave(accepted.waiter)
        return self._tell(request, known, 202, reattach=terms is not None and draining)

    def _tell(
        self, request: Request, known: Standing | Outcome, status: int, reattach: bool = False
    ) -> bytes:
        if isinstance(known, Outcome):
            return self._outcome(request, known, status)
        return answers.standing(request, known, status, self._settings.prefix, reattach)

    def _outcome(self, request: Request, outcome: Outcome, status: int, replayed: bool = False) -> bytes:
        self._house.desk.collected(outcome)
        return answers.outcome(request, outcome, status, self._settings.prefix, replayed)
