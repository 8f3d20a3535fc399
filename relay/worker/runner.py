"""The attempts of a worker: starts, stops and counts them, and ends them when the worker stops."""

from __future__ import annotations

import math

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from relay.handlers.declare import Handler
from relay.model.job import Claim
from relay.model.problems.job import JobFailed
from relay.model.state import State
from relay.store.messages import Report
from relay.telemetry.tracing import UNTRACED
from relay.timing.draining import Drain
from relay.worker.attempt import GRACE, Attempt
from relay.worker.equipment import Equipment, Reports
from relay.worker.notes import Notes
from relay.worker.place import Place
from relay.worker.provisions import Provisions

MOST_WAITING = 1000  # jobs of a worker that await sub-jobs, beside those that have places
_LEAVE = 2 * GRACE  # seconds for the ends of what is stopped as the worker ends


class Runner:
    """Runs attempts. Each takes a place until its handler has really ended, but for while it awaits sub-jobs."""

    _log = Logger()

    def __init__(self, place: Place, equipment: Equipment, reports: Reports) -> None:
        self._place = place
        self._equipment = equipment
        self._reports = reports
        self._attempts: dict[str, Attempt] = {}  # those that have no end yet
        self._running: set[Attempt] = set()  # those whose handlers run
        self._waiting: dict[int, Attempt] = {}  # those of them that await sub-jobs, by their claims
        self._leaving = False
        self._emptied: Deferred[None] | None = None
        self._provisions = Provisions(place, equipment, reports, self._holds, self._waits)

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
        left = self._left(claim, since) if claim.deadline else math.inf
        if left <= 0:  # its time passed while it waited here
            self._not_begun(claim, self._place.ends.of_stop(claim, State.EXPIRED))
            return
        if self._equipment.tracing is not UNTRACED:
            claim = self._equipment.tracing.attempt(claim)
        ties = context = None
        if handler.signature.context:
            seconds = min(handler.options.timeout, left)
            notes = Notes(claim.checkpoint)
            ties = self._provisions.ties(claim, handler, seconds, notes)
            context = self._provisions.context(claim, handler, seconds, ties, notes)
        attempt = Attempt(self._place, claim, handler, self._hear, context, ties)
        self._attempts[claim.id] = attempt
        self._running.add(attempt)
        try:
            attempt.begin(left)
        except BaseException:  # a mistake of ours must not take a place for ever
            self._attempts.pop(claim.id, None)
            self._running.discard(attempt)
            self._tell(attempt, Report(claim.id, State.FAILED, problem=JobFailed.slug), "failed")
            raise

    def _left(self, claim: Claim, since: float) -> float:
        """Seconds to the deadline of a job, told by Redis' clock, if that is known."""
        started = claim.started / 1000 if claim.started else self._equipment.now()
        return claim.deadline / 1000 - started - (self._place.clock.seconds() - since)

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

    def _hear(self, attempt: Attempt, end: Report | None) -> None:
        """An attempt has its end, or had it before, and its handler has ended, too (None)."""
        if attempt.is_free:
            self._running.discard(attempt)
            if self._waiting:
                self._waiting.pop(id(attempt.claim), None)
        if end is not None and self._attempts.get(end.id) is attempt:
            del self._attempts[end.id]
            self._tell(attempt, end, end.how)
            self._reports.report(end)
            if self._emptied is not None:
                self._say_if_empty()
        elif attempt.is_free:
            self._reports.nudge()

    def _tell(self, attempt: Attempt, end: Report, how: str) -> None:
        seconds = self._place.clock.seconds() - attempt.began
        self._equipment.events.ended(attempt.claim, how, end.problem, seconds, len(end.payload))

    def _holds(self, claim: Claim) -> bool:
        """Whether the attempt at a claim has no end yet."""
        attempt = self._attempts.get(claim.id)
        return attempt is not None and attempt.claim is claim

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
