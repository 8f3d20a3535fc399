"""Which job code runs for: kept in its context, where the watchdog finds it from another thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TypeVar

from relay.model.job import Claim

Result = TypeVar("Result")

#: the job whose handler was begun in this context; coroutines, generators and tasks keep a copy of it
CURRENT: ContextVar[Claim] = ContextVar("relay_job")


def call(claim: Claim, function: Callable[..., Result], /, **arguments: object) -> Result:
    """Call a function on behalf of a job, in a context of its own: a variable that one job sets is not seen by the
    next."""
    context = copy_context()
    context.run(CURRENT.set, claim)
    return context.run(function, **arguments)
