"""Existing Celery tasks as relay's jobs, without changing or importing them.

In a module of handlers::

    from relay.celery import celery_job

    resize = celery_job(
        "myproject.tasks.resize", name="resize", broker="redis://localhost/0", backend="redis://localhost/1", timeout=60
    )

=========  ========================================================================================================
`wire`     the messages, as Celery's workers read and write them
`broker`   tasks out, each of them once
`results`  what has become of them
`bridge`   both together: from a task to its end
`errand`   which task of a job it is, kept from one attempt to the next
`problems` what such a job fails with
=========  ========================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay.celery import wire
from relay.celery.bridge import Bridge
from relay.celery.errand import Errand
from relay.celery.problems import PROBLEMS, CeleryFailed, CeleryRevoked
from relay.celery.wire import Task, TaskReply
from relay.handlers.context import Context
from relay.handlers.declare import job

__all__ = ["celery_job"]

_bridges: dict[tuple[str, str, str], Bridge] = {}


def celery_job(
    task: str,
    *,
    name: str,
    broker: str,
    backend: str,
    task_queue: str = "celery",
    task_priority: int = 0,
    key_prefix: str = "",
    **options: Any,
) -> Callable[..., Any]:
    """A handler whose work a Celery task does, with the arguments `args` (a list) and `kwargs` (an object).

    `task`: the task's name · `name`: the job's · `broker`, `backend`: Redis URLs, as Celery has them · `task_queue`,
    `task_priority`: where the task is queued · `key_prefix`: Celery's ``global_keyprefix`` · `options`: as of ``@job``.
    """
    target = broker, backend, key_prefix

    async def run(
        context: Context, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None
    ) -> Any:
        errand = Errand(context)
        queued = Task(
            errand.id, task, args or [], kwargs or {}, task_queue, task_priority, errand.until, name
        )
        reply = await errand.run(_bridge(*target), queued, lambda reply: _tell(context, reply))
        return _result(reply)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"Celery's {task}."
    options["problems"] = (*PROBLEMS, *options.get("problems", ()))
    return job(name=name, **options)(run)


def _bridge(*target: str) -> Bridge:
    """The bridge of a broker and a backend, made with their first task."""
    from twisted.internet import reactor

    if target not in _bridges:
        bridge = _bridges[target] = Bridge(reactor, *target)  # type: ignore[index]
        bridge.start()
    return _bridges[target]  # type: ignore[index]


def close() -> None:
    """Stop waiting for tasks, because this process stops."""
    for bridge in _bridges.values():
        bridge.close()


def _tell(context: Context, reply: TaskReply) -> None:
    """Report an intermediate state as progress; a custom state may have `current` and `total`."""
    said = reply.result if isinstance(reply.result, dict) else {}
    current, total = said.get("current", 0), said.get("total", 0)
    known = isinstance(current, int | float) and isinstance(total, int | float) and total > 0
    context.progress(min(1.0, max(0.0, current / total)) if known else 0.0, reply.status.lower())


def _result(reply: TaskReply) -> Any:
    if reply.status == wire.SUCCESS:
        return reply.result
    if reply.status == wire.REVOKED:
        raise CeleryRevoked
    said = reply.result if isinstance(reply.result, dict) else {}
    words = said.get("exc_message") or []
    detail = ", ".join(map(str, words)) if isinstance(words, list) else str(words)
    raise CeleryFailed(detail, said.get("exc_type", ""), said.get("exc_module", ""))
