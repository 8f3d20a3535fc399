"""A Deferred that follows another, and can be cancelled without it."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


def fork(deferred: Deferred[Result]) -> Deferred[Result]:
    """Fires as `deferred` does, with its result, or with its failure, which then is the fork's to handle. Cancelling
    the fork leaves `deferred` alone: a failure that comes after that stays there."""
    forked: Deferred[Result] = Deferred()
    deferred.addBoth(_follow, forked)
    return forked


def pass_on(result: Result | Failure, to: Deferred[Result]) -> bool:
    """Fire a Deferred with a result or a failure, unless it was cancelled; whether it was fired."""
    if to.called:
        return False
    to.callback(result)  # which takes a Failure, too
    return True


def _follow(result: Result | Failure, forked: Deferred[Result]) -> Result | Failure | None:
    """What `deferred` goes on with."""
    is_handled = pass_on(result, forked) and isinstance(result, Failure)
    return None if is_handled else result
