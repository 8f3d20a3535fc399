"""Submissions, from what a client sent to what the store answered. No coroutine stands on the way of one whose job is
known."""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.front.accepted import Accepted, Accepting, Hear, accepted
from relay.front.catalogue import Catalogue
from relay.front.rates import Rates
from relay.front.submission import SubmitRequest
from relay.model import ids
from relay.model.caller import Caller
from relay.model.digests import digest
from relay.model.job import Job
from relay.model.problems.base import RelayError
from relay.model.problems.caller import JobNotAllowed, RateExceeded
from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset, TooLarge
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.fronts import FrontStore
from relay.store.messages import Receipt, Submission
from relay.store.placing import pin_of
from relay.submitting.offer import Arguments, Offer
from relay.submitting.waiters import Waiters, leave
from relay.telemetry.events import UNHEARD, Events

_LONG = 64 << 10  # bytes of a body
COME_BACK = 5.0  # seconds for a client that went away


class Submitter:
    """Submits jobs for callers, and takes back what their clients do not wait for."""

    _log = Logger()

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
        self._rates = Rates(clock.seconds)

    def submit(self, asked: SubmitRequest, held: bool, hear: Hear) -> Accepting:
        """Submit a job; `held` if a client waits for it, or is about to. Raises, or has heard, `JobNotAllowed`,
        `TooLarge`, and what `Catalogue.offer`, `Offer.read` and `FrontStore.submit` raise."""
        caller = asked.caller
        if caller.jobs is not None or caller.allowance.body:
            check_allowed(asked)
        if caller.allowance.rate.calls and not asked.key:  # one with a key may be known, and no new job
            self._rates.check(caller)
        accepting = Accepting(asked, hear, self._received)
        known = self._catalogue.known(asked.name, held, caller.local)
        if not isinstance(known, Offer):
            self._submit_later(accepting, None, held)
        elif len(asked.body) > _LONG:
            self._submit_later(accepting, known, held)
        else:
            self._send(accepting, known, known.read(asked.body), held)
        return accepting

    def submitted(self, asked: SubmitRequest, held: bool) -> Deferred[Accepted]:
        """The same as a Deferred."""
        answer: Deferred[Accepted] = Deferred(lambda _: accepting.cancel())
        accepting = self.submit(
            asked, held, lambda accepted: answer.callback(accepted)
        )  # which may be a Failure
        return answer

    def abandon(self, id: str) -> None:
        """A client whose job is to be cancelled with it went away: give it some time to come back, then cancel the job
        unless another client waits for it."""
        self._clock.callLater(COME_BACK, self._cancel, id)

    def _cancel(self, id: str) -> None:
        if id not in self._waiters:
            ensureDeferred(self._store.abandon(id)).addErrback(lambda failure: failure.trap(RelayError))

    def _submit_later(self, accepting: Accepting, offer: Offer | None, held: bool) -> None:
        """The same for a job that is not known yet, and for a body that takes its time."""
        preparing = Deferred.fromCoroutine(self._prepare(accepting, offer, held))
        preparing.addErrback(accepting.tell)
        if not preparing.called:
            accepting.going_on = preparing

    async def _prepare(self, accepting: Accepting, offer: Offer | None, held: bool) -> None:
        asked = accepting.asked
        if offer is None:
            offer = await self._catalogue.offer(asked.name, held, asked.caller.local)
        arguments = offer.read(asked.body)
        if len(asked.body) > _LONG:  # what comes next takes its time, too: others have their turn
            await deferLater(self._clock, 0)
        accepting.going_on = None
        self._send(accepting, offer, arguments, held)

    def _send(self, accepting: Accepting, offer: Offer, arguments: Arguments, held: bool) -> None:
        asked = accepting.asked
        job = self._job(asked, offer, arguments, held)
        pin = _pin(job, asked.caller) if self._store.partitions > 1 else ""
        id = ids.marked(self._store.mint(pin), asked.caller.owner)
        accepting.submission = submission = submission_of(asked, id, job, offer.debounce)
        if held:
            accepting.waiter = self._waiters.enter(id, submission)  # a repair may come before the answer
        self._store.submit_telling(submission, accepting)

    def _received(self, accepting: Accepting, receipt: Receipt | Failure) -> None:
        """The store has answered."""
        if isinstance(receipt, Failure):
            self._refused(accepting, receipt)
        elif accepting.hear is not None:
            try:
                self._accept(accepting, receipt)
            except Exception:
                accepting.tell(Failure())
        elif accepting.asked.wait.cancel:  # the client went while it was on its way
            self.abandon(receipt.id)

    def _accept(self, accepting: Accepting, receipt: Receipt) -> None:
        asked, submission, waiter = accepting.asked, accepting.submission, accepting.waiter
        assert submission is not None
        job = submission.job
        self._events.submitted(job.name, asked.caller.name, receipt.new)
        if receipt.new:
            state = State.SCHEDULED if submission.delay else State.QUEUED
            known = JobStatus(submission.id, job.name, state, receipt.now, durable=job.durable)
            accepting.tell(Accepted(known, waiter))
            return
        leave(waiter)
        if receipt.outcome is not None:
            accepting.tell(Accepted(receipt.outcome, replayed=True))
            return
        joined = self._known(asked, msgspec.structs.replace(submission, id=receipt.id), waiter is not None)
        accepting.waiter = None
        accepting.going_on = Deferred.fromCoroutine(joined).addBoth(accepting.tell)

    def _refused(self, accepting: Accepting, failure: Failure) -> None:
        leave(accepting.waiter)
        if isinstance(failure.value, RateExceeded):
            self._rates.refused(accepting.asked.caller, failure.value)
        if accepting.hear is None and not failure.check(RelayError):
            self._log.failure("a submission failed whose client had gone", failure)
        accepting.tell(failure)

    async def _known(self, asked: SubmitRequest, submission: Submission, held: bool) -> Accepted:
        """The submission joined a job, or its key stands for one that lives; were it forgotten, this submission would
        do as well as the first."""
        waiter = self._waiters.enter(submission.id) if held else None
        self._waiters.keep(submission.id, submission)
        try:
            known = await accepted(self._store.look(asked.caller.owner, submission.id), waiter)
        except (NoSuchJob, StoreReset) as error:  # it was there a moment ago
            raise StoreAway from error
        return msgspec.structs.replace(known, replayed=isinstance(known.known, Outcome))

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


def submission_of(asked: SubmitRequest, id: str, job: Job, debounce: int = 0) -> Submission:
    """The submission of this job, with the limits of its caller; it is held back for so many milliseconds at least."""
    delay, deadline = int(asked.delay * 1000), int(asked.deadline * 1000)
    caller = asked.caller
    held_back = delay if delay > debounce else debounce
    most = caller.allowance.rate, caller.allowance.queued
    return Submission(id, job, held_back, deadline, caller.name, *most, debounce)
