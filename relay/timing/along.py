"""A Deferred that fires along with another, and can be given up without it."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


def along(deferred: Deferred[Result]) -> Deferred[Result]:
    """Fires as `deferred` does, with its result or its failure, which then is the copy's to handle. Cancelling the copy
    leaves `deferred` alone."""
    copy: Deferred[Result] = Deferred()

    def passed(result: Result | Failure) -> Result | Failure | None:
        if copy.called:
            return result
        copy.callback(result)  # a Failure too is passed on
        return None if isinstance(result, Failure) else result

    deferred.addBoth(passed)
    return copy
