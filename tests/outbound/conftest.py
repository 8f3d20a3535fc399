"""A scene of an API on a real socket, and one job that calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest_twisted

from relay.model.limits import Learned
from relay.outbound import AttemptOfJob, Http, Upstreams
from relay.telemetry.events import Events
from tests.outbound.hostile import Hostile
from tests.outbound.misbehaving import Misbehaving


class Limits:
    """Counts nothing by itself: grants what it is told to, and remembers what was learned."""

    def __init__(self) -> None:
        self.grants: list[tuple[int, float]] = []
        self.asked: list[tuple[str, int]] = []
        self.learned: list[tuple[list[str], Learned]] = []

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        self.asked.append((scope, calls))
        return self.grants.pop(0) if self.grants else (-1, 0.0)

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        self.learned.append((list(scopes), learned))
        self.grants.append((0, learned.pause))


class HeardCalls(Events):
    """What is told of calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int, str, str]] = []  # host, method, status, job, URL
        self.breakers: list[tuple[str, bool]] = []

    def called(self, host: str, method: str, status: int, seconds: float, id: str, url: str) -> None:
        self.calls.append((host, method, status, id, url))

    def breaker(self, host: str, is_open: bool) -> None:
        self.breakers.append((host, is_open))


class Scene:
    def __init__(self, reactor: Any) -> None:
        self.api = Misbehaving(reactor)
        self.limits = Limits()
        self.events = HeardCalls()
        self.reactor = reactor
        self.upstreams = Upstreams(reactor, self.limits, allow_private=True, per_host=4, events=self.events)
        self.clients: list[Http] = []

    def job(self, seconds: float = 20, **job: Any) -> Http:
        """The client of a job that has so many seconds."""
        self.clients.append(
            self.upstreams.client(AttemptOfJob("0-a-b", self.reactor.seconds() + seconds, **job))
        )
        return self.clients[-1]


@pytest_twisted.async_yield_fixture
async def scene() -> AsyncIterator[Scene]:
    """Afterwards nothing is open, whatever the test did."""
    from twisted.internet import reactor

    scene = Scene(reactor)
    yield scene
    for client in scene.clients:
        client.close()
    await scene.upstreams.close()
    await scene.api.all_closed()
    assert all(host.idle or not host.breaker.closed for host in scene.upstreams.hosts)
    await scene.api.stop()


@pytest_twisted.async_yield_fixture
async def hostile(scene: Scene) -> AsyncIterator[Hostile]:
    hostile = Hostile(scene.reactor)
    yield hostile
    for client in scene.clients:
        client.close()
    await scene.upstreams.close()
    await hostile.stop()
