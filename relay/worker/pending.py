"""One sub-job, and those that await it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    FirstError,
    gatherResults,
)
from twisted.python.failure import Failure

from relay.handlers.sub_job import SubJob, SubJobFailed
from relay.model import envelope
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.submitters import SubmitterStore
from relay.submitting.outcomes import collect
from relay.worker.callable_jobs import CallableJob


class PendingJob:
    """`count` is told how many more await it that it keeps waiting; those who come later have its end at once."""

    shown: SubJob[Any]
    waiter: Deferred[Outcome] | None = None  # in the registry of waiters

    def __init__(self, called: CallableJob, store: SubmitterStore, count: Callable[[int], None]) -> None:
        #: why it could not be submitted, or what became of it is not known
        self.error: BaseException = CancelledError("the job is over")
        #: whether anybody ever awaited it
        self.is_awaited = False
        self._called = called
        self._store = store
        self._count = count
        self._outcome: Outcome | None = None
        self._has_ended = False
        self._waiting: dict[Deferred[Any], None] = {}

    def wait(self) -> Deferred[Any]:
        """Fires with the result, or fails with what is raised for it."""
        waiting: Deferred[Any] = Deferred(self._leave)
        self.is_awaited = True
        if self._has_ended:
            self._collect()
            self._tell(waiting)
        else:
            self._waiting[waiting] = None
            self._count(1)
        return waiting

    def end(self, end: Outcome | BaseException) -> None:
        """It has ended, or its end can't be known."""
        if self._has_ended:
            return
        self._has_ended = True
        if isinstance(end, Outcome):
            self._outcome = end
        else:
            self.error = end
        if self.is_awaited:
            self._collect()
        waiting = self._take()
        for each in waiting:
            self._tell(each)

    def close(self) -> None:
        """Nobody waits any more."""
        self._has_ended = True
        for waiting in self._take():
            waiting.cancel()
            waiting.addErrback(lambda _: None)  # one that nobody looks at would be logged

    def _take(self) -> Sequence[Deferred[Any]]:
        """Those who wait, who do so no more."""
        waiting, self._waiting = self._waiting, {}
        if waiting:
            self._count(-len(waiting))
        return list(waiting)

    def _leave(self, waiting: Deferred[Any]) -> None:
        if waiting in self._waiting:
            del self._waiting[waiting]
            self._count(-1)

    def _tell(self, waiting: Deferred[Any]) -> None:
        try:
            result = self._result()
        except Exception:
            waiting.errback(Failure())
        else:
            waiting.callback(result)

    def _result(self) -> Any:
        outcome = self._outcome
        if outcome is not None and outcome.state is State.SUCCEEDED:
            return self._called.result.decode(outcome.payload)
        if outcome is not None:
            raise SubJobFailed(outcome.id, envelope.problem(outcome))
        raise self.error

    def _collect(self) -> None:
        """Its result is somebody's."""
        if self._outcome is not None:
            collect(self._store, self._outcome)


def gathered(sub_jobs: Sequence[SubJob[Any]], return_exceptions: bool) -> Deferred[list[Any]]:
    """The results of all, in their order; see `Context.gather`. Raises `TypeError` for anything else."""
    for each in sub_jobs:
        if not isinstance(each, SubJob):
            raise TypeError(
                f"context.gather takes what context.submit returns, each as an argument, not a value of type "
                f"{type(each).__name__} (asyncio.gather takes whatever can be awaited)"
            )
    waiting = [each.deferred() for each in sub_jobs]
    if return_exceptions:
        return DeferredList(waiting, consumeErrors=True).addCallback(_results)
    return gatherResults(waiting, consumeErrors=True).addErrback(_first, waiting)


def _results(ends: list[tuple[bool, Any]]) -> list[Any]:
    return [end if is_result else end.value for is_result, end in ends]


def _first(failure: Failure, waiting: Sequence[Deferred[Any]]) -> Failure:
    """The failure of the first that failed; the others are not waited for."""
    for each in waiting:
        each.cancel()
    first = failure.value
    return first.subFailure if isinstance(first, FirstError) else failure
