"""Tickets: wait for a job that another server submitted for its client."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from relay.front.caller import Takes
from relay.front.job_service import JobService
from relay.front.refusals import Refusals
from relay.front.routes.app import Routes, new_app
from relay.front.routes.holding import Holding
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Served
from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.model import tickets
from relay.model.caller import Caller
from relay.model.problems.request import Forbidden
from relay.model.tickets import TicketError


class TicketRoutes(Routes):
    """``/tickets/…``. `secrets` are what tickets are signed with."""

    app = new_app()
    takes = Takes.TICKET

    def __init__(
        self, jobs: JobService, holding: Holding, secrets: Sequence[str], proxies: Proxies, refusals: Refusals
    ) -> None:
        self._jobs = jobs
        self._holding = holding
        self._secrets = secrets
        self._proxies = proxies
        self._refusals = refusals

    @app.route("/tickets/<string:ticket>", methods=["GET"])
    async def attach(self, request: Request, caller: Caller, ticket: str) -> Served:
        """Wait for a job that another server submitted for this client. Raises `Forbidden` for a bad ticket."""
        try:
            id, _, preferred, replayed = tickets.read(self._secrets, ticket, time.time())
        except TicketError as error:
            self._refusals.told(self._proxies.client(request), error)
            raise Forbidden(str(error)) from error
        if request.method == "HEAD":
            return self._holding.show(await self._jobs.look(caller.owner, id), 200)
        wait = WaitRequest.read(request, preferred)
        policy = self._holding.of_submission(wait)
        accepted = replace(await self._jobs.attach(caller.owner, id), replayed=replayed)
        return self._holding.hold_or_tell(accepted, policy, caller, wait)
