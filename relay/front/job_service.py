"""The front's job service: submit, look, attach and cancel for a caller, apart from HTTP."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from relay.front.catalogue import Catalogue
from relay.front.rates import Rates
from relay.front.submission import SubmitRequest
from relay.front.visible import VisibleJobs
from relay.model import ids
from relay.model.caller import ANYONE, Caller
from relay.model.digests import digest
from relay.model.job import Job
from relay.model.problems.base import RelayError
from relay.model.problems.caller import JobNotAllowed, RateExceeded
from relay.model.problems.registry import ProblemType, builtin
from relay.model.problems.request import AlreadyComplete, NoSuchJob, StoreAway, StoreReset, TooLarge
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.fronts import FrontStore
from relay.store.messages import Receipt, Submission
from relay.store.placing import pin_of
from relay.submitting.offer import Arguments, Offer
from relay.submitting.outcomes import collect
from relay.submitting.waiters import Waiters, leave
from relay.telemetry.events import UNHEARD, Events
from relay.timing.fork import fork

_LONG = 64 << 10  # bytes of a body
COME_BACK = 5.0  # seconds for a client that went away


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission was accepted, or a job was found: what is known of it, and the Deferred of its outcome for a caller
    that waits."""

    known: JobStatus | Outcome
    waiter: Deferred[Outcome] | None = None
    replayed: bool = False


class JobService:
    """Serves callers with the store, the catalogue and the registry of waiters."""

    def __init__(
        self,
        clock: IReactorTime,
        store: FrontStore,
        catalogue: Catalogue,
        waiters: Waiters,
        fair: bool = False,
        events: Events = UNHEARD,
    ) -> None:
        self._clock = clock
        self._store = store
        self._catalogue = catalogue
        self._waiters = waiters
        self._fair = fair  # owners take turns
        self._events = events
        #: milliseconds since the epoch by Redis' clock, about
        self.now = store.now
        #: called with an outcome that a client has received
        self.collected = partial(collect, store)
        self._rates = Rates(clock.seconds)
        #: the jobs that a caller may submit
        self.visible = VisibleJobs(catalogue)
        #: this front is about to end: nobody is held for long
        self.draining = False

    async def submit(self, asked: SubmitRequest, held: bool) -> Accepted:
        """Submit a job; `held` if a client waits for it, or is about to. Raises `JobNotAllowed`, `TooLarge`, and what
        `Catalogue.offer`, `Offer.read` and `FrontStore.submit` raise."""
        caller = asked.caller
        if caller.jobs is not None or caller.allowance.body:
            check_allowed(asked)
        if caller.allowance.rate.calls and not asked.key:  # one with a key may be known, and no new job
            self._rates.check(caller)
        offer = await self._catalogue.offer(asked.name, held, caller.local)
        arguments = offer.read(asked.body)
        if len(asked.body) > _LONG:  # what comes next takes its time, too: others have their turn
            await deferLater(self._clock, 0)
        job = self._job(asked, offer, arguments, held)
        id = ids.marked(self._store.mint(_pin(job, caller)), caller.owner)
        waiter = self._waiters.wait(id) if held else None
        submission = submission_of(asked, id, job, offer.debounce)
        self._waiters.keep(id, submission)  # before it is answered: a repair may come in between
        submitting = self._store.submit(submission)
        try:
            receipt = await fork(submitting)
        except BaseException as error:
            leave(waiter)
            self._not_submitted(asked, submitting, error)
            raise
        self._events.submitted(job.name, asked.caller.name, receipt.new)
        if receipt.new:
            state = State.SCHEDULED if submission.delay else State.QUEUED
            return Accepted(JobStatus(id, job.name, state, receipt.now, durable=job.durable), waiter)
        leave(waiter)
        if receipt.outcome is not None:
            return Accepted(receipt.outcome, replayed=True)
        return await self._known(asked, msgspec.structs.replace(submission, id=receipt.id), held)

    def _not_submitted(
        self, asked: SubmitRequest, submitting: Deferred[Receipt], error: BaseException
    ) -> None:
        """A submission was refused, or nobody waits for its receipt any more."""
        if isinstance(error, RateExceeded):
            self._rates.refused(asked.caller, error)
        if asked.wait.cancel and not submitting.called:  # the client went while it was on its way
            submitting.addCallback(lambda receipt: self.abandon(receipt.id))
        submitting.addErrback(lambda failure: failure.trap(RelayError))

    async def _known(self, asked: SubmitRequest, submission: Submission, held: bool) -> Accepted:
        """The submission joined a job, or its key stands for one that lives; were it forgotten, this submission would
        do as well as the first."""
        waiter = self._waiters.wait(submission.id) if held else None
        self._waiters.keep(submission.id, submission)
        try:
            accepted = await self._accept(self._store.look(asked.caller.owner, submission.id), waiter)
        except (NoSuchJob, StoreReset) as error:  # it was there a moment ago
            raise StoreAway from error
        return replace(accepted, replayed=isinstance(accepted.known, Outcome))

    async def _accept(
        self, found: Coroutine[Any, Any, JobStatus | Outcome], waiter: Deferred[Outcome] | None
    ) -> Accepted:
        try:
            known = await found
        except BaseException:
            leave(waiter)
            raise
        if isinstance(known, Outcome):
            leave(waiter)
            waiter = None
        return Accepted(known, waiter)

    def _job(self, asked: SubmitRequest, offer: Offer, arguments: Arguments, held: bool) -> Job:
        caller = asked.caller
        return offer.template(arguments).job(
            caller.owner,
            arguments.text,
            inbox=self._store.inbox if held else "",
            key=digest(caller.owner, asked.name, asked.key) if asked.key else "",
            fingerprint=offer.fingerprint(arguments) if asked.key else "",
            trace=asked.trace,
            then=offer.served.then,
            caller=caller.name if caller.allowance.queued else "",
            fair=self._fair,
            unique=offer.unique(caller.owner, arguments),
            fresh=offer.fresh,
            durable=asked.wait.prefer.durable,
            notify=asked.notify if offer.served.notifies else "",
        )

    async def find(self, owner: str, name: str, key: str) -> str:
        """The id of the job that a key stands for; raises `NoSuchJob`."""
        return await self._store.find(digest(owner, name, key))

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        """The state of a job. Raises `NoSuchJob`, `StoreReset`."""
        check_owner(owner, id)
        return await self._store.look(owner, id)

    async def attach(self, owner: str, id: str) -> Accepted:
        """Wait for a job. Raises what `look` raises."""
        check_owner(owner, id)
        return await self._accept(self._store.attach(owner, id), self._waiters.wait(id))

    async def cancel(self, owner: str, id: str) -> JobStatus | Outcome:
        """Cancel a job. Returns its outcome if it has one now, else its state while its worker stops it. Raises
        `AlreadyComplete` for a job that has ended otherwise."""
        check_owner(owner, id)
        before, after = await self._store.cancel(owner, id)
        if isinstance(before, Outcome) and before.state is not State.CANCELLED:
            raise AlreadyComplete(f"the job {before.state}")
        return after or before

    def problem_type(self, slug: str) -> ProblemType | None:
        """What a type of problem means, relay's own or one that a job declares; None if it is not known."""
        return builtin().get(slug) or self._catalogue.problem_type(slug)

    def abandon(self, id: str) -> None:
        """A client whose job is to be cancelled with it went away: give it some time to come back, then cancel the job
        unless another client waits for it."""
        self._clock.callLater(COME_BACK, self._abandon, id)

    def _abandon(self, id: str) -> None:
        if id not in self._waiters:
            ensureDeferred(self._store.abandon(id)).addErrback(lambda failure: failure.trap(RelayError))


def _pin(job: Job, caller: Caller) -> str:
    """What decides where this caller's job lives."""
    is_limited = caller.allowance.rate.calls or caller.allowance.queued
    return pin_of(job, caller.name if is_limited else "")


def check_allowed(asked: SubmitRequest) -> None:
    """Raise `JobNotAllowed` for a job that its caller may not call, whether it exists or not, and `TooLarge`."""
    caller, most = asked.caller, asked.caller.allowance.body
    if not caller.may_call(asked.name):
        raise JobNotAllowed(f"this caller may not call {asked.name!r}")
    if most and len(asked.body) > most:
        raise TooLarge(limit=most)


def check_owner(owner: str, id: str) -> None:
    """Raise `NoSuchJob` for an id that bears the mark of another owner."""
    if owner != ANYONE and not ids.may_belong(id, owner):
        raise NoSuchJob


def submission_of(asked: SubmitRequest, id: str, job: Job, debounce: int = 0) -> Submission:
    """The submission of this job, with the limits of its caller; it is held back for so many milliseconds at least."""
    delay, deadline = max(int(asked.delay * 1000), debounce), int(asked.deadline * 1000)
    allowance = asked.caller.allowance
    return Submission(id, job, delay, deadline, asked.caller.name, allowance.rate, allowance.queued, debounce)
