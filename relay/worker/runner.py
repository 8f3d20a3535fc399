"""The attempts of a worker: starts, stops and counts them, and ends them when the worker stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from relay.handlers.context import Context
from relay.handlers.declare import Handler
from relay.model.job import Claim, Job
from relay.model.problems.job import JobFailed
from relay.model.schedule import zone_of
from relay.model.state import State
from relay.outbound import AttemptOfJob, Http, Upstreams
from relay.store.messages import Report
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.timing.draining import Drain
from relay.worker.aside import Aside, Means
from relay.worker.attempt import GRACE, Attempt
from relay.worker.job_log import log_of
from relay.worker.notes import Notes
from relay.worker.place import Place
from relay.worker.programs import Spawn, no_programs
from relay.worker.progress import words
from relay.worker.sub_jobs import SubJobs, Submitting
from relay.worker.ties import FromThread, Ties

MOST_WAITING = 1000  # jobs of a worker that await sub-jobs, beside those that have places
_LEAVE = 2 * GRACE  # seconds for the ends of what is stopped as the worker ends


class Reports(Protocol):
    """What hears of the attempts' ends."""

    def report(self, end: Report) -> None: ...

    def progress(self, id: str, said: str) -> None: ...

    def checkpoint(self, id: str, said: str) -> Deferred[None]: ...

    def nudge(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the handlers of one worker are given."""

    upstreams: Upstreams
    settings: Mapping[str, str]
    from_thread: FromThread
    submitting: Submitting
    now: Callable[[], float] = time.time  # seconds since the epoch, by this machine's clock
    spawn: Spawn = no_programs
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED


class Runner:
    """Runs attempts. Each takes a place until its handler has really ended, but for while it awaits sub-jobs."""

    _log = Logger()

    def __init__(self, place: Place, equipment: Equipment, reports: Reports) -> None:
        self._place = place
        self._equipment = equipment
        self._reports = reports
        self._aside = partial(Aside, Means(place.clock, place.in_thread, equipment.spawn))
        self._attempts: dict[str, Attempt] = {}  # those that have no end yet
        self._running: set[Attempt] = set()  # those whose handlers run
        self._waiting: dict[int, Attempt] = {}  # those of them that await sub-jobs, by their claims
        self._leaving = False
        self._emptied: Deferred[None] | None = None

    def busy(self) -> int:
        """How many places are taken."""
        return len(self._running) - len(self._waiting)

    def held(self) -> int:
        """How many jobs have no end yet."""
        return len(self._attempts)

    def begin(self, claim: Claim, handler: Handler, since: float) -> None:
        """Run a job that was claimed at `since` or later, by the clock, and report its end."""
        if self._leaving:
            self._not_begun(claim, Report(claim.id, State.QUEUED))
            return
        left = _left(claim, self._equipment.now) - (self._place.clock.seconds() - since)
        if left <= 0:  # its time passed while it waited here
            self._not_begun(claim, self._place.ends.of_stop(claim, State.EXPIRED))
            return
        claim = self._equipment.tracing.attempt(claim)
        ties = context = None
        if handler.context:
            seconds = min(handler.options.timeout, left)
            notes = Notes(claim.checkpoint)
            ties = self._ties(claim, handler, seconds, notes)
            context = self._context(claim, handler, seconds, ties, notes)
        attempt = Attempt(self._place, claim, handler, context, ties)
        self._attempts[claim.id] = attempt
        self._running.add(attempt)
        attempt.free.addCallback(self._freed, attempt)
        attempt.end.addCallback(self._ended, attempt)
        try:
            attempt.begin(left)
        except BaseException:  # a mistake of ours must not take a place for ever
            self._attempts.pop(claim.id, None)
            self._running.discard(attempt)
            self._tell(attempt, Report(claim.id, State.FAILED, problem=JobFailed.slug), "failed")
            raise

    def _not_begun(self, claim: Claim, end: Report) -> None:
        self._equipment.events.ended(claim, end.how, end.problem, 0.0, len(end.payload))
        self._reports.report(end)

    def stop(self, id: str, why: State) -> bool:
        """Stop a job; False if it is not here."""
        attempt = self._attempts.get(id)
        if attempt is not None:
            attempt.stop(why)
        return attempt is not None

    def drop(self, id: str) -> None:
        """Stop a job whose end is of no use any more."""
        attempt = self._attempts.pop(id, None)
        if attempt is not None:
            self._tell(attempt, Report(id, State.QUEUED), "lost")
            attempt.stop(State.QUEUED)
            self._say_if_empty()

    async def finish(self, drain: Drain) -> None:
        """Wait until every job has ended or the drain is over; then give the rest back. Handlers that run on after that
        are `hung`."""
        await self._empty(drain)
        self._leaving = True
        if self._attempts:
            self._log.info("the drain is over: {count} jobs are given back", count=len(self._attempts))
        for attempt in list(self._attempts.values()):
            attempt.leave()
        await self._empty(Drain(self._place.clock, _LEAVE))

    def hung(self) -> int:
        """How many handlers run on after `finish`, in threads or not. The process must end without them."""
        return len(self._running)

    # -- what attempts do --

    def _ended(self, end: Report, attempt: Attempt) -> None:
        if self._attempts.get(end.id) is attempt:
            del self._attempts[end.id]
            self._tell(attempt, end, end.how)
            self._reports.report(end)
            self._say_if_empty()

    def _tell(self, attempt: Attempt, end: Report, how: str) -> None:
        seconds = self._place.clock.seconds() - attempt.began
        self._equipment.events.ended(attempt.claim, how, end.problem, seconds, len(end.payload))

    def _freed(self, _: None, attempt: Attempt) -> None:
        self._running.discard(attempt)
        if self._waiting:
            self._waiting.pop(id(attempt.claim), None)
        self._reports.nudge()

    def _waits(self, claim: Claim, waits: bool) -> None:
        """A job begins to await sub-jobs, or goes on."""
        attempt = self._attempts.get(claim.id)
        if not waits:
            self._waiting.pop(id(claim), None)
        elif attempt is not None and attempt.claim is claim:
            self._waiting[id(claim)] = attempt
            if len(self._waiting) > MOST_WAITING:  # its sub-jobs go on, and it finds them again
                self._place.clock.callLater(0, attempt.put_off)
            self._reports.nudge()

    async def _empty(self, drain: Drain) -> None:
        if self._attempts:
            self._emptied = Deferred()
            await drain.until(self._emptied)
            self._emptied = None

    def _say_if_empty(self) -> None:
        if self._emptied is not None and not self._attempts and not self._emptied.called:
            self._emptied.callback(None)

    # -- what handlers are given --

    def _ties(self, claim: Claim, handler: Handler, seconds: float, notes: Notes) -> Ties:
        until = self._place.clock.seconds() + seconds
        limit = handler.options.limit
        hosts = limit.hosts if limit is not None else ()

        def open_http() -> Http:
            job = AttemptOfJob(claim.id, until, claim.job.trace, claim.job.lane, hosts)
            return self._equipment.upstreams.client(job)

        def tell(fraction: float, message: str) -> None:
            if said := words(fraction, message):
                self._reports.progress(claim.id, said)

        def keep(said: str) -> Deferred[None]:
            attempt = self._attempts.get(claim.id)
            if attempt is None or attempt.claim is not claim:
                raise CancelledError("another worker has the job")
            return self._reports.checkpoint(claim.id, said)

        make = partial(SubJobs, self._equipment.submitting, claim, partial(self._waits, claim))
        return Ties(self._equipment.from_thread, open_http, tell, keep, notes, make, aside=self._aside)

    def _context(self, claim: Claim, handler: Handler, seconds: float, ties: Ties, notes: Notes) -> Context:
        return Context(
            job_id=claim.id,
            attempt=claim.attempt,
            starts=claim.starts,
            deadline=self._equipment.now() + seconds,
            idempotency_key=claim.id,
            trace=claim.job.trace,
            last=notes.last,
            settings=self._equipment.settings,
            scheduled=_moment(claim.job, handler.options.timezone) if claim.job.scheduled else None,
            log=log_of(claim),
            _attached=ties,
        )


def _moment(job: Job, timezone: str) -> datetime:
    """The firing that a job is for."""
    return datetime.fromtimestamp(job.scheduled / 1000, zone_of(timezone))


def _left(claim: Claim, now: Callable[[], float]) -> float:
    """Seconds to the deadline of a job, told by Redis' clock, if that is known."""
    if not claim.deadline:
        return math.inf
    started = claim.started / 1000 if claim.started else now()
    return claim.deadline / 1000 - started
