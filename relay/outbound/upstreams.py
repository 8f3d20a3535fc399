"""What all calls of a worker share: connections, hosts, and the gate."""

from __future__ import annotations

from typing import Any

from twisted.web.client import Agent, HTTPConnectionPool

from relay.outbound.client import Http, Job
from relay.outbound.gate import Gate, Limiter
from relay.outbound.guard import Endpoints
from relay.outbound.host import Hosts

IDLE_PER_HOST = 50  # kept-alive connections
IDLE_SECONDS = 20  # kept alive for so long: most APIs cut later than that


class Upstreams:
    """Makes the client of each attempt."""

    def __init__(self, reactor: Any, limiter: Limiter, allow_private: bool, per_host: int) -> None:
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = IDLE_PER_HOST
        pool.cachedConnectionTimeout = IDLE_SECONDS
        self.clock = reactor
        self.pool = pool
        self.agent = Agent.usingEndpointFactory(reactor, Endpoints(reactor, allow_private), pool)
        self.hosts = Hosts(per_host)
        self.gate = Gate(reactor, limiter)

    def client(self, job: Job) -> Http:
        """The client of one attempt, to be closed with it."""
        return Http(self.clock, self.agent, self.hosts, self.gate, job)
