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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from relay import (
    check,
    descriptors,
    ending,
    garbage,
    names,
    orphans,
    reexec,
    signals,
    sockets,
    tickets,
    watch,
)
from relay.check import Check
from relay.kept import Kept, Program
from relay.process import Handed
from relay.reexec import Inherited, KeptState
from relay.registry import chosen
from relay.settings import SettingError, Settings
from relay.store.address import Address, AddressError
from relay.store.embedded import NOBODY, Embedded, EmbeddedError, NoServer, Owner, Running
from relay.store.inbox import Inbox
from relay.store.link import Link
from relay.store.messages import Mail
from relay.store.names import random_name
from relay.store.partition import Partition
from relay.store.store import Store
from relay.store.terms import Terms
from relay.supervise import SILENCE, Renewal, Supervisor

if TYPE_CHECKING:
    from relay.front.front import Front
    from relay.worker.worker import Worker

EMBEDDED = "embedded:"
_log = Logger()


def front(
    reactor: Any, settings: Settings, handed: Handed | None = None, listening: Sequence[socket.socket] = ()
) -> Front:
    """A front; it binds its own sockets unless it was handed some. Raises `SettingError`."""
    from relay.front.front import Front, Tools

    address = _address(settings)
    settings = _within_descriptors(settings)
    if handed is None:
        handed = Handed("f" + random_name(10))
        listening = _bound(reactor, settings)
    endpoints = [
        sockets.BoundEndpoint(reactor, description, bound)
        for description, bound in zip(settings.listen, listening, strict=True)
    ]
    store = _store(reactor, address, settings, handed.name)
    inbox = _inbox_of(reactor, address, store)
    others = handed.successor, handed.predecessor
    give_up = partial(_give_up, reactor)
    made = Front(Tools(reactor, store, inbox, endpoints, _secrets(settings), give_up, *others), settings)
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


def everything(
    reactor: Any, settings: Settings, given: Mapping[str, Any] | None = None, owner: Owner = NOBODY
) -> Supervisor:
    """The store, fronts and workers as processes of their own, kept alive, as `owner`. Raises `SettingError`. `given`
    are the settings of the command line, which count again when it becomes itself anew."""
    _secrets(settings)
    left = reexec.inherited()
    listening = _listening(reactor, settings, owner) if left is None else _inherited(reactor, settings, left)
    is_embedded = settings.redis in ("", EMBEDDED)
    embedded = _embedded(settings, owner, left) if is_embedded else None
    renewal = Renewal(
        partial(
            check.again,
            reactor,
            _environment(),
            dict(given or {}),
            check.Running(settings.redis, settings.data),
        ),
        partial(_go_on, list(zip(settings.listen, listening, strict=True)), embedded),
    )
    if embedded is not None:
        settings = msgspec.structs.replace(settings, redis=embedded.url)
    front, worker = _programs(settings, listening)
    children = [Kept(reactor, "front", n + 1, front) for n in range(settings.fronts)]
    children += [Kept(reactor, "worker", n + 1, worker) for n in range(settings.workers)]
    redis = Kept(reactor, "redis", 0, _redis_program(embedded)) if embedded else None
    store = _store(reactor, _address(settings), settings, "s" + random_name(10))
    supervisor = Supervisor(reactor, redis, children, store, renewal)
    supervisor.ready.addCallback(lambda _: _announce(settings.listen, listening))
    if left is not None:
        supervisor.adopt(
            left, lambda role, n: Kept(reactor, role, n, {"front": front, "worker": worker}[role])
        )
    if embedded is not None and redis is not None:
        supervisor.release, redis.is_noise = embedded.close, embedded.is_advice
    ending.install(reactor)
    orphans.install(reactor)
    others: dict[int, Callable[[], None]] = {
        signal.SIGHUP: supervisor.restart,
        signal.SIGUSR2: supervisor.reload,
    }
    signals.install(reactor, signals.Stop(reactor), supervisor.stop_at_once, others)
    return supervisor


def _bound(
    reactor: Any, settings: Settings, descriptions: Sequence[str] | None = None
) -> list[socket.socket]:
    """The sockets to listen on, or some of them; beyond this machine where something says who may call."""
    open = settings.open or bool(settings.allow or settings.ticket_secrets)
    return sockets.bind(reactor, settings.listen if descriptions is None else descriptions, open)


def _announce(descriptions: Sequence[str], listening: Sequence[socket.socket]) -> None:
    for bound, description in zip(listening, descriptions, strict=True):
        _log.info("relay listens on {address}", address=sockets.shown(bound, description))


def _listening(reactor: Any, settings: Settings, owner: Owner) -> list[socket.socket]:
    """Bound, while handlers are checked: a mistake in one is told here, not by a worker that dies over and over."""
    with Check({**_environment(), **settings.environ()}, owner):
        return _bound(reactor, settings)


def _inherited(reactor: Any, settings: Settings, left: Inherited) -> list[socket.socket]:
    """Those that were bound before, and what is new; what is wanted no more is closed."""
    found = [left.take_socket(description) for description in settings.listen]
    missing = [text for text, bound in zip(settings.listen, found, strict=True) if bound is None]
    new = iter(_bound(reactor, settings, missing))
    for _, descriptor in left.sockets:
        os.close(descriptor)
    return [bound or next(new) for bound in found]


def _go_on(
    listening: Sequence[tuple[str, socket.socket]],
    embedded: Embedded | None,
    kept: list[KeptState],
    buried: list[tuple[str, str]],
) -> None:
    """Leave the sockets, Redis and what runs to this process anew."""
    bound = [(description, each.fileno()) for description, each in listening]
    running = embedded.running() if embedded is not None else (-1, "")
    reexec.go_on(Inherited(bound, kept, buried, *running))


def _programs(settings: Settings, listening: Sequence[socket.socket]) -> tuple[Program, Program]:
    """Of a front and of a worker."""
    environment = {**_environment(), **settings.environ()}

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


def _embedded(settings: Settings, owner: Owner, left: Inherited | None) -> Embedded:
    running = Running(left.lock, left.redis) if left is not None else None
    try:
        return Embedded(settings.data, settings.redis_memory, owner, running)
    except NoServer as error:
        raise SettingError(f"--redis: {error}") from error
    except (EmbeddedError, OSError) as error:
        raise SettingError(f"--data: {error}") from error


def _environment() -> dict[str, str]:
    """Of another process: with where it finds the relay that this is."""
    environment = dict(os.environ)
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
