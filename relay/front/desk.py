"""The front's job service: submit, look, attach and cancel for a caller, apart from HTTP."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from relay.along import along
from relay.errors import AlreadyComplete, NoSuchJob, RelayError, StoreAway, StoreReset
from relay.front.catalogue import Catalogue
from relay.front.offer import Arguments, Offer
from relay.front.order import Order
from relay.front.waiting import WaitingRoom
from relay.state import Job, Outcome, Standing, State
from relay.store.messages import Submission
from relay.store.store import Store

_LONG = 64 << 10  # bytes of a body
COME_BACK = 5.0  # seconds for a client that went away


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission was accepted, or a job was found: what is known of it, and the Deferred of its outcome for a caller
    that waits."""

    known: Standing | Outcome
    waiter: Deferred[Outcome] | None = None
    replayed: bool = False


class Desk:
    """Serves callers with the store, the catalogue and the registry of waiters."""

    def __init__(self, clock: IReactorTime, store: Store, catalogue: Catalogue, room: WaitingRoom) -> None:
        self._clock = clock
        self._store = store
        self._catalogue = catalogue
        self._room = room
        #: this front is about to end: nobody is held for long
        self.draining = False

    async def submit(self, order: Order, held: bool) -> Accepted:
        """Submit a job; `held` if a client waits for it, or is about to. Raises what `Catalogue.offer`, `Offer.read`
        and `Store.submit` raise."""
        offer = await self._catalogue.offer(order.name, held, order.local)
        arguments = offer.read(order.body)
        if len(order.body) > _LONG:  # what comes next takes its time, too: others have their turn
            await deferLater(self._clock, 0)
        job = self._job(order, offer, arguments, held)
        id = self._store.mint()
        waiter = self._room.wait(id) if held else None
        submission = Submission(id, job, int(order.delay * 1000), int(order.deadline * 1000))
        self._room.pledge(id, submission)  # before it is answered: a repair may come in between
        submitting = self._store.submit(submission)
        try:
            receipt = await along(submitting)
        except BaseException as error:
            leave(waiter)
            if order.cancel and isinstance(error, CancelledError):  # the client went while it was on its way
                submitting.addCallback(lambda receipt: self.abandon(receipt.id))
            submitting.addErrback(lambda failure: failure.trap(RelayError))
            raise
        if receipt.new:
            state = State.SCHEDULED if order.delay else State.QUEUED
            return Accepted(Standing(id, job.name, state, receipt.now), waiter)
        leave(waiter)
        if receipt.outcome is not None:
            return Accepted(receipt.outcome, replayed=True)
        return await self._known(order, msgspec.structs.replace(submission, id=receipt.id), held)

    async def _known(self, order: Order, submission: Submission, held: bool) -> Accepted:
        """The key stands for a job that lives; were it forgotten, this submission would do as well as the first."""
        waiter = self._room.wait(submission.id) if held else None
        self._room.pledge(submission.id, submission)
        try:
            accepted = await self._accept(self._store.look(order.owner, submission.id), waiter)
        except (NoSuchJob, StoreReset) as error:  # it was there a moment ago
            raise StoreAway from error
        return replace(accepted, replayed=isinstance(accepted.known, Outcome))

    async def _accept(
        self, found: Coroutine[Any, Any, Standing | Outcome], waiter: Deferred[Outcome] | None
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

    def _job(self, order: Order, offer: Offer, arguments: Arguments, held: bool) -> Job:
        served = offer.served
        return Job(
            name=order.name,
            queue=served.queue,
            owner=order.owner,
            inbox=self._store.inbox if held else "",
            priority=served.priority,
            attempts=served.attempts,
            key=digest(order.owner, order.name, order.key) if order.key else "",
            fingerprint=offer.fingerprint(arguments) if order.key else "",
            once=served.once,
            trace=order.trace,
            arguments=arguments.text,
            lane=offer.lane(arguments),
            then=served.then,
        )

    async def find(self, owner: str, name: str, key: str) -> str:
        """The id of the job that a key stands for; raises `NoSuchJob`."""
        return await self._store.find(digest(owner, name, key))

    async def look(self, owner: str, id: str) -> Standing | Outcome:
        """The state of a job. Raises `NoSuchJob`, `StoreReset`."""
        return await self._store.look(owner, id)

    async def attach(self, owner: str, id: str) -> Accepted:
        """Wait for a job. Raises what `look` raises."""
        return await self._accept(self._store.attach(owner, id), self._room.wait(id))

    async def cancel(self, owner: str, id: str) -> Standing | Outcome:
        """Cancel a job. Returns its outcome if it has one now, else its state while its worker stops it. Raises
        `AlreadyComplete` for a job that has ended otherwise."""
        before, after = await self._store.cancel(owner, id)
        if isinstance(before, Outcome) and before.state is not State.CANCELLED:
            raise AlreadyComplete(f"the job {before.state}")
        return after or before

    def collected(self, outcome: Outcome) -> None:
        """A client has received the outcome of its job."""
        if outcome.follows:
            ensureDeferred(self._store.collected(outcome.id)).addErrback(
                lambda failure: failure.trap(RelayError)
            )

    def abandon(self, id: str) -> None:
        """A client whose job is to be cancelled with it went away: give it some time to come back, then cancel the job
        unless another client waits for it."""
        self._clock.callLater(COME_BACK, self._abandon, id)

    def _abandon(self, id: str) -> None:
        if id not in self._room:
            ensureDeferred(self._store.abandon(id)).addErrback(lambda failure: failure.trap(RelayError))


def digest(owner: str, name: str, key: str) -> str:
    """What a key is kept under: it counts for one owner and one job name."""
    scope = "\0".join((owner, name, key)).encode()
    return base64.b32encode(hashlib.blake2b(scope, digest_size=15).digest()).decode().lower()


def leave(waiter: Deferred[Outcome] | None) -> None:
    """Stop waiting."""
    if waiter is not None:
        waiter.addErrback(lambda _: None)
        waiter.cancel()
