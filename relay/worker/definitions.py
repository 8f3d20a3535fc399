"""What the handlers of a worker declare, as it is published to fronts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from relay.handlers.declare import Handler
from relay.handlers.options import JobOptions
from relay.handlers.registry import Registry
from relay.model.job import JobTemplate
from relay.model.limits import Limit, Rate
from relay.model.problems.registry import describe
from relay.model.text import encodable
from relay.store.messages import JobDefinition, LimitDefinition, UniqueDefinition
from relay.worker.result import described

LONGEST_DESCRIPTION = 4000  # characters


def served(registry: Registry) -> list[JobDefinition]:
    """The declaration of each handler that is served."""
    return [definition(registry, handler) for handler in registry]


def definition(registry: Registry, handler: Handler) -> JobDefinition:
    """The declaration of a handler."""
    options = handler.options
    return JobDefinition(
        name=options.name,
        queue=options.queue,
        priority=options.priority,
        attempts=options.attempts,
        once=options.once,
        limit=_limit(options),
        then=_template(registry, options.then),
        schema=handler.schema(),
        internal=registry.is_internal(handler),
        local=options.local,
        problems=tuple(map(describe, options.problems)),
        unique=_unique(options),
        schedule=handler.schedule,
        durable=options.durable,
        notifies=_notifies(registry, options.then),
        description=_docstring(handler.function),
        result=described(handler.function),
    )


def _docstring(function: Callable[..., Any]) -> str:
    said = getattr(function, "__doc__", None)
    text = encodable(inspect.cleandoc(said)) if isinstance(said, str) else ""
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def _template(registry: Registry, name: str) -> JobTemplate | None:
    """Of a job that is given no arguments to count by; None where it is not served."""
    handler = registry.get(name)
    if handler is None:
        return None
    o = handler.options
    limit = _limit(o)
    lane = limit.lane() if limit else ""
    return JobTemplate(o.name, o.queue, o.priority, o.attempts, o.once, lane, o.durable)


def _notifies(registry: Registry, name: str) -> bool:
    """Whether the job that is given an outcome takes whom to notify."""
    handler = registry.get(name)
    return handler is not None and handler.has("notify")


def _unique(options: JobOptions) -> UniqueDefinition | None:
    if options.unique is False and not options.debounce:
        return None
    fresh = 0 if options.unique is True else options.unique
    return UniqueDefinition(options.by, int(fresh * 1000), int(options.debounce * 1000))


def _limit(options: JobOptions) -> LimitDefinition | None:
    limit = options.limit
    if limit is None and not options.most:
        return None
    limit = limit or Limit()
    rate = Rate.parse(limit.rate)
    return LimitDefinition(
        limit.name or options.name, rate.calls, rate.window, limit.per or options.per, options.most
    )
