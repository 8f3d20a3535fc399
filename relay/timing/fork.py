"""A Deferred that follows another, and can be cancelled without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FailureHeard:
    """What a Deferred goes on with after a fork of it has heard its failure, so that the other forks hear it, too, and
    it is not logged as one that nobody handled."""

    failure: Failure


def fork(deferred: Deferred[Result]) -> Deferred[Result]:
    """Fires as `deferred` does, with its result, or with its failure. A failure is told to each fork, and is theirs to
    handle: `deferred` goes on with `FailureHeard`, unless all of them were cancelled. Cancelling a fork leaves
    `deferred` and the other forks alone."""
    forked: Deferred[Result] = Deferred()
    deferred.addBoth(_follow, forked)
    return forked


def pass_on(result: Result | Failure, to: Deferred[Result]) -> bool:
    """Fire a Deferred with a result or a failure, unless it was cancelled; whether it was fired."""
    if to.called:
        return False
    to.callback(result)  # which takes a Failure, too
    return True


def _follow(result: Any, forked: Deferred[Any]) -> Any:
    """What `deferred` goes on with."""
    if isinstance(result, FailureHeard):
        pass_on(result.failure, forked)
    elif pass_on(result, forked) and isinstance(result, Failure):
        return FailureHeard(result)
    return result
