"""One attempt at one job: from its claim to its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.context import Context
from relay.handlers.declare import Handler
from relay.model.job import Claim
from relay.model.state import State
from relay.store.messages import Report
from relay.timing.timers import stop_timer
from relay.worker.around import Surrounded
from relay.worker.causes import with_causes
from relay.worker.coroutines import PLAIN, Box, called, is_awaitable, run_boxed
from relay.worker.current import CURRENT
from relay.worker.place import Place
from relay.worker.ties import Ties

GRACE = 1.0  # seconds that a handler has to clean up after it was stopped
LINGER = 60.0  # seconds that another attempt waits for a handler that was stopped and runs on
_WHY = {
    State.FAILED: "timeout",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
    State.QUEUED: "drain",
    State.SCHEDULED: "drain",
}
POSTPONED = 15.0  # seconds that it waits where the worker ends meanwhile


class Attempt:
    """Runs a handler once. `hear` is told of its end. `is_free` says whether its handler has really ended: if it had
    not by then, `hear` is told again when it has, with None.

    A handler that is stopped has `GRACE` seconds to clean up. If it runs on after that and no other attempt follows,
    the attempt ends without it. Otherwise the end waits for the handler, at most `LINGER` seconds, so that the job does
    not run twice at the same time.
    """

    _log = Logger()
    is_free = False
    _has_end = False
    _running: Deferred[Any] | None = None
    _stopped: State | None = None
    _leaving = False
    _waits = False  # for what the handler shares with others, and was not made yet
    _expires = math.inf  # by the clock
    _timer: IDelayedCall | None = None
    _surrounded: Surrounded | None = None

    def __init__(
        self,
        place: Place,
        claim: Claim,
        handler: Handler,
        hear: Callable[[Attempt, Report | None], None],
        context: Context | None = None,
        ties: Ties | None = None,
    ) -> None:
        self.claim = claim
        self._place = place
        self._handler = handler
        self._hear = hear
        self._context = context
        self._ties = ties
        #: by the clock
        self.began = place.clock.seconds()
        self._variables = copy_context()  # one that a job sets is not seen by the next

    def __repr__(self) -> str:
        does = "over" if self.is_free else "begins" if self._running is None else "running"
        if self._stopped is not None and not self.is_free:
            does = f"stopped ({_WHY[self._stopped]})"
        claim = self.claim
        return f"<{type(self).__name__} {claim.attempt} of job {claim.id} ({claim.job.name}), {does}>"

    def begin(self, left: float = math.inf) -> None:
        """Call the handler, and stop it after its timeout, or at the job's deadline, which is `left` seconds away."""
        try:
            made = self._variables.run(self._call)
            is_later = type(made) not in PLAIN and is_awaitable(made)
        except BaseException:
            made, is_later = Failure(), False
        if is_later:  # a Deferred: whatever else can be awaited was made one
            self._running = made
            made.addBoth(self._over)
        else:
            self._over(made)
        if self._running is not None:
            clock, timeout = self._place.clock, self._handler.options.timeout
            self._expires = clock.seconds() + left
            late = State.EXPIRED if left < timeout else State.FAILED
            self._timer = clock.callLater(max(0.0, min(timeout, left)), self.stop, late)

    def stop(self, why: State) -> None:
        """Cancel the handler, because its time is over (`FAILED`), its deadline has passed (`EXPIRED`), the job was
        cancelled (`CANCELLED`), is given back (`QUEUED`) or put off (`SCHEDULED`). The first reason counts, except that
        a cancellation overrides it."""
        if self._running is None or self._has_end:
            return
        again = self._stopped is not None
        if not again or why is State.CANCELLED:
            self._stopped = why
        if not again:
            self._set_timer(GRACE, self._insist)
            self._cancel(self._running, why)
        elif self._place.overdue.has(self.claim):
            self._insist()

    def leave(self) -> None:
        """The worker stops: give the job back, without waiting for its handler if necessary."""
        self._leaving = True
        self.stop(State.QUEUED)

    def put_off(self) -> None:
        """The worker has too much to do: try the job later, without counting this attempt. One that must not be started
        again goes on."""
        if not self.claim.job.once or self._resumes():
            self.stop(State.SCHEDULED)

    # -- the call --

    def _call(self) -> Any:
        CURRENT.set(self.claim)
        if self._place.around is not None and self._surrounded is None:
            self._surrounded = self._place.around(self.claim)
        arguments = self._handler.decode(self.claim.job.arguments)
        signature = self._handler.signature
        if signature.context:
            arguments[signature.context] = self._context
        shared = signature.shared
        if shared and not self._place.shareds.fill(arguments, shared):
            self._waits = True
            return self._place.shareds.bring(shared).addCallback(self._call_later)
        if self._handler.options.thread:
            boxed = partial(called, self._handler.function, arguments)
            return self._place.in_thread(partial(copy_context().run, boxed))
        made = self._handler.function(**arguments)
        is_later = type(made) not in PLAIN and is_awaitable(made) and not issubclass(type(made), Deferred)
        return run_boxed(made) if is_later else made

    def _call_later(self, _: None) -> Any:
        """What is shared is there now."""
        self._waits = False
        made = self._variables.copy().run(self._call)  # they may be in use, by `begin`
        return made if issubclass(type(made), Deferred) else Box(made)

    def _resumes(self) -> bool:
        """Whether another attempt can go on from what this one, or an earlier one, has left."""
        return self._ties is not None and self._ties.resumes

    def _cancel(self, running: Deferred[Any], why: State) -> None:
        if self._ties is not None:
            self._ties.cancel(_WHY[why])
        if self._handler.options.thread and not self._waits:  # which goes on whatever its Deferred says
            return
        try:
            running.cancel()
        except BaseException:
            text = "job {id} could not be cancelled"
            self._log.failure(text, with_causes(Failure()), LogLevel.error, id=self.claim.id)

    # -- its end --

    def _over(self, outcome: Any) -> None:
        """The handler is over, whatever it did."""
        if type(outcome) is Box:
            outcome = outcome.content
        self._running = None
        if self._surrounded is not None:
            self._surrounded.leave(self._variables, outcome, self._stopped is not None)
            self._surrounded = None
        if self._ties is not None and self._waits_for_sub_jobs(self._ties, outcome):
            return
        if self._timer is not None:
            stop_timer(self._timer)
        self.is_free = True
        if self._has_end:
            self._place.ends.late(self.claim, outcome)
            self._hear(self, None)
        else:
            resumes = self._stopped is not None and self._resumes()
            self._tell(self._place.ends.of(self.claim, self._handler, outcome, self._stopped, resumes))
        if self._stopped is not None:
            self._place.overdue.remove(self.claim)
        if self._place.tasks.running:
            self._place.tasks.end(self.claim, quietly=self._stopped is not None)

    def _waits_for_sub_jobs(self, ties: Ties, outcome: Any) -> bool:
        """A job does not end before the store has all that it has submitted."""
        unstored = None if self._has_end or issubclass(type(outcome), Failure) else ties.unstored()
        if unstored is None:
            return False
        self._running = unstored
        unstored.addCallbacks(lambda _: self._over(outcome), self._over)
        return True

    def _insist(self) -> None:
        """The handler was stopped and does not stop."""
        assert self._stopped is not None
        stop_timer(self._timer)
        if not self._place.overdue.has(self.claim):
            self._place.overdue.add(self.claim)
            if self._ties is not None:
                self._close(self._ties)
        if self._leaving or self._place.ends.is_last(self.claim, self._stopped, self._resumes()):
            self._give_up()
        else:
            left = self._expires - self._place.clock.seconds()
            self._set_timer(max(0.0, min(LINGER - GRACE, left)), self._give_up)

    def _give_up(self) -> None:
        """End the attempt although its handler runs on."""
        assert self._stopped is not None
        if self._place.clock.seconds() >= self._expires and self._stopped is State.FAILED:
            self._stopped = State.EXPIRED
        end = self._place.ends.of_stop(self.claim, self._stopped, self._resumes())
        if self._leaving and not end.state.complete:
            uncounted = end.uncounted or end.state is State.QUEUED
            delay = max(end.delay, int(POSTPONED * 1000))
            end = Report(self.claim.id, State.SCHEDULED, delay=delay, uncounted=uncounted)
        self._tell(end)

    def _tell(self, end: Report) -> None:
        self._has_end = True
        if self._ties is not None:
            self._close(self._ties)
        self._hear(self, end)

    def _close(self, ties: Ties) -> None:
        try:
            ties.close()
        except BaseException:
            text = "what belongs to job {id} could not be closed"
            self._log.failure(text, with_causes(Failure()), LogLevel.error, id=self.claim.id)

    def _set_timer(self, seconds: float, then: Callable[[], None]) -> None:
        """One timer at a time."""
        stop_timer(self._timer)
        self._timer = self._place.clock.callLater(seconds, then)
