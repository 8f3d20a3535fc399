"""What the attempts of one worker work with, put together from what the composition root gave it."""

from __future__ import annotations

from collections.abc import Mapping

from relay.handlers.registry import Registry
from relay.model.settings import Settings
from relay.submitting.waiters import Waiters
from relay.worker.around import around_of
from relay.worker.callable_jobs import CallableJobs
from relay.worker.end import Ends
from relay.worker.equipment import Equipment
from relay.worker.overdue import Overdue
from relay.worker.place import Place
from relay.worker.resending import Resending
from relay.worker.shareds import Shareds
from relay.worker.sub_jobs import Submitting
from relay.worker.tools import WorkerTools


def place_of(tools: WorkerTools, registry: Registry, settings: Settings, shareds: Shareds) -> Place:
    """What its attempts share."""
    ends, overdue = Ends(settings.result_limit, tools.show), Overdue(tools.clock, settings.concurrency)
    around = around_of(registry.hooks.around, tools.tracing)
    return Place(tools.clock, tools.in_thread, ends, overdue, shareds, tools.tasks, around)


def equipment_of(
    tools: WorkerTools, registry: Registry, given: Mapping[str, str], waiters: Waiters
) -> Equipment:
    """What its handlers are given; `given` are their settings."""
    resending = Resending(tools.clock, tools.store)
    submitting = Submitting(tools.store, waiters, CallableJobs(registry), resending)
    beside = tools.upstreams, given, tools.from_thread, submitting
    return Equipment(*beside, spawn=tools.spawn, events=tools.events, tracing=tools.tracing)
