"""The admin listener, put together: beside the supervisor of ``relay all``, or beside a front or a worker alone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from relay.admin.listener import AdminListener, AdminTools
from relay.admin.standing import Standing
from relay.front.callers.sources import allowance_of
from relay.http.forwarding import Proxies
from relay.model.problems.base import RelayError
from relay.model.settings import SettingError, Settings
from relay.operations.store_operations import StoreOperations
from relay.process import sockets
from relay.process.reexec import Inherited
from relay.process.stores import router_of
from relay.process.telemetry import Telemetry
from relay.serving.token_file import TokenFile
from relay.store.operators import OperatorStore, RedisOperatorStore
from relay.store.terms import terms_of
from relay.telemetry.snapshot import Snapshot

AUTO = "auto"
USUAL = "tcp:8081:interface=127.0.0.1"
_NO_OPERATORS = (
    "other machines can reach this address, and no token is an operator's: make one with "
    "`relay tokens add NAME --operator look`, and name its file with --tokens"
)
_log = Logger()


@dataclass(frozen=True, slots=True)
class AdminSocket:
    """Where operators are listened to: an endpoint string, and what was bound for it."""

    description: str
    bound: socket.socket


def endpoint_of(settings: Settings, role: str) -> str:
    """The endpoint of the admin listener, "" for none."""
    return (USUAL if role == "all" else "") if settings.admin == AUTO else settings.admin


def bind(reactor: Any, settings: Settings, role: str, left: Inherited | None = None) -> AdminSocket | None:
    """Bind it, if there is to be one; `left` may have it already. Raises `SettingError`; if only the usual address is
    taken, relay goes on without."""
    description = endpoint_of(settings, role)
    if not description:
        return None
    bound = left.take_socket(description) if left is not None else None
    try:
        made = AdminSocket(description, bound or sockets.bound_one(reactor, "--admin", description))
    except SettingError as error:
        cause = error.__cause__
        if settings.admin == AUTO and getattr(cause, "errno", 0) == errno.EADDRINUSE:
            _log.warn("there is no admin listener: {error}", error=error)
            return None
        raise
    _check_who_may(reactor, settings, made)
    return made


def _check_who_may(reactor: Any, settings: Settings, made: AdminSocket) -> None:
    if sockets.reaches_others(made.bound):
        file = _tokens(reactor, settings)
        if file is None or not file.known.has_operators:
            made.bound.close()
            raise SettingError(f"--admin {made.description}: {_NO_OPERATORS}")


@dataclass(frozen=True, slots=True)
class AdminView:
    """What the listener shows. `why_not`: what this process knows to be missing for work, "" for nothing · `own`: what
    the processes tell that this one knows itself."""

    store: OperatorStore
    why_not: Callable[[], str]
    own: Callable[[], list[Snapshot]] = list


def listener(reactor: Any, settings: Settings, made: AdminSocket, watched: AdminView) -> AdminListener:
    """The listener at a socket. It neither starts nor stops the store. Raises `SettingError`."""
    served = made.bound.dup()  # the other stays open for a supervisor that restarts
    served.setblocking(
        False
    )  # a socket that was inherited does not know that it is, and `dup` makes it block
    endpoint = sockets.BoundEndpoint(reactor, made.description, served, option="--admin")
    operations = StoreOperations(watched.store)
    return AdminListener(
        AdminTools(
            clock=reactor,
            endpoint=endpoint,
            operations=operations,
            snapshots=_all_snapshots(operations, watched.own),
            own=watched.own,
            standing=Standing(watched.why_not, watched.store.check_writable, reactor.seconds),
            proxies=Proxies(settings.trusted_proxy),
            hosts=settings.host,
            file=_tokens(reactor, settings),
            is_wide=sockets.reaches_others(made.bound),
            is_tls=str(endpoint).startswith("https:"),
            apart=_apart(reactor),
        )
    )


def _apart(reactor: Any) -> Callable[..., Deferred[Any]]:
    """Calls functions in a thread."""
    return lambda function, *args: deferToThreadPool(reactor, reactor.getThreadPool(), function, *args)


def _tokens(reactor: Any, settings: Settings) -> TokenFile | None:
    """The file of tokens, read. Raises `SettingError`."""
    if not settings.tokens:
        return None
    file = TokenFile(settings.tokens, allowance_of(settings), apart=_apart(reactor))
    file.read()
    return file


def _all_snapshots(
    operations: StoreOperations, own: Callable[[], list[Snapshot]]
) -> Callable[[], Awaitable[list[Snapshot]]]:
    """What all processes tell: those that this one knows itself now, others as the store has it, which may be away."""

    async def snapshots() -> list[Snapshot]:
        known = {each.info.name: each for each in own()}
        with suppress(RelayError):
            for each in await operations.snapshots():
                known.setdefault(each.info.name, each)
        return list(known.values())

    return snapshots


class Beside(Service):
    """A front or a worker alone, with its admin listener, which has connections to Redis of its own and stays until the
    other has stopped."""

    def __init__(self, main: Any, admin: AdminListener, store: OperatorStore) -> None:
        self._main = main
        self._admin = admin
        self._store = store

    def startService(self) -> None:
        super().startService()
        self._store.start()
        self._main.startService()
        self._admin.startService()

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(self._main.stopService)
        await maybeDeferred(self._admin.stopService)
        await maybeDeferred(self._store.stop)


def beside(reactor: Any, settings: Settings, role: str, main: Any, telemetry: Telemetry) -> Any:
    """A front or a worker alone, with its admin listener if there is to be one. Raises `SettingError`."""
    made = bind(reactor, settings, role)
    if made is None:
        return main
    path = sockets.path_of(made.bound, made.description)
    reactor.addSystemEventTrigger("after", "shutdown", sockets.remove, path)
    store = RedisOperatorStore(router_of(reactor, settings), terms_of(settings))
    watched = AdminView(store, lambda: "" if main.running else "draining", telemetry.snapshots)
    return Beside(main, listener(reactor, settings, made, watched), store)
