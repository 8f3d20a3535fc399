"""Which job code runs for: kept in its context, where the watchdog finds it from another thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import TypeVar

from relay.model.job import Claim

Result = TypeVar("Result")

#: the job whose handler was begun in this context; coroutines, generators and tasks keep a copy of it
CURRENT: ContextVar[Claim] = ContextVar("relay_job")


def context_of(claim: Claim) -> Context:
    """A context for what is called on behalf of a job: a variable that one job sets is not seen by the next."""
    context = copy_context()
    context.run(CURRENT.set, claim)
    return context


def call(claim: Claim, context: Context, function: Callable[[], Result], /) -> Result:
    """Call a function on behalf of a job, in a context of that job's (`context_of`)."""
    return context.run(function)
