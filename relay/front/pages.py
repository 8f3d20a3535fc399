"""All pages of a front, put together."""

from __future__ import annotations

from relay.front.access import Access
from relay.front.credentials import Credentials
from relay.front.hold.context import HoldContext
from relay.front.readiness import Readiness
from relay.front.refusals import Refusals
from relay.front.routes.about import HealthRoutes, ProblemRoutes
from relay.front.routes.dispatcher import Dispatcher
from relay.front.routes.holding import Holding
from relay.front.routes.jobs import JobRoutes
from relay.front.routes.tickets import TicketRoutes
from relay.http.forwarding import Proxies
from relay.model.settings import Settings


def pages(
    context: HoldContext,
    settings: Settings,
    access: Access,
    readiness: Readiness,
    credentials: Credentials,
    proxies: Proxies,
    refusals: Refusals,
) -> Dispatcher:
    """What a front serves."""
    jobs, holding = context.jobs, Holding(context, settings)
    routes = [
        JobRoutes(jobs, holding, settings),
        TicketRoutes(jobs, holding, credentials.secrets, proxies, refusals),
        HealthRoutes(context, readiness),
        ProblemRoutes(jobs),
    ]
    return Dispatcher(access, settings.prefix, routes)
