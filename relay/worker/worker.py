"""The worker as a service: what it runs, what it is told, and how it stops."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.handlers.registry import Registry
from relay.model.job import Claim
from relay.model.problems.base import RelayError
from relay.model.problems.job import NotServed
from relay.model.settings import Settings
from relay.model.state import State
from relay.store.handing import read_handed
from relay.store.mail import WHETHER_QUIET, MailKind, Message
from relay.store.membership import Membership
from relay.store.messages import Report
from relay.store.roster import Roster
from relay.submitting.outcomes import Outcomes
from relay.submitting.sweeping import Sweeping
from relay.timing.draining import Drain
from relay.worker.claiming import rests_of
from relay.worker.definitions import served
from relay.worker.equipping import equipment_of, place_of
from relay.worker.firings import firings_of
from relay.worker.lately import Lately
from relay.worker.lifespan import Lifespan
from relay.worker.runner import Runner
from relay.worker.session import Session
from relay.worker.shareds import Shareds
from relay.worker.tools import WorkerTools
from relay.worker.worker_sessions import WorkerSessions

_HANDED = MailKind.HANDED.value
_LEAVE = 5.0  # seconds for the last words, and at least as many for what is closed


class Worker(Service):
    """Runs the jobs of a registry, `settings.concurrency` of them at once."""

    _log = Logger()

    def __init__(self, tools: WorkerTools, registry: Registry, settings: Settings) -> None:
        self._tools = tools
        self._registry = registry
        self._settings = settings
        #: fires when fronts can know what this worker serves
        self.ready: Deferred[None] = Deferred()
        #: how long the jobs that run have to end, once it stops
        self.drain = Drain(tools.clock, settings.drain)
        self._running_down = False
        self._is_mute = False
        self.is_quiet = False  #: an operator has it claim nothing more
        self._cancelled = Lately()  # before they were here
        self._inbox = tools.inbox(self._told)
        pace, self._outcomes = tools.pace, Outcomes(tools.clock, tools.store)
        self._sweeping = Sweeping(tools.store, self._inbox, self._outcomes.recovery)
        work: dict[Callable[[], Any], float] = {
            self._sweeping.sweep: pace.sweep,
            self._publish: pace.publish,
            self._cancelled.forget: pace.forget,
            self._outcomes.waiters.turn: pace.early,
        }
        definitions = served(registry)
        self._roster = Roster(definitions)
        self._firings = firings_of(tools.clock, tools.store, definitions, self._roster, pace.look)
        work |= dict.fromkeys((firings.look for firings in self._firings.values()), pace.look)
        self._membership = Membership(tools.clock, tools.store, self._inbox, work)
        given, parts = settings.for_handlers(), tools.store.parts
        rests = rests_of(pace.idle, settings.lease, len(parts))
        self._sessions = WorkerSessions(tools.clock, parts, self._roster, self, rests)
        #: what the handlers share
        self.shareds = Shareds(tools.clock, given)
        self._lifespan = Lifespan(tools.clock, registry.hooks, self.shareds)
        equipment = equipment_of(tools, registry, given, self._outcomes.waiters)
        self._runner = Runner(
            place_of(tools, registry, settings, self.shareds), equipment, self._sessions.reports
        )
        self._starting: Deferred[None] | None = None
        self._turning: Deferred[None] | None = None
        tools.store.on_data_loss.append(self._resync)

    def startService(self) -> None:
        super().startService()
        self._starting = self._lifespan.start()
        self._starting.addCallbacks(lambda _: self._serve(), self._not_started)

    def _serve(self) -> None:
        self._starting = None
        self._membership.start()
        self._turning = self._sessions.run()
        self._turning.addErrback(self._broke_off)

    def _not_started(self, failure: Failure) -> None:
        """End the process, unless it ends already: what a hook could not make, jobs would miss."""
        self._starting = None
        if not self._running_down:
            self._tools.give_up(str(failure.value))

    def _broke_off(self, failure: Failure) -> None:
        """End the process without waiting for running jobs: a worker that can't report is of no use."""
        if failure.check(CancelledError):
            return
        self._log.failure("the worker's session ended", failure)
        self._is_mute = True
        self._tools.give_up("the worker's session ended")

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        """Claim nothing more, finish running jobs during the drain, give the rest back, log that, and leave."""
        self._running_down = True
        self._sessions.nudge_all()  # so that nothing more is handed to it
        if self._starting is not None:
            self._starting.cancel()
        if self._is_mute:
            self.drain.within(0)
        elif self._runner.held():
            self._log.info(
                "the worker stops: {count} running jobs have {seconds:.0f} s to end",
                count=self._runner.held(),
                seconds=self.drain.left(),
            )
        await self._runner.finish(self.drain)
        self._sessions.close()
        if self._turning is not None:
            await self._turning.addTimeout(_LEAVE, self._tools.clock, lambda *_: None)
        self._sessions.stop()
        await self._lifespan.stop(max(_LEAVE, self.drain.left()))
        await self._tools.upstreams.close()
        self._tools.leave()
        if self._turning is not None:  # it was started
            self._membership.stop_work()
            self._outcomes.stop()
            for firings in self._firings.values():
                firings.stop()
            await self._membership.leave()
        await self._tools.finish()

    def held(self) -> int:
        """How many jobs are running."""
        return self._runner.held()

    def hung(self) -> int:
        """How many handlers still run after the worker has stopped: the process has to end without them, for a thread
        can't be stopped."""
        return self._runner.hung()

    def nudge(self) -> None:
        """There may be something to do: look."""
        self._sessions.nudge_all()

    def session(self, partition: int = 0) -> Session:
        """The session in a partition."""
        return self._sessions.of(partition)

    # -- jobs: what the session calls --

    def room(self) -> int:
        return 0 if self._running_down or self.is_quiet else self._settings.concurrency - self._runner.busy()

    def take(self, claim: Claim, since: float) -> None:
        """Run this job, and report its end (see `ClaimRunner`)."""
        self._tools.events.claimed(claim)
        handler = self._registry.get(claim.job.name)
        if handler is None:
            self._log.warn("job {id} failed: {name} is not served here", id=claim.id, name=claim.job.name)
            self._end(claim, Report(claim.id, State.FAILED, NotServed.slug, problem=NotServed.slug))
        elif claim.id in self._cancelled:
            self._log.info("job {id} ({name}) was cancelled", id=claim.id, name=claim.job.name)
            self._end(claim, Report(claim.id, State.CANCELLED))
        else:
            self._runner.begin(claim, handler, since)

    def _end(self, claim: Claim, end: Report) -> None:
        """A job ends that was not begun."""
        self._tools.events.ended(claim, end.how, end.problem, 0.0, len(end.payload))
        self._sessions.reports.report(end)

    def drop(self, id: str) -> None:
        self._runner.drop(id)

    # -- what the worker is told, and what it tells --

    def _told(self, mail: list[Message], partition: int = 0) -> None:
        if handed := [read_handed(message) for message in mail if message.kind == _HANDED]:
            self._sessions.hand(partition, handed)
        self._outcomes.hear(mail, partial(self._told_more, partition))

    def _told_more(self, partition: int, message: Message) -> None:
        if message.kind == MailKind.WAKE:
            self._sessions.wake(partition)
        elif message.kind == MailKind.CANCEL:
            self._cancel(message.id)
        elif message.kind in WHETHER_QUIET:
            self._be_quiet(WHETHER_QUIET[message.kind])

    def _be_quiet(self, on: bool) -> None:
        self.is_quiet, what = on, "nothing more" if on else "jobs again"
        self._log.info("an operator has this worker claim {what}", what=what)
        self._sessions.nudge_all()

    def _cancel(self, id: str) -> None:
        """Stop a job. A job that was claimed but has not arrived yet is not started."""
        if not self._runner.stop(id, State.CANCELLED):
            self._cancelled.add(id)

    def _resync(self, partition: int = 0) -> None:
        """Redis may have lost data: offer it the jobs that this worker holds, and publish the declarations again."""
        if partition in self._firings:
            self._firings[partition].rest()
        self._sessions.resync(partition)
        ensureDeferred(self._publish_again(partition)).addErrback(
            lambda failure: self._log.failure(
                "the declarations of this worker's jobs could not be published", failure
            )
        )

    async def _publish_again(self, partition: int) -> None:
        with suppress(RelayError):  # as below
            await self._tools.store.parts[partition].publish(self._roster)

    async def _publish(self) -> None:
        try:
            await self._tools.store.publish(self._roster)
        except RelayError:
            return  # the next call finds a store that answers, or another epoch
        if not self.ready.called:
            names = ", ".join(sorted(handler.options.name for handler in self._registry))
            self._log.info("relay worker serves {names}", names=names)
            self.ready.callback(None)
