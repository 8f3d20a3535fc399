"""Where coroutines of handlers are started: as tasks of asyncio's loop, if the reactor runs on one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.model.job import Claim
from relay.net import reactors
from relay.worker.stepping import SteppedCoroutine

Result = TypeVar("Result")
#: types of what most functions return, which can't be awaited: to find that a type lacks something takes long
PLAIN = frozenset({bool, dict, float, int, list, str, tuple, type(None)})
Made = Callable[[Claim, "asyncio.Task[Any]"], None]
_told_of: WeakKeyDictionary[asyncio.AbstractEventLoop, Made] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Box:
    """What a handler returned, on its way through a Deferred, which looks at the class of what it is given."""

    content: Any


def called(function: Callable[..., Any], arguments: dict[str, Any]) -> Box:
    """What a function returns, which is called here."""
    return Box(function(**arguments))


def run(awaitable: Awaitable[Result]) -> Deferred[Result]:
    """Run what an ``async def`` returned. It may await Deferreds, and asyncio's awaitables if the reactor runs on an
    event loop. Cancelling the Deferred cancels what it waits for. To be called in the reactor's thread."""
    return run_boxed(awaitable).addCallback(_content)


def run_boxed(awaitable: Awaitable[Any]) -> Deferred[Box]:
    """The same, whatever the result is."""
    loop = _loop()
    if loop is None:
        return Deferred.fromCoroutine(_boxed(awaitable))
    prepare(loop)
    return Running(loop, awaitable if is_coroutine(awaitable) else _awaited(awaitable))


def has_loop() -> bool:
    """Whether coroutines may await what asyncio has."""
    return _loop() is not None


def _loop() -> asyncio.AbstractEventLoop | None:
    return asyncio._get_running_loop() or reactors.loop()


def is_coroutine(made: Any) -> bool:
    """Whether something is a coroutine, by its type: one of Cython's is one, too."""
    kind = type(made)
    return kind is CoroutineType or (hasattr(kind, "__await__") and hasattr(kind, "send"))


def is_awaitable(made: Any) -> bool:
    """Whether something can be awaited, by its type, for an object may say anything of its class."""
    return hasattr(type(made), "__await__")


class Running(Deferred[Box]):
    """A coroutine that runs as a task, and has fired if it had nothing to wait for. It ends when the task has ended: a
    cancellation may take its time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Any) -> None:
        super().__init__()
        self._steps = SteppedCoroutine(loop, coroutine)
        context = copy_context()
        self._task: asyncio.Task[Any] = asyncio.Task(self._steps, loop=loop, context=context)
        if asyncio._get_running_loop() is loop and self._has_ended(context):
            return
        self._task.add_done_callback(self._done)

    def _has_ended(self, context: Context) -> bool:
        """Whether it ends within its first step, without another turn of the loop."""
        try:
            self._steps.begin(self._task, context)
        except StopIteration as end:
            self.callback(Box(end.value))
        except BaseException:
            self.errback(Failure())
        return self.called

    def cancel(self) -> None:
        """Cancel what the coroutine waits for."""
        if self.called:
            super().cancel()
        else:
            self._steps.stop(self._task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        try:
            result = task.result()
        except BaseException:
            self.errback(Failure())
        else:
            self.callback(Box(result))


def prepare(loop: asyncio.AbstractEventLoop, made: Made | None = None) -> None:
    """Let all tasks of a loop await Deferreds. `made` is called with each that is begun for a job."""
    if made is not None:
        _told_of[loop] = made
    factory = loop.get_task_factory()
    if type(factory) is not _Tasks:  # of a loop that is new, or whose factory somebody has replaced
        loop.set_task_factory(_Tasks(factory, _told_of.get(loop)))
    elif made is not None:
        factory.made = made


class _Tasks:
    """Makes the tasks of a loop, whoever begins them: asyncio, libraries, handlers."""

    def __init__(self, former: Any, made: Made | None) -> None:
        self.made = made
        self._make = former or _task

    def __call__(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        steps = coroutine if type(coroutine) is SteppedCoroutine else _stepped(loop, coroutine)
        task: asyncio.Task[Any] = self._make(loop, steps, **options)
        if self.made is not None and steps.claim is not None:
            self.made(steps.claim, task)
        return task


def _stepped(loop: asyncio.AbstractEventLoop, coroutine: Any) -> SteppedCoroutine:
    """Raises `TypeError` for what can't be a task, as asyncio does."""
    if not (is_coroutine(coroutine) or asyncio.iscoroutine(coroutine)):
        raise TypeError(
            f"a coroutine was expected, got {coroutine!r} (asyncio.ensure_future makes a task of another awaitable)"
        )
    return SteppedCoroutine(loop, coroutine)


def _task(loop: asyncio.AbstractEventLoop, steps: SteppedCoroutine, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(steps, loop=loop, **options)


async def _boxed(awaitable: Awaitable[Any]) -> Box:
    return Box(await awaitable)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _content(box: Box) -> Any:
    return box.content
