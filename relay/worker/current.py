"""Which job code runs for: kept in its context, where the watchdog finds it from another thread."""

from __future__ import annotations

from contextvars import ContextVar

from relay.model.job import Claim

#: the job whose handler was begun in this context; coroutines, generators and tasks keep a copy of it
CURRENT: ContextVar[Claim] = ContextVar("relay_job")
