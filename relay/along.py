"""A Deferred that follows another one, and can be cancelled without it."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


def along(deferred: Deferred[Result]) -> Deferred[Result]:
    """Fires like `deferred`, with its result or its failure; the failure must be handled at the copy. Cancelling the
    copy does not cancel `deferred`."""
    copy: Deferred[Result] = Deferred()

    def passed(result: Result | Failure) -> Result | Failure | None:
        if copy.called:
            return result
        copy.callback(result)  # a Failure too is passed on
        return None if isinstance(result, Failure) else result

    deferred.addBoth(passed)
    return copy
