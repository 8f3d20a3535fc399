"""The state that all calls of a worker share: connections, hosts, and the gate."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import DeferredList
from twisted.web.client import Agent

from relay.net.api_pool import Once, Pool
from relay.outbound.client import EXTRA, Common, Http
from relay.outbound.gate import Gate, Limiter
from relay.outbound.guard import Endpoints
from relay.outbound.host import Hosts
from relay.outbound.job import AttemptOfJob
from relay.outbound.learning import Teachers
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing

IDLE_PER_HOST = 50  # kept-alive connections
IDLE_SECONDS = 20  # kept alive for so long: most APIs cut later than that


class Upstreams:
    """Makes the client of each attempt."""

    def __init__(
        self,
        reactor: Any,
        limiter: Limiter,
        allow_private: bool,
        per_host: int,
        events: Events = UNHEARD,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self.hosts = Hosts(per_host, events)
        self._clock = reactor
        self._pools = [
            _pool(reactor),
            _pool(reactor),
        ]  # apart, for else a guarded call could use an open connection
        agents = {
            (private, again): Agent.usingEndpointFactory(
                reactor, Endpoints(reactor, private or allow_private), pool if again else Once(pool)
            )
            for private, pool in zip((False, True), self._pools, strict=True)
            for again in (False, True)
        }
        teachers = Teachers(reactor, Gate(reactor, limiter))
        self._shared = Common(
            reactor, lambda private, again: agents[private, again], self.hosts, teachers, events, tracing
        )

    def client(self, job: AttemptOfJob) -> Http:
        """The client of one attempt, to be closed with it."""
        return Http(self._shared, job)

    def under_way(self) -> dict[str, tuple[int, float]]:
        """How many calls are under way by host, and for how many seconds the oldest has had no answer."""
        return self.hosts.under_way(self._clock.seconds())

    async def close(self) -> None:
        """Give work in `finish` its time, then close the kept-alive connections."""
        await DeferredList(self._shared.unfinished).addTimeout(EXTRA, self._clock)
        await DeferredList([pool.closeCachedConnections() for pool in self._pools])


def _pool(reactor: Any) -> Pool:
    pool = Pool(reactor)
    pool.maxPersistentPerHost = IDLE_PER_HOST
    pool.cachedConnectionTimeout = IDLE_SECONDS
    return pool
