"""The jobs that one running job submits: stored, waited for, and found again by its next attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.handlers.sub_job import SubJob, SubJobFailed, SubmissionTerms
from relay.model import ids
from relay.model.digests import digest
from relay.model.job import Claim, Job
from relay.model.problems.base import RelayError
from relay.model.problems.job import SubJobsTooDeep, TooManySubJobs
from relay.model.problems.request import InternalError
from relay.model.status import Outcome
from relay.store.messages import Receipt, Submission
from relay.store.placing import pin_of
from relay.store.submitters import SubmitterStore
from relay.submitting.offer import Arguments
from relay.submitting.waiters import Waiters, leave
from relay.worker.callable_jobs import CallableJob, CallableJobs
from relay.worker.causes import error_of
from relay.worker.job_steps import STEP
from relay.worker.pending import PendingJob
from relay.worker.resending import Resending

DEEPEST = 16  # jobs above one another
MOST = 10_000  # sub-jobs of one attempt
HIGHEST = 255  # priority


@dataclass(frozen=True, slots=True)
class Submitting:
    """What all jobs of one worker submit with."""

    store: SubmitterStore
    waiters: Waiters
    jobs: CallableJobs
    resending: Resending


class SubJobs:
    """Of one attempt. `waits` is called when it begins to await some (True), and when it awaits none any more."""

    _log = Logger()

    def __init__(self, tools: Submitting, claim: Claim, waits: Callable[[bool], None]) -> None:
        self._tools = tools
        self._claim = claim
        self._waits = waits
        self._awaited = 0  # Deferreds that have not fired
        self._nth: Counter[tuple[str, str, str]] = Counter()
        self._children: list[PendingJob] = []
        self._unstored: dict[Deferred[None], PendingJob] = {}
        self._refused: list[PendingJob] = []
        self._all_stored: Deferred[None] | None = None
        self._closed = False

    def submit(
        self,
        terms: SubmissionTerms,
        wanted: str | Callable[..., Any],
        given: Sequence[Any],
        named: Mapping[str, Any],
    ) -> SubJob[Any]:
        """Submit a job, given its name or its handler. Raises what `CallableJobs` raises, `SubJobsTooDeep`,
        `TooManySubJobs`, and `CancelledError` after the attempt's end."""
        if self._closed:
            raise CancelledError("the job is over")
        called = self._tools.jobs.find(wanted)
        self._check(called.name)
        submission = self._submission(terms, called, called.read(given, named))
        child = PendingJob(called, self._tools.store, self._count)
        self._children.append(child)
        child.shown = SubJob(submission.id, called.name, child.wait)
        child.waiter = self._wait_for(submission, child)
        self._store(submission, child)
        return child.shown

    def unstored(self) -> Deferred[None] | None:
        """None if the store has all of them. Else it fires when it does, and fails with what one was refused for that
        nobody awaits."""
        if not self._unstored and not self._lost():
            return None
        if not self._unstored:
            return fail(self._lost()[0].error)
        self._all_stored = Deferred()
        return self._all_stored

    def close(self) -> None:
        """The attempt has its end: nothing is waited for any more."""
        self._closed = True
        waiting = self._all_stored
        if waiting is not None and not waiting.called:
            waiting.errback(CancelledError("the job is over"))
        for child in self._lost():
            self._log.warn(
                "job {id} ({name}) could not submit {child}, which it did not await: {why}",
                id=self._claim.id,
                name=self._claim.job.name,
                child=child.shown.name,
                why=repr(child.error),
            )
        for storing in list(self._unstored):
            storing.cancel()
        for child in self._children:
            leave(child.waiter)
            child.close()

    # -- the submission --

    def _check(self, name: str) -> None:
        mine = self._claim.job
        if mine.depth >= DEEPEST:
            raise SubJobsTooDeep(
                f"job {mine.name} can't submit {name}: {DEEPEST} jobs stand above it already. Does it submit itself?",
                limit=DEEPEST,
            )
        if len(self._children) >= MOST:
            raise TooManySubJobs(
                f"job {mine.name} can't submit {name}: it has submitted {MOST}. Give each a larger part of the work",
                limit=MOST,
            )

    def _submission(self, terms: SubmissionTerms, called: CallableJob, arguments: Arguments) -> Submission:
        job = self._job(terms, called, arguments)
        id = ids.marked(self._tools.store.mint(pin_of(job), self._claim.id), job.owner)
        debounce = called.offer.debounce
        delay = max(int(terms.delay * 1000), debounce)
        return Submission(id, job, delay, int(terms.deadline * 1000), job.caller, debounce=debounce)

    def _job(self, terms: SubmissionTerms, called: CallableJob, arguments: Arguments) -> Job:
        """Its owner, caller and trace are this job's; it goes before others of this job's priority."""
        mine, offer = self._claim.job, called.offer
        template = offer.template(arguments)
        fingerprint = offer.fingerprint(arguments)
        priority = min(HIGHEST, max(template.priority, mine.priority + 1))
        return msgspec.structs.replace(template, priority=priority).job(
            mine.owner,
            arguments.text,
            inbox=self._tools.store.inbox,
            key=self._key(terms.key, called.name, fingerprint),
            fingerprint=fingerprint,
            trace=mine.trace,
            then=offer.served.then,
            caller=mine.caller,
            fair=mine.fair,
            parent="" if terms.detached else self._claim.id,
            depth=mine.depth + 1,
            unique=offer.unique(mine.owner, arguments),
            fresh=offer.fresh,
        )

    def _key(self, given: str, name: str, fingerprint: str) -> str:
        """What another attempt finds it by: the key that was given, else which one it is of those with the same
        arguments, those of other steps aside."""
        words = [self._claim.id, STEP.get(), name, given]
        if not given:
            alike = STEP.get(), name, fingerprint
            words += [fingerprint, str(self._nth[alike])]
            self._nth[alike] += 1
        return digest(*words)

    # -- on its way --

    def _store(self, submission: Submission, child: PendingJob) -> None:
        storing = self._tools.resending.submit(submission)
        stored: Deferred[None] = storing.addCallbacks(
            self._stored, self._not_stored, (child, submission), {}, (child,)
        )
        if not stored.called:
            self._unstored[stored] = child
            stored.addBoth(self._one_less, stored)

    def _stored(self, receipt: Receipt, child: PendingJob, submission: Submission) -> None:
        if self._closed:
            return
        if receipt.id != submission.id:  # an earlier attempt has submitted it
            leave(child.waiter)
            child.shown.id = receipt.id
            child.waiter = self._wait_for(msgspec.structs.replace(submission, id=receipt.id), child)
        if receipt.outcome is not None:
            self._tools.waiters.tell(receipt.outcome)

    def _not_stored(self, failure: Failure, child: PendingJob) -> None:
        if self._closed:
            return
        leave(child.waiter)
        self._refused.append(child)
        child.end(error_of(failure))

    def _one_less(self, _: Any, stored: Deferred[None]) -> None:
        del self._unstored[stored]
        waiting = self._all_stored
        if not self._unstored and waiting is not None and not waiting.called:
            lost = self._lost()
            if lost:
                waiting.errback(lost[0].error)
            else:
                waiting.callback(None)

    def _lost(self) -> list[PendingJob]:
        """Those that were refused and that nobody has awaited."""
        return [child for child in self._refused if not child.is_awaited]

    def _wait_for(self, submission: Submission, child: PendingJob) -> Deferred[Outcome]:
        waiter = self._tools.waiters.wait(submission.id)
        self._tools.waiters.keep(submission.id, submission)
        waiter.addCallbacks(child.end, partial(_unknown, child))
        return waiter

    def _count(self, more: int) -> None:
        before, self._awaited = self._awaited, self._awaited + more
        if (before == 0) is not (self._awaited == 0):
            self._waits(self._awaited > 0)


def _unknown(child: PendingJob, failure: Failure) -> None:
    """Its outcome can't be known."""
    if not failure.check(CancelledError):
        error = failure.value if isinstance(failure.value, RelayError) else InternalError()
        child.end(SubJobFailed(child.shown.id, {**error.problem(), "retryable": False}))
