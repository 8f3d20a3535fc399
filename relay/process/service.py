"""The composition root: the only module that builds and connects services.

`front` and `worker` each make one service out of settings, `relay.process.everything` that of both; nothing below
knows how it is put together. Who calls: `relay.tap` (twistd), ``relay.tac``, and `relay.process.child` (the processes
of ``all``).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.logger import Logger

from relay import celery
from relay.front.credentials import Credentials
from relay.handlers.registry import Registry
from relay.model.settings import SettingError, Settings
from relay.net import descriptors, reactors, resolver
from relay.process import ending, figures, gc_tuning, own_frames, sockets, watch
from relay.process.reloading import Reloader
from relay.process.spawned import Handed
from relay.process.telemetry import Telemetry
from relay.process.threads import threads_of
from relay.redis.address import Address, AddressError
from relay.redis.connection import Connection
from relay.redis.topology import Topology, topology_of
from relay.store.durability import Durability
from relay.store.fronts import RedisFrontStore
from relay.store.inbox import Inbox, RedisInbox
from relay.store.keys import Keys
from relay.store.messages import Message
from relay.store.partition import Partition
from relay.store.proof import ANY_PROOF, ProofWanted
from relay.store.router import Router
from relay.store.terms import terms_of
from relay.store.workers import RedisWorkerStore
from relay.telemetry.events import UNHEARD, Events

if TYPE_CHECKING:
    from relay.front.front import Front
    from relay.worker.sight import Origins
    from relay.worker.tools import WorkerTools
    from relay.worker.worker import Worker

EMBEDDED = "embedded:"
_log = Logger()


def front(
    reactor: Any,
    settings: Settings,
    telemetry: Telemetry,
    handed: Handed | None = None,
    listening: Sequence[socket.socket] = (),
) -> Front:
    """A front. It binds its own sockets unless it gets some. Raises `SettingError`."""
    from relay.front.front import Front, FrontTools

    topology = topology_of(reactor, address_of(settings))
    settings = _within_descriptors(settings)
    is_alone = handed is None
    if handed is None:
        handed = Handed(telemetry.name)
        listening = sockets.bound(reactor, settings, settings.listen)
    endpoints = [
        sockets.BoundEndpoint(reactor, description, bound, is_alone)
        for description, bound in zip(settings.listen, listening, strict=True)
    ]
    router = router_of(reactor, topology, telemetry.events, wanted_of(settings))
    store = RedisFrontStore(router, handed.name, terms_of(settings))
    inbox = _inbox_of(reactor, topology, router, handed.name)
    others = handed.successor, handed.predecessor, telemetry.events, telemetry.tracing
    give_up = partial(_give_up, reactor)
    made = Front(
        FrontTools(reactor, store, inbox, endpoints, Credentials.read(reactor, settings), give_up, *others),
        settings,
    )
    telemetry.look, telemetry.register = figures.of_front(made, settings), store.register
    ending.install(reactor)
    reactor.callWhenRunning(gc_tuning.apply, reactor, made.held)
    return made


def worker(
    reactor: Any,
    settings: Settings,
    telemetry: Telemetry,
    alive: Callable[[], None] = lambda: None,
    stale: Callable[[], None] | None = None,
) -> Worker:
    """A worker with the handlers of its modules; a thread of it calls `alive` now and then. With ``--reload`` it calls
    `stale` when its modules are edited; without one it begins anew. Raises `SettingError`."""
    from relay.worker.sight import Origins
    from relay.worker.worker import Worker

    address = address_of(settings)
    topology = topology_of(reactor, address)
    reloader = Reloader(settings, alive, stale)
    registry = reloader.handlers()
    _say_what_is_left_out(registry, settings)
    router = router_of(reactor, topology, telemetry.events, wanted_of(settings))
    store = RedisWorkerStore(router, telemetry.name, terms_of(settings))
    inbox = _inbox_of(reactor, topology, router, telemetry.name)
    in_thread, busy = threads_of(reactor, settings.concurrency)
    origins = Origins(handler.function for handler in registry)
    tools = _tools(reactor, settings, store, inbox, in_thread, origins, telemetry)
    made = Worker(_on_loop(reactor, tools), registry, settings)
    telemetry.look, telemetry.register = figures.of_worker(made, settings, tools.upstreams), store.register
    watch.install(reactor, made, origins, router.all(), address, settings, alive)
    reloader.install(reactor, origins.own)
    _tend(reactor, made, busy)
    return made


def _tools(
    reactor: Any,
    settings: Settings,
    store: RedisWorkerStore,
    inbox: Callable[[Callable[[list[Message]], None]], Inbox],
    in_thread: Callable[..., Any],
    origins: Origins,
    telemetry: Telemetry,
) -> WorkerTools:
    from relay.outbound import Upstreams
    from relay.worker.left import JobTasks
    from relay.worker.tools import WorkerTools

    told = telemetry.events, telemetry.tracing
    return WorkerTools(
        clock=reactor,
        store=store,
        inbox=inbox,
        upstreams=Upstreams(reactor, store, settings.allow_private, settings.per_host, *told),
        in_thread=in_thread,
        from_thread=reactor.callFromThread,
        give_up=lambda why: _give_up(reactor, why),
        tasks=JobTasks(origins.own),
        leave=celery.close,
        spawn=reactor.spawnProcess,
        show=own_frames.of_log(settings, origins.own),
        events=telemetry.events,
        tracing=telemetry.tracing,
    )


def _tend(reactor: Any, made: Worker, busy: Callable[[], int]) -> None:
    """Install what the process of a worker has beside it."""
    descriptors.raise_limit()
    resolver.install(reactor)
    ending.install(reactor, lambda: max(busy(), made.hung()))
    reactor.callWhenRunning(gc_tuning.apply, reactor, made.held)


def _say_what_is_left_out(registry: Registry, settings: Settings) -> None:
    for queue in sorted(set(settings.queues) - registry.queues()):
        _log.warn("none of this worker's jobs is in queue {queue}", queue=queue)
    if registry.passed_over:
        _log.info(
            "handlers that are imported from other modules are not served: {handlers} (to serve them, name them in "
            "__all__, or name their modules with --jobs)",
            handlers=", ".join(registry.passed_over),
        )


def _on_loop(reactor: Any, tools: WorkerTools) -> WorkerTools:
    """The same tools for a worker whose reactor runs on an event loop, if this one does."""
    from relay.worker import loop

    running = reactors.loop_of(reactor)
    if running is None:
        return tools
    loop.attach(running, tools.tasks)
    return replace(tools, finish=partial(loop.finish, running))


def _within_descriptors(settings: Settings) -> Settings:
    """With no more clients than this process has descriptors for."""
    most = descriptors.for_clients(descriptors.raise_limit())
    if settings.max_connections:
        most = min(most, settings.max_connections)
    if settings.max_held > most:
        _log.warn(
            "--max-held {held} is more than the {most} connections that this front may have (ulimit -n, "
            "--max-connections): it holds {most} at most",
            held=settings.max_held,
            most=most,
        )
    return msgspec.structs.replace(settings, max_connections=most, max_held=min(settings.max_held, most))


def address_of(settings: Settings) -> Address:
    """Where the store is. Raises `SettingError`."""
    if settings.redis in ("", EMBEDDED):
        raise SettingError(
            "--redis is required here: only `relay all` starts a Redis of its own (as in --redis redis://host:6379/0)"
        )
    try:
        return Address.parse(settings.redis)
    except AddressError as error:
        raise SettingError(f"--redis: {error}") from error


def wanted_of(settings: Settings) -> ProofWanted:
    """What has to have a durable job."""
    return ProofWanted(settings.durable, settings.durable_replicas, address_of(settings).fails_over)


def router_of(
    reactor: Any, topology: Topology, events: Events = UNHEARD, wanted: ProofWanted = ANY_PROOF
) -> Router:
    """The partitions of the store that these servers have. A server that can't be used ends the process."""
    link = Connection(reactor, topology.server_of(Keys().tag))
    link.on_broken = lambda why: _give_up(reactor, why)
    link.on_lost = events.store_lost
    keys = Keys()
    durability = Durability(
        reactor, keys, lambda: Connection(reactor, topology.server_of(keys.tag), link.health), wanted
    )
    partition = Partition(reactor, link, events=events, durability=durability)
    partition.on_unfit = lambda why: _give_up(reactor, f"--redis: {why}")
    return Router([partition], topology)


def _give_up(reactor: Any, why: str) -> None:
    """End the process, because no service is better than one that loses jobs or does nothing."""
    _log.critical("relay: {why}", why=why)
    ending.fail(reactor)


def _inbox_of(
    reactor: Any, topology: Topology, router: Router, process: str
) -> Callable[[Callable[[list[Message]], None]], Inbox]:
    (partition,) = router.all()  # a process has an inbox in each
    link = Connection(reactor, topology.server_of(partition.keys.tag), partition.health)
    link.on_refused = partition.refused
    link.on_broken = lambda why: _give_up(reactor, why)
    link.on_lost = partition.events.store_lost

    def made(deliver: Callable[[list[Message]], None]) -> Inbox:
        inbox = RedisInbox(reactor, link, partition.keys.inbox(process), deliver)
        inbox.on_end = lambda failure: _give_up(reactor, f"the inbox is no longer read: {failure.value!r}")
        return inbox

    return made
