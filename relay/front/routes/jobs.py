"""Jobs: submit, look, attach, cancel."""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred

from relay.front.accept import stream_of
from relay.front.accepted import Accepted
from relay.front.hold.policy import HoldPolicy
from relay.front.job_service import JobService
from relay.front.routes.app import Routes, new_app
from relay.front.routes.holding import Holding
from relay.front.routes.on_its_way import OnItsWay
from relay.front.routes.streaming import Streaming
from relay.front.submission import SubmitRequest, read_submission
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Served
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.model.digests import digest
from relay.model.problems.request import KeyRequired
from relay.model.settings import Settings
from relay.model.status import Outcome
from relay.telemetry.tracing import UNTRACED, Tracing


class JobRoutes(Routes):
    """Submit, look, attach, cancel: ``/jobs/…``"""

    app = new_app()

    def __init__(
        self,
        jobs: JobService,
        holding: Holding,
        streaming: Streaming,
        settings: Settings,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._jobs = jobs
        self._holding = holding
        self._streaming = streaming
        self._settings = settings
        self._tracing = tracing

    @app.route("/jobs/<name:name>", methods=["POST"])
    def post(self, request: Request, caller: Caller, name: str) -> Served | Deferred[Served]:
        """Submit a job."""
        return self._submit(request, caller, name)

    @app.route("/jobs/<name:name>/<string:key>", methods=["PUT"])
    def put(self, request: Request, caller: Caller, name: str, key: str) -> Served | Deferred[Served]:
        """Submit a job under a key of the client's choice."""
        return self._submit(request, caller, name, key)

    def _submit(
        self, request: Request, caller: Caller, name: str, key: str = ""
    ) -> Served | Deferred[Served]:
        asked = read_submission(request, caller, name, key, self._settings.max_delay)
        if self._tracing is not UNTRACED:
            asked = self._traced(asked, request.method)
        trail = request.trail
        if trail is not None:
            trail.job, trail.trace = name, asked.trace
            trail.key = digest(caller.owner, name, asked.key) if asked.key else ""
        if self._settings.require_key and not asked.key:
            raise KeyRequired("send an Idempotency-Key, or PUT /jobs/{name}/{key}")
        if "accept" in request.headers and not asked.delay and (form := stream_of(request)):
            policy = self._streaming.policy(asked.wait)
            if policy is not None:
                how = caller, policy, form
                return self._jobs.submitted(asked, held=True).addCallback(self._stream, request, *how)
        policy = None if asked.delay else self._holding.of_submission(asked.wait, caller)
        soon = asked.wait.prefer.wait == 0 and not asked.delay  # somebody will attach, here or elsewhere
        on_its_way = OnItsWay(self._holding, request, caller, policy, asked.wait)
        on_its_way.accepting = self._jobs.submit(asked, policy is not None or soon, on_its_way.told)
        return on_its_way

    def _stream(
        self, accepted: Accepted, request: Request, caller: Caller, policy: HoldPolicy, form: str
    ) -> Deferred[Served]:
        return Deferred.fromCoroutine(self._streaming.submitted(request, caller, accepted, policy, form))

    def _traced(self, asked: SubmitRequest, method: str) -> SubmitRequest:
        """The same with the traceparent that its job carries."""
        return msgspec.structs.replace(asked, trace=self._tracing.request(asked.trace, method))

    @app.route("/jobs/<id:id>", methods=["GET"])
    async def get(self, request: Request, caller: Caller, id: str) -> Served:
        """Where a job stands, or with `Prefer: wait` its outcome."""
        if request.method == "HEAD":
            return self._holding.show(await self._jobs.look(caller.owner, id), 200)
        wait = WaitRequest.read(request)
        if wait.prefer.change and wait.prefer.wait is not None:
            return await self._streaming.change(request, caller, id, wait)
        policy = self._holding.of_look(wait, caller) if wait.prefer.wait else None
        if policy is None:
            return self._holding.tell(await self._jobs.look(caller.owner, id), 200)
        accepted = await self._jobs.attach(caller.owner, id)
        return self._holding.hold_or_tell(accepted, policy, caller, wait)

    @app.route("/jobs/<id:id>/events", methods=["GET"])
    async def events(self, request: Request, caller: Caller, id: str) -> Served:
        """What happens to a job, while it happens."""
        if request.method == "HEAD":
            return self._holding.show(await self._jobs.look(caller.owner, id), 200)
        return await self._streaming.of_job(request, caller, id, WaitRequest.read(request))

    @app.route("/jobs/<name:name>/<string:key>", methods=["GET"])
    async def get_by_key(self, request: Request, caller: Caller, name: str, key: str) -> Served:
        """The same, of the job that a key stands for."""
        found: Served = await self.get(request, caller, await self._jobs.find(caller.owner, name, key))
        return found

    @app.route("/jobs/<id:id>", methods=["DELETE"])
    async def delete(self, request: Request, caller: Caller, id: str) -> HttpAnswer:
        """Cancel a job."""
        known = await self._jobs.cancel(caller.owner, id)
        return self._holding.tell(known, 200 if isinstance(known, Outcome) else 202)
