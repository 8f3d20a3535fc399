"""What a worker does before its first job and after its last: hooks of the modules, and what handlers share."""

from __future__ import annotations

import traceback
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.hooks import Hook, Hooks
from relay.worker.awaited import begin, outcome_of
from relay.worker.causes import told, with_causes
from relay.worker.shareds import Shareds


class HookFailed(Exception):
    """A hook failed before the worker served; the message, one line, says which and why."""


class Lifespan:
    """Of one worker."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, hooks: Hooks, shareds: Shareds) -> None:
        self._clock = clock
        self._hooks = hooks
        self._shareds = shareds
        self._started = False

    def start(self) -> Deferred[None]:
        """Call what is to be called before the worker serves; fails with `HookFailed`."""
        if self._hooks.start:
            return begin(self._start)
        self._started = True
        return succeed(None)

    async def stop(self, seconds: float) -> None:
        """Call what is to be called after the last job, unless `start` failed, and close what is shared, within so many
        seconds. Never raises."""
        await self._within(seconds, self._stop())

    async def _start(self) -> None:
        for hook in self._hooks.start:
            try:
                await self._call(hook)
            except Exception as error:
                raise HookFailed(f"on_start {hook} failed: {told(error)}{_place(error)}") from error
        self._started = True

    async def _stop(self) -> None:
        for hook in self._hooks.stop if self._started else ():
            try:
                await self._call(hook)
            except Exception:
                self._say(f"on_stop {hook} failed", Failure())
        await self._shareds.close()

    async def _call(self, hook: Hook) -> None:
        await outcome_of(hook.function(**await self._shareds.arguments(hook.needs)))

    async def _within(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        try:
            await begin(lambda: work).addTimeout(seconds, self._clock)
        except Exception:
            self._say(f"what has to be closed was not after {seconds:.0f} s", Failure())

    def _say(self, what: str, failure: Failure) -> None:
        self._log.failure("{what}", with_causes(failure), LogLevel.error, what=what)


def _place(error: BaseException) -> str:
    """Where it happened, for a line in a log."""
    with suppress(Exception):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f", at {frame.filename}:{frame.lineno} in {frame.name}"
    return ""
