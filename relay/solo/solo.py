"""A store in memory, a worker on it, and submissions that are checked as a front checks them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from relay.front.caller import LOCAL
from relay.front.job_service import JobService
from relay.front.submission import SubmitRequest, check_key, check_notify
from relay.front.submitter import Submitter
from relay.front.wait_request import WaitRequest
from relay.handlers import MARK
from relay.handlers.hooks import Hooks
from relay.handlers.registry import Registry
from relay.model.problems.request import UnknownJob
from relay.model.settings import Settings
from relay.model.status import Outcome
from relay.outbound import Upstreams
from relay.solo.heard import KEPT, heard
from relay.solo.kept import KeptJob
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.record import LiveJob
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.terms import StoreSettings
from relay.store.workers import WorkerStore
from relay.submitting.offer import Offer
from relay.submitting.waiters import Waiters
from relay.worker.aside import InThread
from relay.worker.definitions import served
from relay.worker.left import JobTasks
from relay.worker.pace import Pace
from relay.worker.programs import Spawn, no_programs
from relay.worker.thread_waits import FromThread
from relay.worker.tools import WorkerTools
from relay.worker.worker import Worker

_AGE = 10 * 365 * 86_400.0  # seconds: nobody else is there who could miss a sign of life
_DAY = 86_400.0  # seconds
#: nothing comes but from this process
_SELDOM = Pace(sweep=_DAY, publish=_DAY / 2, idle=_DAY, forget=_DAY, early=_DAY, look=_DAY)
_NAME = "solo"
NO_HOOKS = Hooks()


@dataclass(frozen=True, slots=True)
class SoloTools:
    """What a relay alone works with. `now`: seconds since the epoch when the clock says 0."""

    clock: IReactorTime
    now: float
    upstreams: Callable[[WorkerStore], Upstreams]
    in_thread: InThread
    from_thread: FromThread
    spawn: Spawn = no_programs
    tasks: JobTasks = field(default_factory=JobTasks)


class Solo:
    """Runs the jobs of some handlers. `added` is called with each job that is submitted, `ended` with each that has
    ended."""

    def __init__(
        self,
        tools: SoloTools,
        functions: Iterable[Callable[..., Any]],
        settings: Settings,
        hooks: Hooks = NO_HOOKS,
        retried: bool = True,
        fired: Container[str] = (),
    ) -> None:
        """`retried`: whether jobs are tried again as they declare · `fired`: those that are fired by their schedules,
        by name."""
        self._clock = tools.clock
        self._settings = settings
        self._ear: Any = self._hear
        #: all that were submitted, in their order, by id
        self.jobs: dict[str, KeptJob] = {}
        self.added: Callable[[KeptJob], None] = lambda kept: None
        self.ended: Callable[[KeptJob], None] = lambda kept: None
        #: fires when the jobs of a worker that begins well can run
        self.ready: Deferred[None] = Deferred()
        registry = Registry([heard(each, getattr(each, MARK).name in fired) for each in functions])
        registry.hooks = hooks
        self.store = MemoryStore(tools.clock, _terms(settings), int(tools.now * 1000), _AGE)
        self.store.data.on_add = self._added
        self.store.data.on_end = self._over
        front: Any = MemoryFrontStore(self.store, "")
        offers: Any = _Offers(registry, retried)
        waiters = Waiters()
        submitter = Submitter(tools.clock, front, offers, waiters)
        self._service = JobService(front, offers, waiters, submitter)
        self.worker = self._worker(tools, registry)
        self.worker.ready.chainDeferred(self.ready)

    def _worker(self, tools: SoloTools, registry: Registry) -> Worker:
        store = MemoryWorkerStore(self.store, _NAME)
        made = WorkerTools(
            clock=tools.clock,
            store=store,
            inbox=lambda deliver: self.store.inbox(_NAME, deliver),
            upstreams=tools.upstreams(store),
            in_thread=tools.in_thread,
            from_thread=tools.from_thread,
            give_up=self._give_up,
            tasks=tools.tasks,
            spawn=tools.spawn,
            pace=_SELDOM,
        )
        settings = msgspec.structs.replace(self._settings, lease=_AGE)
        return Worker(made, registry, settings)

    def start(self) -> None:
        """Begin to run what is submitted."""
        globalLogPublisher.addObserver(self._ear)
        self.worker.startService()

    def _give_up(self, why: str) -> None:
        """A hook failed, and the worker does not begin."""
        if not self.ready.called:
            self.ready.errback(RuntimeError(why))

    def stop(self) -> Deferred[None]:
        """Give the jobs that run their time, then end."""
        return self.worker.stopService().addBoth(self._stopped)

    def _stopped(self, result: Any) -> Any:
        globalLogPublisher.removeObserver(self._ear)
        return result

    def submit(
        self,
        name: str,
        arguments: bytes,
        key: str = "",
        delay: float = 0.0,
        deadline: float = 0.0,
        notify: str = "",
    ) -> Deferred[KeptJob]:
        """A job, by its name and the JSON of its arguments; times are seconds from now, `notify` is whom its `then` is
        told to notify. Fails with what a client would be answered: `UnknownJob`, `BadArguments`, …"""
        asked = SubmitRequest(LOCAL, name, arguments, key, WaitRequest(), delay, deadline, notify=notify)
        return ensureDeferred(self._submit(asked))

    async def _submit(self, asked: SubmitRequest) -> KeptJob:
        check_key(asked.key)
        if asked.notify:
            check_notify(asked.notify)
        accepted = await self._service.submitted(asked, held=False)
        self.look()
        return self.jobs[accepted.known.id]

    async def cancel(self, id: str) -> None:
        """As a client cancels a job."""
        await self._service.cancel(LOCAL.owner, id)

    def look(self) -> None:
        """Have the worker look when something becomes due."""
        self.worker.nudge()

    def alive(self) -> list[KeptJob]:
        """Those that have not ended."""
        return [self.jobs[id] for id in self.store.data.jobs]

    # -- what the store tells --

    def _added(self, live: LiveJob) -> None:
        self.jobs[live.id] = KEPT[live.id] = KeptJob(live.id, live.job, self._clock.seconds())
        self.added(self.jobs[live.id])

    def _over(self, live: LiveJob, outcome: Outcome) -> None:
        kept = self.jobs[live.id]
        kept.outcome, kept.ended = outcome, self._clock.seconds()
        self.ended(kept)

    def _hear(self, event: LogEvent) -> None:
        about = event.get("id") or str(event.get("log_namespace")).rpartition(".")[2]
        kept = self.jobs.get(about) if isinstance(about, str) else None
        if kept is not None:
            kept.log.append(formatEvent(event))
            kept.failed(event.get("error"))


class _Offers:
    """What the handlers take, to be asked as a front's catalogue is. Those are offered, too, that clients may not call:
    whoever is here has written them."""

    def __init__(self, registry: Registry, retried: bool) -> None:
        declared = served(registry)
        if not retried:
            declared = [msgspec.structs.replace(each, attempts=1, once=True) for each in declared]
        self._declared = {each.name: each for each in declared}
        self._offers: dict[str, Offer] = {}

    def known(self, name: str, held: bool, local: bool) -> Offer:
        if name not in self._declared:
            raise UnknownJob(f"there is no job {name!r} here: {', '.join(sorted(self._declared))}")
        if name not in self._offers:
            self._offers[name] = Offer(self._declared[name])
        return self._offers[name]


def _terms(settings: Settings) -> StoreSettings:
    return StoreSettings(
        keep=settings.keep,
        lease=_AGE,
        queue_limit=settings.queue_limit,
        dead_keep=settings.dead_keep,
        queue_bytes=settings.queue_bytes,
    )
