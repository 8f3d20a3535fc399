"""The front as a service: it listens, sweeps, receives outcomes, and drains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger

from relay.front.admission import Admission
from relay.front.catalogue import Catalogue
from relay.front.credentials import Credentials
from relay.front.feeds.feeds import OF_FEEDS, Feeds
from relay.front.hold.context import HoldContext
from relay.front.hold.hold import Hold
from relay.front.hold.places import Places
from relay.front.hold.timing_wheel import Wheel
from relay.front.job_service import JobService
from relay.front.pages import pages
from relay.front.readiness import Readiness
from relay.front.submitter import Submitter
from relay.front.takeover.departure import Departure
from relay.http.connections import Connections
from relay.http.doors import Doors
from relay.http.forwarding import Proxies
from relay.http.site import Site
from relay.model.problems.base import RelayError
from relay.model.settings import Settings
from relay.net.outgoing import Parting
from relay.store.fronts import FrontStore
from relay.store.inbox import Inbox
from relay.store.inboxes import Deliver
from relay.store.mail import Message
from relay.store.membership import Membership
from relay.store.messages import Sweep
from relay.store.partition import why_away
from relay.submitting.outcomes import EARLY, Outcomes
from relay.submitting.sweeping import Sweeping
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.timing.draining import Drain

SWEEP = 1.0  # seconds between sweeps
PARTING = 1.0  # seconds between looks at the answers that are on their way


@dataclass(frozen=True, slots=True)
class FrontTools:
    """What a front works with, made by the composition root."""

    clock: IReactorTime
    store: FrontStore
    inbox: Callable[[Deliver], Inbox]
    endpoints: Sequence[IStreamServerEndpoint]
    credentials: Credentials
    give_up: Callable[[str], None]
    """Ends the process, and says why."""
    successor: int = -1  # descriptors of the sockets to the fronts after and before this one, -1 for none
    predecessor: int = -1
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED


class Front(Service):
    """Serves HTTP on its endpoints."""

    _log = Logger()

    def __init__(self, tools: FrontTools, settings: Settings) -> None:
        self._tools = tools
        self._settings = settings
        #: how long those that are held have to be answered or sent elsewhere, once it stops
        self.drain = Drain(tools.clock, settings.drain)
        self._outcomes = Outcomes(tools.clock, tools.store)
        self._catalogue = Catalogue(tools.clock, tools.store)
        self._readiness = Readiness(tools.clock.seconds, self._catalogue, tools.store.partitions)
        shared = tools.store, self._catalogue, self._outcomes.waiters
        submitter = Submitter(tools.clock, *shared, settings.fair, tools.events)
        self._jobs = JobService(*shared, submitter)
        self._feeds = Feeds(tools.clock, tools.store, self._outcomes.waiters, settings.prefix)
        self._outcomes.recovery.on_repair.append(self._feeds.repaired)
        self._wheel = Wheel(tools.clock)
        self._parting = Parting(tools.clock)
        proxies = Proxies(settings.trusted_proxy)
        self._admission = Admission(tools.clock, settings, tools.credentials, proxies)
        most = settings.max_connections, settings.max_per_address
        self._departure = Departure(self.drain, self._outcomes.recovery)
        doors = Doors(tools.clock.seconds, *most, proxies.trusts)
        self._context = self._departure.context = self._hold_context(doors)
        self._inbox = tools.inbox(self._told)
        #: fires when it listens
        self.ready: Deferred[None] = Deferred()
        heard = self._swept, self._missed
        self._sweeping = Sweeping(tools.store, self._inbox, self._outcomes.recovery, *heard)
        self._ports: list[IListeningPort] = []
        self._site = self._make_site()
        work = {self._sweeping.sweep: SWEEP, self._outcomes.waiters.turn: EARLY, self._parting.look: PARTING}
        self._membership = Membership(tools.clock, tools.store, self._inbox, work)

    def _hold_context(self, doors: Doors) -> HoldContext:
        tools = self._tools
        return HoldContext(
            tools.clock,
            self._wheel,
            self._jobs,
            self._parting,
            doors,
            self._settings.prefix,
            self._outcomes.waiters,
            self._departure.successor,
            Places(),
            self._feeds,
            tools.events,
            tools.tracing,
        )

    def _make_site(self) -> Site:
        settings = self._settings
        served = pages(self._context, settings, self._admission, self._readiness)
        limits = settings.body_limit, settings.keepalive
        return Site(Connections(self._tools.clock, served, *limits, self._context.doors, self._tools.events))

    def held(self) -> int:
        """How many requests are held."""
        return len(self._wheel)

    def ages(self) -> list[float]:
        """For how many seconds each of them has been held."""
        return [hold.held() for hold in self._wheel if isinstance(hold, Hold)]

    def startService(self) -> None:
        super().startService()
        self._membership.start()
        self._wheel.start()
        self._tools.credentials.start()
        self._connect()
        ensureDeferred(self._listen()).addErrback(
            lambda failure: self._log.failure("the front could not start", failure)
        )

    def _connect(self) -> None:
        """Hear of the fronts before and after this one."""
        if self._tools.successor >= 0:
            self._departure.successor.connect(self._tools.clock, self._tools.successor)
        if self._tools.predecessor >= 0:
            self._departure.predecessor.connect(self._tools.clock, self._tools.predecessor)

    async def _listen(self) -> None:
        for endpoint in self._tools.endpoints:
            try:
                self._ports.append(await endpoint.listen(self._site))
            except Exception as error:  # who can't hear is no use, and should not look as if it were
                self._tools.give_up(f"the front can't listen on {endpoint}: {error}")
                return
            self._log.info("relay front listens on {address}", address=str(endpoint))
        if self._settings.open:
            self._log.warn("relay answers everybody (--open): whoever can reach it may submit every job")
        if self._settings.probes:
            self._log.info("relay answers probes (--probes), which tell a caller how its requests arrive")
        self.ready.callback(None)
        self._departure.predecessor.ready()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._drain())

    async def _drain(self) -> None:
        """Stop listening, part with the held clients, then let go of the store. A client that reads slowly has the
        whole drain for what it is sent."""
        self._jobs.draining = True
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        await self._departure.run(self._site.connections.close())
        self._membership.stop_work()
        self._wheel.stop()
        self._site.connections.stop()
        self._tools.credentials.stop()
        self._outcomes.stop()
        await self._membership.leave()

    # -- what the front hears --

    def _told(self, mail: list[Message], partition: int = 0) -> None:
        self._outcomes.hear(mail, self._told_more)

    def _told_more(self, message: Message) -> None:
        if message.kind in OF_FEEDS:
            self._feeds.hear(message)

    async def _swept(self, partition: int, swept: Sweep) -> None:
        await self._catalogue.hear(swept.version, partition)
        await self._tools.store.check_room(partition)
        self._readiness.swept(partition)

    def _missed(self, partition: int, error: RelayError) -> None:
        self._readiness.missed(why_away(error), partition)
