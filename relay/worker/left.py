"""The tasks that jobs begin, and what becomes of those that a handler leaves behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.logger import Logger

from relay.model.job import Claim

_ASYNCIO = str(Path(asyncio.__file__).parent) + "/"
_WORKER = str(Path(__file__).parent) + "/"
_NAMED = 5  # tasks that a line names
_REMEDY = (
    "await them, begin them in an asyncio.TaskGroup, or begin what outlives a job where the worker starts"
)


class JobTasks:
    """The tasks that the application's own code has begun for jobs of one worker, while they run. Libraries begin
    tasks that other jobs need, too (of a pool, a look-up), so theirs are left to them. `own` tells whose a file is."""

    _log = Logger()

    def __init__(self, own: Callable[[str], bool] = lambda file: True) -> None:
        #: by job; nothing if no job has any
        self.running: dict[int, set[asyncio.Task[Any]]] = {}
        self._own = own

    def add(self, claim: Claim, task: asyncio.Task[Any]) -> None:
        """A task was begun for a job, by the code that calls asyncio to do so."""
        if task.done() or not self._own(_file_of(sys._getframe(1))):
            return
        self.running.setdefault(id(claim), set()).add(task)  # which keeps the claim, and so its number
        task.add_done_callback(lambda task: self._forget(id(claim), task))

    def end(self, claim: Claim, quietly: bool) -> None:
        """The handler of a job is over: its tasks are cancelled, for nobody waits for them."""
        tasks = self.running.pop(id(claim), set())
        for task in tasks:
            task.cancel()
        if tasks and not quietly:
            self._log.warn(
                "the handler of job {id} ({name}) has ended, and {count} tasks that it began are cancelled: {tasks} "
                f"({_REMEDY})",
                id=claim.id,
                name=claim.job.name,
                count=len(tasks),
                tasks=_names(tasks),
            )

    def _forget(self, number: int, task: asyncio.Task[Any]) -> None:
        tasks = self.running.get(number)
        if tasks is not None:
            tasks.discard(task)
            if not tasks:
                del self.running[number]


def _file_of(frame: FrameType | None) -> str:
    """Where asyncio was called: the file behind its own frames and the worker's."""
    while frame is not None and frame.f_code.co_filename.startswith((_ASYNCIO, _WORKER)):
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else ""


def _names(tasks: set[asyncio.Task[Any]]) -> str:
    names = sorted({getattr(task.get_coro(), "__qualname__", task.get_name()) for task in tasks})
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
