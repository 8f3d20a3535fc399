"""One attempt at one job: from its claim to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.context import Context
from relay.errors import (
    Interrupted,
    JobError,
    JobFailed,
    JobTimeout,
    RelayError,
    ResultNotJson,
    ResultTooLarge,
)
from relay.handlers import Handler
from relay.state import Claim, State
from relay.store.messages import End
from relay.worker.current import call
from relay.worker.retry import pause

#: calls a blocking function with keyword arguments in a thread
InThread = Callable[..., Deferred[Any]]

_encode = msgspec.json.Encoder().encode


class Attempt:
    """Runs a handler once. `end` fires when the attempt has its end, `free` when it takes up no place any more:
    the two differ for a thread, which can't be stopped and may outlive the end of its attempt."""

    _log = Logger()

    def __init__(self, claim: Claim, handler: Handler, context: Context, result_limit: int) -> None:
        self.claim = claim
        self.free: Deferred[None] = Deferred()
        self._handler = handler
        self._context = context
        self._result_limit = result_limit
        self._running: Deferred[Any] | None = None
        self._stopped: State | None = None
        self._timer: IDelayedCall | None = None
        self._threaded = False

    def begin(self, clock: IReactorTime, in_thread: InThread) -> Deferred[End]:
        """Call the handler; it is stopped when its time is over."""
        running = maybeDeferred(call, self.claim, self._call, in_thread=in_thread)
        if not running.called:
            self._running = running
            self._timer = clock.callLater(max(0.0, self._context.deadline - clock.seconds()), self._overrun)
        return running.addCallbacks(self._succeeded, self._failed).addBoth(self._finish)

    def stop(self, why: State) -> None:
        """Cancel the handler: `CANCELLED`, `EXPIRED`, or `QUEUED` to give the job back."""
        if self._running is not None:
            self._stopped = why
            self._running.cancel()

    # -- the call --

    def _call(self, in_thread: InThread) -> Any:
        arguments = self._handler.decode(self.claim.job.arguments)
        if self._handler.context:
            arguments[self._handler.context] = self._context
        if not self._handler.options.thread:
            return (
                Deferred.fromCoroutine(made)
                if _is_coroutine(made := self._handler.function(**arguments))
                else made
            )
        self._threaded = True
        thread = in_thread(self._handler.function, **arguments)
        answer: Deferred[Any] = Deferred()
        thread.addBoth(self._thread_done, answer)
        return answer

    def _thread_done(self, result: Any, answer: Deferred[Any]) -> None:
        if not answer.called:
            answer.callback(result)
        elif isinstance(result, Failure):
            self._log.failure("job {id} failed after it was stopped", failure=result, id=self.claim.id)
        if not self.free.called:
            self.free.callback(None)

    def _overrun(self) -> None:
        late = self.claim.deadline and self._context.deadline * 1000 >= self.claim.deadline
        self.stop(State.EXPIRED if late else State.FAILED)

    def _finish(self, end: Any) -> Any:
        self._running = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._threaded and not self.free.called:
            self.free.callback(None)
        self._context.http.close()
        return end

    # -- its end --

    def _succeeded(self, result: Any) -> End:
        try:
            payload = _encode(result)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return self._failure_end(ResultNotJson(str(error)), again=False)
        if len(payload) > self._result_limit:
            return self._failure_end(ResultTooLarge(limit=self._result_limit), again=False)
        return self._end(State.SUCCEEDED, payload.decode())

    def _failed(self, failure: Failure) -> End:
        error = failure.value
        if self._stopped is not None:  # however the handler, or what it called, put its cancellation
            if self._stopped is State.FAILED:
                return self._failure_end(JobTimeout(), again=True)
            if self._stopped is State.QUEUED and self.claim.job.once:
                return self._end(State.FAILED, Interrupted.slug)
            return self._end(self._stopped)
        if isinstance(error, RelayError):
            return self._failure_end(error, again=isinstance(error, JobError) and error.retryable)
        self._log.failure("job {id} ({name}) failed", failure, id=self.claim.id, name=self.claim.job.name)
        return self._failure_end(JobFailed(), again=True)

    def _failure_end(self, error: RelayError, again: bool) -> End:
        wait = pause(self.claim.attempt, self.claim.job.attempts) if again else None
        if wait is not None:
            wanted = error.pause if isinstance(error, JobError) else 0
            free = isinstance(error, JobError) and error.free
            return self._end(State.SCHEDULED, delay=int(max(wait, wanted) * 1000), free=free)
        shown = {"retryable": again, **error.problem(), "source": "job"}
        return self._end(State.FAILED, _encode(shown).decode())

    def _end(self, state: State, payload: str = "", delay: int = 0, free: bool = False) -> End:
        return End(self.claim.id, state, payload, delay, free)


def _is_coroutine(made: Any) -> bool:
    return hasattr(made, "send") and hasattr(made, "cr_frame")
