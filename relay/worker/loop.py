"""The event loop that jobs run on: what it needs from its worker, and how what runs on it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.worker.causes import is_cancellation, told, with_causes
from relay.worker.coroutines import prepare, run
from relay.worker.left import JobTasks
from relay.worker.stepping import SteppedCoroutine

LAST = 1.0  # seconds for tasks to end when their worker has stopped

_log = Logger()


def attach(loop: asyncio.AbstractEventLoop, tasks: JobTasks) -> None:
    """Let the tasks of a loop await Deferreds, note those of jobs, and log what asyncio would print."""
    prepare(loop, tasks.add)
    loop.set_exception_handler(_said)


def finish(loop: asyncio.AbstractEventLoop) -> Deferred[None]:
    """End what still runs on a loop, whose worker has stopped."""
    return run(_finish(loop)).addErrback(
        lambda failure: _log.failure("the event loop could not be ended", failure)
    )


async def _finish(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST)
    await asyncio.wait_for(loop.shutdown_asyncgens(), LAST)


def _said(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio says of an error that nobody handles: one line, for the job that it belongs to."""
    error = context.get("exception")
    task = context.get("task") or context.get("future")
    claim = _claim_of(task)
    whose = f"job {claim.id} ({claim.job.name}): " if claim is not None else ""
    fields = {"whose": whose, "what": context.get("message", "an error"), "id": claim.id if claim else ""}
    if error is None:
        _log.warn("{whose}{what}: {task}", task=repr(task or context.get("asyncgen") or ""), **fields)
    elif not is_cancellation(error):
        failure = with_causes(Failure(error, type(error), error.__traceback__))
        _log.emit(LogLevel.error, "{whose}{what}: {why}", log_failure=failure, why=told(error), **fields)


def _claim_of(task: Any) -> Any:
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    return coroutine.claim if type(coroutine) is SteppedCoroutine else None
