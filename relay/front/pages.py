"""All pages of a front, put together."""

from __future__ import annotations

from relay.front.admission import Admission
from relay.front.browsers import Cors
from relay.front.caller import Takes
from relay.front.docs_page import DocsPage
from relay.front.hold.context import HoldContext
from relay.front.openapi.document import OpenApi
from relay.front.readiness import Readiness
from relay.front.routes.about import HealthRoutes, ProblemRoutes
from relay.front.routes.app import CONVERTERS, Routes
from relay.front.routes.describing import DescriptionRoutes, DocsRoutes
from relay.front.routes.holding import Holding
from relay.front.routes.jobs import JobRoutes
from relay.front.routes.probes import ProbeRoutes
from relay.front.routes.streaming import Streaming
from relay.front.routes.tickets import TicketRoutes
from relay.http.exchange import Pages
from relay.http.forwarding import Proxies
from relay.model.origins import PageOrigins
from relay.model.settings import Settings
from relay.serving.dispatcher import Dispatcher


def pages(context: HoldContext, settings: Settings, admission: Admission, readiness: Readiness) -> Pages:
    """What a front serves."""
    jobs, holding = context.jobs, Holding(context, settings)
    streaming = Streaming(context, holding, settings)
    routes: list[Routes] = [
        JobRoutes(jobs, holding, streaming, settings, context.tracing),
        TicketRoutes(jobs, holding, streaming, admission),
        HealthRoutes(context, readiness),
        ProblemRoutes(jobs),
        DescriptionRoutes(jobs.visible, OpenApi(settings, admission.schemes)),
        DocsRoutes(DocsPage(context.clock)),
    ]
    if settings.probes:
        proxies = Proxies(settings.trusted_proxy)
        routes.append(ProbeRoutes(context, holding, proxies, settings.max_wait))
    served_by = admission.access, settings.prefix, routes, Takes.CALLER, CONVERTERS
    dispatcher = Dispatcher(*served_by, events=context.events)
    return Cors(dispatcher, PageOrigins(settings.cors)) if settings.cors else dispatcher
