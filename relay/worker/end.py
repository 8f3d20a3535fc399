"""Makes the end of an attempt from what its handler did, and logs it if it is a bad one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.declare import Handler
from relay.model.job import Claim
from relay.model.problems.base import JobError, RelayError
from relay.model.problems.job import Interrupted, JobExpired, JobFailed, JobTimeout, ResultTooLarge
from relay.model.problems.raised import Discard
from relay.model.problems.request import BadArguments
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.causes import decisive, error_of, is_cancellation, told, with_causes
from relay.worker.coroutines import has_loop
from relay.worker.remedies import remedy
from relay.worker.result import ResultType
from relay.worker.retry import pause
from relay.worker.shown import problem, slug_of

PUT_OFF = 5.0  # seconds for a job that is one too many of those that await sub-jobs
UNDONE = 3  # starts of a job that can't do anything
#: of most jobs; an enum takes longer to look up a member than it takes to make a report
_SUCCEEDED: Final = State.SUCCEEDED


class Ends:
    """Makes the ends of one worker's attempts. No method raises, whatever handlers return and raise: an error in making
    an end is an end, too."""

    _log = Logger()

    def __init__(self, result_limit: int, show: Callable[[Failure], Failure] = with_causes) -> None:
        """`show` makes of what a handler raised what the log shows."""
        self._result_limit = result_limit
        self._show = show
        self._types: dict[str, ResultType] = {}  # of results, by name of the job

    def of(
        self,
        claim: Claim,
        handler: Handler,
        outcome: Any,
        stopped: State | None = None,
        resumes: bool = False,
    ) -> Report:
        """The end of an attempt whose handler returned `outcome`, or raised it (a `Failure`), after it was `stopped`,
        if it was: `FAILED` (its time was over), `EXPIRED`, `CANCELLED`, `QUEUED` (given back), or `SCHEDULED` (put
        off). A job that `resumes` has a checkpoint, so it may be started again whatever it is."""
        try:
            if not isinstance(outcome, Failure):
                return self._of_result(claim, handler, outcome)
            if stopped is not None:  # however the handler, or what it called, put its cancellation
                return self._of_stop(claim, stopped, resumes, error_of(outcome))
            return self._of_error(claim, handler, outcome)
        except BaseException:
            return self._last_resort(claim)

    def of_stop(self, claim: Claim, stopped: State, resumes: bool = False) -> Report:
        """The end of an attempt whose handler does not stop."""
        try:
            return self._of_stop(claim, stopped, resumes)
        except BaseException:
            return self._last_resort(claim)

    @staticmethod
    def is_last(claim: Claim, stopped: State, resumes: bool = False) -> bool:
        """Whether no other attempt follows one that was stopped so."""
        if stopped is State.QUEUED or stopped is State.SCHEDULED:
            return claim.job.once and not resumes
        return stopped is not State.FAILED or claim.attempt >= claim.job.attempts

    def late(self, claim: Claim, outcome: Any) -> None:
        """What a handler did after its attempt had its end is of no use, but it is told."""
        text = "the handler of job {id} ({name}) went on after the job had ended, and"
        with suppress(BaseException):
            if not isinstance(outcome, Failure):
                kind = type(outcome).__name__
                self._say(claim, LogLevel.info, text + " returned a value of type {kind}", kind=kind)
            elif not is_cancellation(error_of(outcome)):
                self._say_failure(claim, text + " failed: {why}", outcome)

    # -- each kind --

    def _of_result(self, claim: Claim, handler: Handler, result: Any) -> Report:
        declared = self._types.get(claim.job.name)
        if declared is None:
            declared = self._types[claim.job.name] = ResultType(handler.function)
        try:
            payload = declared.encode(result)
            if len(payload) > self._result_limit:
                raise ResultTooLarge(limit=self._result_limit)
        except RelayError as error:
            return self._fail(claim, error, again=False, level=LogLevel.warn)
        return Report(claim.id, _SUCCEEDED, payload.decode())

    def _of_stop(
        self, claim: Claim, stopped: State, resumes: bool, error: BaseException | None = None
    ) -> Report:
        raised = "" if error is None or is_cancellation(error) else f" (it raised {told(error)})"
        if stopped is State.FAILED:
            return self._fail(
                claim, JobTimeout(), again=True, level=LogLevel.warn, why="its time was over" + raised
            )
        if self.is_last(claim, stopped, resumes) and not stopped.complete:
            self._say_end(claim, LogLevel.warn, Interrupted.title + raised)
            return Report(claim.id, State.FAILED, Interrupted.slug, problem=Interrupted.slug)
        if stopped is State.QUEUED:
            self._say(claim, LogLevel.debug, "job {id} ({name}) is given back, attempt {attempt} not counted")
        elif stopped is State.SCHEDULED:
            self._say(claim, LogLevel.info, "job {id} ({name}) is put off: too many jobs here await sub-jobs")
            return Report(claim.id, stopped, delay=int(PUT_OFF * 1000), uncounted=True)
        else:
            words = JobExpired.title if stopped is State.EXPIRED else "it was cancelled"
            self._say_end(claim, LogLevel.info, words + raised, Report(claim.id, stopped))
        return Report(claim.id, stopped)

    def _of_error(self, claim: Claim, handler: Handler, failure: Failure) -> Report:
        error = decisive(error_of(failure))
        if not isinstance(error, RelayError):
            what_to_do = remedy(error, has_loop(), handler.options.thread)
            return self._fail(claim, JobFailed(), again=True, why=told(error) + what_to_do, failure=failure)
        if isinstance(error, JobError):
            level = LogLevel.warn if isinstance(error, Discard) else LogLevel.info
            return self._fail(claim, error, error.retryable, level=level)
        return self._fail(claim, error, again=error.retry_after > 0, level=LogLevel.warn)

    def _fail(
        self,
        claim: Claim,
        error: RelayError,
        again: bool,
        *,
        why: str = "",
        level: Any = LogLevel.info,
        failure: Failure | None = None,
    ) -> Report:
        """Fail the job, or its attempt where it is tried again."""
        wait = pause(claim.attempt, claim.job.attempts) if again else None
        undone = isinstance(error, JobError) and error.undone and not claim.job.once
        slug = slug_of(error)
        if wait is None and undone:
            wait = pause(claim.starts, UNDONE)
        if wait is None:
            dead = type(error) is BadArguments  # they did fit when the job was accepted
            anew = again and claim.job.depth > 0  # of a sub-job, when its parent is tried again
            undone = undone or anew
            end = Report(claim.id, State.FAILED, problem(error, again), 0, False, dead, undone, slug)
        else:
            uncounted = False
            if isinstance(error, JobError):
                wait, uncounted = error.pause_instead_of(wait), error.uncounted
            end = Report(claim.id, State.SCHEDULED, "", int(wait * 1000), uncounted, problem=slug)
        self._say_end(claim, level, why or told(error), end, failure, error)
        return end

    def _last_resort(self, claim: Claim) -> Report:
        """The end where making one went wrong."""
        failure = Failure()
        wait = pause(claim.attempt, claim.job.attempts)
        end = Report(claim.id, State.FAILED, JobFailed.slug, problem=JobFailed.slug)
        if wait is not None:
            end = Report(claim.id, State.SCHEDULED, delay=int(wait * 1000), problem=JobFailed.slug)
        self._say_end(claim, LogLevel.error, "relay could not build its outcome", end, failure)
        return end

    # -- what is logged --

    def _say_end(
        self,
        claim: Claim,
        level: Any,
        why: str,
        end: Report | None = None,
        failure: Failure | None = None,
        error: BaseException | None = None,
    ) -> None:
        """One line for an attempt that ended badly, with a traceback for an unexpected exception; its event has the
        `error`. The end does not depend on its line."""
        with suppress(BaseException):
            self._say_how(claim, level, why, end, failure, error if failure is None else error_of(failure))

    def _say_how(
        self,
        claim: Claim,
        level: Any,
        why: str,
        end: Report | None,
        failure: Failure | None,
        error: BaseException | None,
    ) -> None:
        text = "job {id} ({name}) {state} in attempt {attempt} of {attempts}: {why}"
        state = end.state.value if end is not None and end.state.complete else State.FAILED.value
        if end is not None and end.state is State.SCHEDULED:
            text += "; it is tried again in {delay:.1f} s"
        delay = end.delay / 1000 if end else 0
        fields = {"state": state, "attempts": claim.job.attempts, "delay": delay, "error": error}
        if failure is None:
            self._say(claim, level, text, why=why, **fields)
        else:
            self._say_failure(claim, text, failure, why=why, **fields)

    def _say_failure(self, claim: Claim, text: str, failure: Failure, **fields: Any) -> None:
        shown = {"why": told(error_of(failure)), "log_failure": self._show(failure), **fields}
        self._say(claim, LogLevel.error, text, **shown)

    def _say(self, claim: Claim, level: Any, text: str, **fields: Any) -> None:
        job = {"id": claim.id, "name": claim.job.name, "attempt": claim.attempt}
        self._log.emit(level, text, **job, **fields)
