"""The composition root: the only room that builds and connects.

`front`, `worker` and `everything` each make one service out of settings; nothing below knows how it is put
together. Who calls: `relay.tap` (twistd), ``relay.tac``, and `relay.child` (the processes of ``all``).
"""

from __future__ import annotations

import math
import os
import signal
import site
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from relay import descriptors, ending, garbage, names, signals, sockets, tickets, watch
from relay.check import Check
from relay.kept import Kept, Program
from relay.registry import chosen
from relay.settings import SettingError, Settings
from relay.store.address import Address, AddressError
from relay.store.embedded import Embedded, EmbeddedError
from relay.store.inbox import Inbox
from relay.store.link import Link
from relay.store.messages import Mail
from relay.store.names import random_name
from relay.store.partition import Partition
from relay.store.store import Store
from relay.store.terms import Terms
from relay.supervise import SILENCE, Supervisor

if TYPE_CHECKING:
    from relay.front.front import Front
    from relay.worker.worker import Worker

EMBEDDED = "embedded:"
_log = Logger()


def front(
    reactor: Any, settings: Settings, process: str = "", listening: Sequence[socket.socket] | None = None
) -> Front:
    """A front; it binds its own sockets unless it is given some. Raises `SettingError`."""
    from relay.front.front import Front, Tools

    address = _address(settings)
    settings = _within_descriptors(settings)
    if listening is None:
        listening = sockets.bind(reactor, settings.listen, settings.open)
    endpoints = [
        sockets.BoundEndpoint(reactor, description, bound)
        for description, bound in zip(settings.listen, listening, strict=True)
    ]
    store = _store(reactor, address, settings, process or "f" + random_name(10))
    inbox = _inbox_of(reactor, address, store)
    made = Front(Tools(reactor, store, inbox, endpoints, _secrets(settings)), settings)
    ending.install(reactor)
    reactor.callWhenRunning(garbage.tame, reactor, made.held)
    return made


def worker(
    reactor: Any, settings: Settings, process: str = "", alive: Callable[[], None] = lambda: None
) -> Worker:
    """A worker with the handlers of its modules; a thread of it calls `alive` now and then. Raises `SettingError`."""
    from relay.outbound import Upstreams
    from relay.worker.worker import Tools, Worker

    address = _address(settings)
    registry = chosen(settings)
    for queue in sorted(set(settings.queues) - registry.queues()):
        _log.warn("none of this worker's jobs is in queue {queue}", queue=queue)
    if registry.passed_over:
        _log.info(
            "not served, as they are imported from other modules: {handlers} (name them in __all__, or their modules "
            "with --jobs)",
            handlers=", ".join(registry.passed_over),
        )
    descriptors.raise_limit()
    names.install(reactor)
    store = _store(reactor, address, settings, process or "w" + random_name(10))
    upstreams = Upstreams(reactor, store, settings.allow_private, settings.per_host)
    in_thread, busy = _threads(reactor, settings.concurrency)
    tools = Tools(
        clock=reactor,
        store=store,
        inbox=_inbox_of(reactor, address, store),
        upstreams=upstreams,
        in_thread=in_thread,
        from_thread=reactor.callFromThread,
        give_up=lambda why: _give_up(reactor, why),
    )
    made = Worker(tools, registry, settings)
    watch.install(reactor, made, registry, store, address, settings, alive)
    ending.install(reactor, lambda: max(busy(), made.hung()))
    reactor.callWhenRunning(garbage.tame, reactor, made.held)
    return made


def everything(reactor: Any, settings: Settings) -> Supervisor:
    """The store, fronts and workers as processes of their own, kept alive. Raises `SettingError`."""
    _secrets(settings)
    # a mistake in a handler is told here, not by a worker that dies over and over
    with Check(_environment(settings)):
        listening = sockets.bind(reactor, settings.listen, settings.open)
    for bound in listening:
        _log.info("relay listens on {address}", address=sockets.shown(bound))
    embedded = _embedded(settings) if settings.redis in ("", EMBEDDED) else None
    if embedded is not None:
        settings = msgspec.structs.replace(settings, redis=embedded.url)
    front, worker = _programs(settings, listening)
    children = [Kept(reactor, "front", n + 1, front) for n in range(settings.fronts)]
    children += [Kept(reactor, "worker", n + 1, worker) for n in range(settings.workers)]
    redis = Kept(reactor, "redis", 0, _redis_program(embedded)) if embedded else None
    store = _store(reactor, _address(settings), settings, "s" + random_name(10))
    supervisor = Supervisor(reactor, redis, children, store)
    if embedded is not None and redis is not None:
        supervisor.release, redis.is_noise = embedded.close, embedded.is_advice
    ending.install(reactor)
    others: dict[int, Callable[[], None]] = {
        signal.SIGHUP: supervisor.restart,
        signal.SIGUSR2: supervisor.reload,
    }
    signals.install(reactor, signals.Stop(reactor), supervisor.stop_at_once, others)
    return supervisor


def _programs(settings: Settings, listening: Sequence[socket.socket]) -> tuple[Program, Program]:
    """Of a front and of a worker."""
    environment = _environment(settings)

    def program(role: str, succeeded: float, silence: float, handed: Sequence[socket.socket] = ()) -> Program:
        command = [sys.executable, "-m", "relay.child", role]
        is_front = role == "front"
        return Program(command, environment, settings.drain, succeeded, silence, handed, passes_on=is_front)

    return (
        program("front", settings.drain, math.inf, listening),
        program("worker", max(settings.drain, settings.drain_limit), settings.stall + SILENCE),
    )


def _redis_program(embedded: Embedded) -> Program:
    return Program(embedded.command(), os.environ, 0, 0, shut_down=embedded.shut_down)


def _within_descriptors(settings: Settings) -> Settings:
    """With no more clients than this process has descriptors for."""
    most = descriptors.for_clients(descriptors.raise_limit())
    if settings.max_connections:
        most = min(most, settings.max_connections)
    if settings.max_held > most:
        _log.warn(
            "--max-held {held} is more than the {most} connections that this front may have (ulimit -n, "
            "--max-connections): it holds so many",
            held=settings.max_held,
            most=most,
        )
    return msgspec.structs.replace(settings, max_connections=most, max_held=min(settings.max_held, most))


def _address(settings: Settings) -> Address:
    if settings.redis in ("", EMBEDDED):
        raise SettingError(
            "--redis is required here: only `relay all` starts a Redis of its own (as in --redis redis://host:6379/0)"
        )
    try:
        return Address.parse(settings.redis)
    except AddressError as error:
        raise SettingError(f"--redis: {error}") from error


def _embedded(settings: Settings) -> Embedded:
    try:
        return Embedded(settings.data, settings.redis_memory)
    except (EmbeddedError, OSError) as error:
        raise SettingError(f"--data: {error}") from error


def _environment(settings: Settings) -> dict[str, str]:
    """Of a child process: with its settings, and where it finds the relay that this is."""
    environment = {**os.environ, **settings.environ()}
    folder = str(Path(__file__).parents[1])
    if folder not in (*site.getsitepackages(), site.getusersitepackages()):
        paths = [folder, *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _secrets(settings: Settings) -> list[str]:
    try:
        return tickets.read_secrets(settings.ticket_secrets) if settings.ticket_secrets else []
    except (OSError, ValueError) as error:
        raise SettingError(f"--ticket-secrets: {error}") from error


def _store(reactor: Any, address: Address, settings: Settings, process: str) -> Store:
    link = Link(reactor, address.endpoint(reactor), address)
    link.on_broken = lambda why: _give_up(reactor, why)
    partition = Partition(reactor, link)
    partition.on_unfit = lambda why: _give_up(reactor, f"--redis: {why}")
    terms = Terms(
        keep=settings.keep,
        lease=settings.lease,
        queue_limit=settings.queue_limit,
        queue_bytes=settings.queue_bytes,
        dead_keep=settings.dead_keep,
        dead_bytes=settings.dead_bytes,
        dead_arguments=settings.dead_arguments,
    )
    return Store(partition, process, terms)


def _give_up(reactor: Any, why: str) -> None:
    """End the process: better no service than one that loses jobs, or does nothing."""
    _log.critical("relay: {why}", why=why)
    ending.fail(reactor)


def _inbox_of(
    reactor: Any, address: Address, store: Store
) -> Callable[[Callable[[list[Mail]], None]], Inbox]:
    link = Link(reactor, address.endpoint(reactor), address, store.partition.health)
    link.on_refused = store.partition.refused
    link.on_broken = lambda why: _give_up(reactor, why)

    def made(deliver: Callable[[list[Mail]], None]) -> Inbox:
        inbox = Inbox(reactor, link, store.partition.keys.inbox(store.inbox), deliver)
        inbox.on_end = lambda failure: _give_up(reactor, f"the inbox is no longer read: {failure.value!r}")
        return inbox

    return made


def _threads(reactor: Any, most: int) -> tuple[Callable[..., Any], Callable[[], int]]:
    """Something that calls a blocking function in a thread, and something that says how many threads are busy."""
    pool = ThreadPool(0, most, "handlers")
    reactor.callWhenRunning(pool.start)
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    return (
        lambda function, **arguments: deferToThreadPool(reactor, pool, function, **arguments),
        lambda: len(pool.working),
    )
