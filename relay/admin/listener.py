"""The admin listener as a service: it listens, keeps the history, and watches the file of tokens."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger

from relay.admin.api import ApiRoutes
from relay.admin.exposing import MetricRoutes
from relay.admin.files import FileRoutes, page_files
from relay.admin.gate import AdminGate
from relay.admin.health import AdminHealth
from relay.admin.history import OFTEN, History
from relay.admin.login import SessionRoutes
from relay.admin.methods import method, methods_of
from relay.admin.pages import admin_pages
from relay.admin.sessions import OperatorSessions
from relay.admin.standing import Standing
from relay.admin.summary import Summaries
from relay.http.connections import Connections
from relay.http.doors import Doors
from relay.http.exchange import Pages
from relay.http.forwarding import Proxies
from relay.http.site import Site
from relay.operations.operations import Operations
from relay.serving.failures import Failures
from relay.serving.known_tokens import KnownTokens
from relay.serving.refusals import Refusals
from relay.serving.token_file import TokenFile
from relay.telemetry.snapshot import Snapshot
from relay.timing.recurring import recurring

LOOK = 1.0  # seconds between looks at the file of tokens
BODY = 1 << 20  # bytes of a request
KEEPALIVE = 75.0  # seconds
MOST_CLIENTS = 200  # connections; Prometheus and a few browsers are there
MOST_OF_ONE = 50  # of these from one address, so that a stranger does not shut out those who watch


@dataclass(frozen=True, slots=True)
class AdminTools:
    """What the listener works with, made by the composition root.

    `snapshots`: what the processes of this relay tell, `own`: those among them that are beside this listener ·
    `standing`: whether it takes work · `file`: of tokens, None for none · `is_wide`: others than this machine reach
    `endpoint` · `is_tls`: by https alone · `apart`: calls a function in a thread.
    """

    clock: IReactorTime
    endpoint: IStreamServerEndpoint
    operations: Operations
    snapshots: Callable[[], Awaitable[list[Snapshot]]]
    own: Callable[[], list[Snapshot]]
    standing: Standing
    proxies: Proxies = Proxies()
    hosts: Sequence[str] = ()
    file: TokenFile | None = None
    is_wide: bool = False
    is_tls: bool = False
    now: Callable[[], float] = time.time
    apart: Callable[..., Deferred[Any]] = maybeDeferred


class AdminListener(Service):
    """Serves operators."""

    _log = Logger()

    def __init__(self, tools: AdminTools) -> None:
        self._tools = tools
        self._history = History(tools.operations.overview, tools.snapshots, tools.now)
        doors = Doors(tools.clock.seconds, MOST_CLIENTS, MOST_OF_ONE, tools.proxies.trusts)
        self.site = Site(Connections(tools.clock, self._pages(), BODY, KEEPALIVE, doors))
        self._port: IListeningPort | None = None
        self._looking = recurring(tools.clock, self._history.look)
        self._watching = recurring(tools.clock, tools.file.look) if tools.file is not None else None

    def _pages(self) -> Pages:
        gate = self._gate()
        tools, history = self._tools, self._history
        summaries = Summaries(tools.operations.overview, tools.snapshots, tools.clock.seconds)
        methods = methods_of(tools.operations)
        own: dict[str, Callable[..., Awaitable[Any]]] = {
            "history": history.history,
            "summary": summaries.summary,
            "snapshots": tools.snapshots,
        }
        methods |= {name: method(name, call) for name, call in own.items()}
        routes = [
            ApiRoutes(methods),
            SessionRoutes(gate),
            AdminHealth(self._tools.standing),
            MetricRoutes(
                tools.own, tools.snapshots, tools.operations.overview, tools.clock.seconds, tools.apart
            ),
            FileRoutes(page_files()),
        ]
        return admin_pages(gate, routes)

    def _gate(self) -> AdminGate:
        tools = self._tools
        none = KnownTokens()

        def known() -> KnownTokens:
            return tools.file.known if tools.file is not None else none

        sessions = OperatorSessions(known, tools.now, tools.is_tls, tools.proxies)
        refused = Failures(tools.clock.seconds), Refusals(tools.clock)
        return AdminGate(known, tools.now, sessions, *refused, tools.proxies, tools.hosts, tools.is_wide)

    def startService(self) -> None:
        super().startService()
        self._looking.start(OFTEN)
        if self._watching is not None:
            self._watching.start(LOOK)
        ensureDeferred(self._listen()).addErrback(
            lambda failure: self._log.failure("the admin listener could not start", failure)
        )

    async def _listen(self) -> None:
        self._port = await self._tools.endpoint.listen(self.site)
        self._log.info("relay shows itself to operators at {address}", address=str(self._tools.endpoint))

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        self._looking.stop()
        if self._watching is not None:
            self._watching.stop()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        self.site.connections.close()
        self.site.connections.stop()
