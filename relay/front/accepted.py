"""What a caller is told of a job that was accepted or found, and the Deferred of its outcome."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from relay.model.status import JobStatus, Outcome
from relay.submitting.waiters import leave


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission was accepted, or a job was found: what is known of it, and the Deferred of its outcome for a caller
    that waits."""

    known: JobStatus | Outcome
    waiter: Deferred[Outcome] | None = None
    replayed: bool = False


class Accepting(Deferred[Accepted]):
    """Fires when a submission was accepted. `waits` is what waits for its job until then, if anything does. Whoever
    cancels this wants no more of either."""

    waits: Deferred[Any] | None = None


def let_go(accepting: Deferred[Accepted]) -> None:
    """Its canceller."""
    assert isinstance(accepting, Accepting)
    leave(accepting.waits)


async def accepted(
    found: Coroutine[Any, Any, JobStatus | Outcome], waiter: Deferred[Outcome] | None
) -> Accepted:
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
