"""What a caller is told of a job that was accepted or found, and a submission until then."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.front.submission import SubmitRequest
from relay.model.status import JobStatus, Outcome
from relay.store.messages import Receipt, Submission
from relay.submitting.waiters import Waiter, leave


class Accepted(msgspec.Struct, frozen=True):
    """A submission was accepted, or a job was found: what is known of it, and who waits for its outcome, for a caller
    that waits."""

    known: JobStatus | Outcome
    waiter: Waiter | None = None
    replayed: bool = False


class Accepting:
    """A submission on its way to the store. It is told the answer as a Deferred would be (`relay.store.batch.Hearer`);
    `hear` is called with what came of it, once, unless it was cancelled before. `waiter` waits for its job, if anybody
    does; `going_on` is what else has to be found out about it."""

    __slots__ = ("_receive", "asked", "called", "going_on", "hear", "submission", "waiter")

    def __init__(self, asked: SubmitRequest, hear: Hear, receive: Receive) -> None:
        self.asked = asked
        self.hear: Hear | None = hear
        self.called = False  # whether the store has answered
        self.submission: Submission | None = None
        self.waiter: Waiter | None = None
        self.going_on: Deferred[Any] | None = None
        self._receive = receive

    def callback(self, receipt: Receipt) -> None:
        """The store has accepted it."""
        self.called = True
        self._receive(self, receipt)

    def errback(self, error: Exception | Failure) -> None:
        """The store has refused it, or does not answer."""
        self.called = True
        self._receive(self, error if isinstance(error, Failure) else Failure(error))

    def tell(self, accepted: Accepted | Failure) -> None:
        """What came of it is known."""
        hear, self.hear = self.hear, None
        if hear is not None:
            hear(accepted)

    def cancel(self) -> None:
        """Whoever asked has gone. The submission goes on, if it is on its way."""
        self.hear = None
        leave(self.waiter)
        leave(self.going_on)


Hear = Callable[[Accepted | Failure], None]
Receive = Callable[[Accepting, Receipt | Failure], None]


async def accepted(found: Coroutine[Any, Any, JobStatus | Outcome], waiter: Waiter | None) -> Accepted:
    """A job that is looked up, for a caller that waits for it meanwhile."""
    try:
        known = await found
    except BaseException:
        leave(waiter)
        raise
    if isinstance(known, Outcome):
        leave(waiter)
        waiter = None
    return Accepted(known, waiter)
