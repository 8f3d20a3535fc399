"""Submissions that the store could not take: sent again until it does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.problems.base import RelayError
from relay.model.problems.request import NotDurable, QueueFull, StoreAway, StoreFull
from relay.store.messages import Receipt, Submission
from relay.store.submitters import SubmitterStore
from relay.timing.backoff import Backoff
from relay.timing.fork import pass_on

AGAIN = Backoff(0.1, limit=2.0)  # before a store that was away, or full, is asked again
SOME = 200  # submissions at once
_LATER = (StoreAway, StoreFull, QueueFull)


class Resending:
    """Of one worker. One call is under way, whatever is waiting, because the store has trouble already."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: SubmitterStore) -> None:
        self._clock = clock
        self._store = store
        self._waiting: dict[Deferred[Receipt], Submission] = {}
        self._is_running = False

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        """Fires when the store has the job, however long that takes. Fails with what else keeps it from being added: a
        durable one also with `NotDurable` where nothing can prove it, which may last. If the Deferred is cancelled, it
        is not sent again."""
        answer: Deferred[Receipt] = Deferred(self._forget)
        sending = self._store.submit(submission)
        sending.addCallbacks(pass_on, self._refused, (answer,), {}, (answer, submission))
        return answer

    def _forget(self, answer: Deferred[Receipt]) -> None:
        self._waiting.pop(answer, None)

    def _refused(self, failure: Failure, answer: Deferred[Receipt], submission: Submission) -> None:
        if answer.called or not failure.check(*_LATER) or _is_not_provable(failure.value):
            pass_on(failure, answer)
            return
        self._waiting[answer] = submission
        if not self._is_running:
            self._is_running = True
            ensureDeferred(self._run()).addErrback(self._broke_off)

    async def _run(self) -> None:
        failures = 0
        while self._waiting:
            failures += 1
            await deferLater(self._clock, AGAIN.pause(failures))
            if await self._try(list(islice(self._waiting.items(), SOME))):
                failures = 0
        self._is_running = False

    async def _try(self, some: Sequence[tuple[Deferred[Receipt], Submission]]) -> bool:
        """Whether the store took any of them, or refused it for good."""
        going = [each for each in some if not self._is_refused(*each)]
        ended = len(some) - len(going)
        try:
            answers = await self._store.submit_again([submission for _, submission in going])
        except RelayError:
            return ended > 0
        for (waiting, _), answer in zip(going, answers, strict=True):
            if not isinstance(answer, _LATER) and self._waiting.pop(waiting, None) is not None:
                ended += 1
                pass_on(Failure(answer) if isinstance(answer, Exception) else answer, waiting)
        return ended > 0

    def _is_refused(self, waiting: Deferred[Receipt], submission: Submission) -> bool:
        """Whether the store that came back would not add it now, of which those who wait hear."""
        try:
            self._store.check(submission)
        except NotDurable:
            self._waiting.pop(waiting, None)
            pass_on(Failure(), waiting)
            return True
        return False

    def _broke_off(self, failure: Failure) -> None:
        """A mistake of ours: those that wait hear of it, and the next one begins anew."""
        self._log.failure("sub-jobs could not be sent again", failure)
        self._is_running = False
        waiting, self._waiting = self._waiting, {}
        for answer in waiting:
            pass_on(failure, answer)


def _is_not_provable(error: BaseException | None) -> bool:
    """Whether a job was not added because nothing can make it durable, and not only not in time."""
    return isinstance(error, NotDurable) and not error.was_taken
