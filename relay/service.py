"""The composition root: the only room that builds and connects.

`front`, `worker` and `everything` each make one service out of settings; nothing below knows how it is put
together. Who calls: `relay.tap` (twistd), ``relay.tac``, and `relay.child` (the processes of ``all``).
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from relay import sockets
from relay.handlers import HandlerError, Registry
from relay.settings import SettingError, Settings
from relay.store.address import Address, AddressError
from relay.store.embedded import Embedded, EmbeddedError
from relay.store.inbox import Inbox
from relay.store.link import Link
from relay.store.messages import Mail
from relay.store.store import Store

EMBEDDED = "embedded:"
_log = Logger()


def front(reactor: Any, settings: Settings, listening: Sequence[socket.socket] | None = None) -> IService:
    """A front; it binds its own sockets unless it is given some. Raises `SettingError`."""
    from relay.front.front import Front, Tools

    address = _address(settings)
    if listening is None:
        listening = sockets.bind(reactor, settings.listen, settings.open)
    endpoints = [
        sockets.BoundEndpoint(reactor, description, bound)
        for description, bound in zip(settings.listen, listening, strict=True)
    ]
    store = _store(reactor, address, settings, "f")
    return Front(Tools(reactor, store, _inbox_of(reactor, address, store), endpoints), settings)


def worker(reactor: Any, settings: Settings) -> IService:
    """A worker with the handlers of its modules. Raises `SettingError`."""
    from relay import outbound
    from relay.worker.worker import Tools, Worker

    address = _address(settings)
    registry = _registry(settings)
    store = _store(reactor, address, settings, "w")
    http = outbound.client(reactor, settings.allow_private)
    in_thread = _threads(reactor, settings.concurrency)
    return Worker(
        Tools(reactor, store, _inbox_of(reactor, address, store), http, in_thread), registry, settings
    )


def everything(reactor: Any, settings: Settings) -> IService:
    """The store, fronts and workers as processes of their own, kept alive. Raises `SettingError`."""
    from relay.supervise import Kept, Supervisor

    _registry(settings)  # a mistake in a handler is told here, not by a worker that dies over and over
    listening = sockets.bind(reactor, settings.listen, settings.open)
    for bound in listening:
        _log.info("relay listens on {address}", address=sockets.shown(bound))
    embedded = _embedded(settings) if settings.redis in ("", EMBEDDED) else None
    environment = {**os.environ, **settings.environ()}
    if embedded is not None:
        environment["RELAY_REDIS"] = embedded.url
    environment["RELAY_SOCKETS"] = str(len(listening))

    def child(role: str, number: int, handed: Sequence[socket.socket] = ()) -> Kept:
        command = [sys.executable, "-m", "relay.child", role]
        return Kept(reactor, f"{role} {number}", lambda: command, environment, handed)

    children = [child("front", n + 1, listening) for n in range(settings.fronts)]
    children += [child("worker", n + 1) for n in range(settings.workers)]
    store = Kept(reactor, "redis", embedded.command, os.environ) if embedded else None
    supervisor = Supervisor(store, children, settings.drain, embedded.close if embedded else lambda: None)
    stop_at_once_on_second_signal(reactor, supervisor.stop_at_once)
    return supervisor


def stop_at_once_on_second_signal(reactor: Any, stop: Callable[[], None] = lambda: None) -> None:
    """The first SIGTERM or SIGINT drains, as Twisted does; a second one ends the process at once."""
    signals: list[int] = []

    def received(number: int, frame: Any) -> None:
        signals.append(number)
        if len(signals) == 1:
            reactor.callFromThread(reactor.stop)
            return
        stop()
        os._exit(128 + number)

    def install() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, received)

    reactor.callWhenRunning(install)


def _address(settings: Settings) -> Address:
    if settings.redis in ("", EMBEDDED):
        raise SettingError("--redis: which one? Only `relay all` brings its own (redis://host:6379/0)")
    try:
        return Address.parse(settings.redis)
    except AddressError as error:
        raise SettingError(f"--redis: {error}") from error


def _embedded(settings: Settings) -> Embedded:
    try:
        return Embedded(settings.data)
    except (EmbeddedError, OSError) as error:
        raise SettingError(f"--data: {error}") from error


def _registry(settings: Settings) -> Registry:
    if os.getcwd() not in sys.path:  # twistd does not look where it is started
        sys.path.insert(0, os.getcwd())
    try:
        registry = Registry.load(settings.jobs)
    except (HandlerError, ImportError, SyntaxError) as error:
        raise SettingError(f"--jobs: {error}") from error
    if not list(registry):
        raise SettingError(f"--jobs: no handlers in {', '.join(settings.jobs)}")
    return registry


def _store(reactor: Any, address: Address, settings: Settings, role: str) -> Store:
    name = role + base64.b32encode(os.urandom(10)).decode().lower()
    link = Link(reactor, address.endpoint(reactor), address)
    store = Store(reactor, link, name, settings.keep, settings.queue_limit)
    store.on_unfit = lambda why: _refuse(reactor, why)
    return store


def _refuse(reactor: Any, why: str) -> None:
    """End the process: better no service than one that loses jobs."""
    _log.critical("relay: --redis: {why}", why=why)
    reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
    reactor.callWhenRunning(reactor.stop)


def _inbox_of(
    reactor: Any, address: Address, store: Store
) -> Callable[[Callable[[list[Mail]], None]], Inbox]:
    link = Link(reactor, address.endpoint(reactor), address)
    return lambda deliver: Inbox(reactor, link, store.keys.inbox(store.inbox), deliver)


def _threads(reactor: Any, most: int) -> Callable[..., Any]:
    pool = ThreadPool(0, most, "handlers")
    reactor.callWhenRunning(pool.start)
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    return lambda function, **arguments: deferToThreadPool(reactor, pool, function, **arguments)
