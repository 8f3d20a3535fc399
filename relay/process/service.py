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
from relay.model.settings import Settings
from relay.net import descriptors, reactors, resolver
from relay.process import ending, figures, gc_tuning, own_frames, sockets, watch
from relay.process.reloading import Reloader
from relay.process.spawned import Handed
from relay.process.stores import address_of, give_up, inboxes_of, router_of
from relay.process.telemetry import Telemetry
from relay.process.threads import threads_of
from relay.store.fronts import RedisFrontStore
from relay.store.inbox import Inbox
from relay.store.inboxes import Deliver
from relay.store.terms import terms_of
from relay.store.workers import RedisWorkerStore

if TYPE_CHECKING:
    from relay.front.front import Front
    from relay.worker.sight import Origins
    from relay.worker.tools import WorkerTools
    from relay.worker.worker import Worker

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

    address_of(settings)  # before anything is bound
    settings = _within_descriptors(settings)
    is_alone = handed is None
    if handed is None:
        handed = Handed(telemetry.name)
        listening = sockets.bound(reactor, settings, settings.listen)
    endpoints = [
        sockets.BoundEndpoint(reactor, description, bound, is_alone)
        for description, bound in zip(settings.listen, listening, strict=True)
    ]
    router = router_of(reactor, settings, telemetry.events)
    store = RedisFrontStore(router, handed.name, terms_of(settings))
    inbox = inboxes_of(reactor, router, handed.name)
    others = handed.successor, handed.predecessor, telemetry.events, telemetry.tracing
    ending_with = partial(give_up, reactor)
    credentials = Credentials.read(reactor, settings)
    made = Front(FrontTools(reactor, store, inbox, endpoints, credentials, ending_with, *others), settings)
    telemetry.look, telemetry.register = figures.of_front(made, settings, credentials), store.register
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
    from relay.worker.apart import check_limits
    from relay.worker.definitions import served
    from relay.worker.sight import Origins
    from relay.worker.worker import Worker

    address = address_of(settings)
    reloader = Reloader(settings, alive, stale)
    registry = reloader.handlers()
    _say_what_is_left_out(registry, settings)
    router = router_of(reactor, settings, telemetry.events)
    check_limits(served(registry), router.of_key)
    store = RedisWorkerStore(router, telemetry.name, terms_of(settings))
    inbox = inboxes_of(reactor, router, telemetry.name)
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
    inbox: Callable[[Deliver], Inbox],
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
        give_up=lambda why: give_up(reactor, why),
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
