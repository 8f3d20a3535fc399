"""Tickets: wait for a job that another server submitted for its client."""

from __future__ import annotations

import time

import msgspec

from relay.front.admission import Admission
from relay.front.caller import Takes
from relay.front.job_service import JobService
from relay.front.routes.app import Routes, new_app
from relay.front.routes.holding import TICKET, Holding
from relay.front.routes.streaming import Streaming
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Served
from relay.http.request import Request
from relay.model import tickets
from relay.model.caller import Allowance, Caller
from relay.model.problems.caller import Forbidden
from relay.model.tickets import Ticket, TicketError

#: clients with a ticket of the same job that one front holds
OF_ONE_JOB = Allowance(held=20)


class TicketRoutes(Routes):
    """``/tickets/…``"""

    app = new_app()
    takes = Takes.TICKET

    def __init__(
        self, jobs: JobService, holding: Holding, streaming: Streaming, admission: Admission
    ) -> None:
        self._jobs = jobs
        self._holding = holding
        self._streaming = streaming
        self._admission = admission

    @app.route("/tickets/<string:ticket>", methods=["GET"])
    async def attach(self, request: Request, caller: Caller, ticket: str) -> Served:
        """Wait for a job that another server submitted for this client. Raises `Forbidden` for a bad ticket."""
        caller, (id, _, preferred, replayed, _) = self._read(request, caller, ticket)
        if request.method == "HEAD":
            return self._holding.show(await self._jobs.look(caller.owner, id), 200)
        wait = WaitRequest.read(request, preferred)
        policy = self._holding.of_submission(wait, caller)
        accepted = msgspec.structs.replace(await self._jobs.attach(caller.owner, id), replayed=replayed)
        return self._holding.hold_or_tell(accepted, policy, caller, wait)

    @app.route("/tickets/<string:ticket>/events", methods=["GET"])
    async def events(self, request: Request, caller: Caller, ticket: str) -> Served:
        """What happens to the job, while it happens. Raises `Forbidden` for a bad ticket."""
        caller, (id, _, preferred, replayed, _) = self._read(request, caller, ticket)
        if request.method == "HEAD":
            return self._holding.show(await self._jobs.look(caller.owner, id), 200)
        wait = WaitRequest.read(request, preferred)
        return await self._streaming.of_job(request, caller, id, wait, replayed)

    def _read(self, request: Request, caller: Caller, ticket: str) -> tuple[Caller, Ticket]:
        """What a ticket says, and who has it."""
        try:
            said = tickets.read(self._admission.secrets, ticket, time.time())
        except TicketError as error:
            self._admission.refused(request, "a ticket", error)
            raise Forbidden(str(error)) from error
        return Caller(said.owner or caller.owner, name=f"{TICKET}{said.id}", allowance=OF_ONE_JOB), said
