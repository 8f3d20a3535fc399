"""What a worker does before its first job and after its last: hooks of the modules, and what handlers share."""

from __future__ import annotations

import traceback
from contextlib import suppress
from functools import partial

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.hooks import Hook, Hooks
from relay.timing.timers import stop_timer
from relay.worker.awaited import begin, outcome_of, raised_by, within
from relay.worker.causes import told, with_causes
from relay.worker.shareds import MOMENT, Shareds

LATE = 10.0  # seconds after which a hook that has not ended is named


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
        seconds. What does not end in time is left. Never raises."""
        until = self._clock.seconds() + seconds
        for hook in self._hooks.stop if self._started else ():
            left = max(MOMENT, until - self._clock.seconds())
            error = await raised_by(within(left, begin(partial(self._call, hook)), self._clock))
            if error is not None:
                self._say(f"on_stop {hook} failed", Failure(error))
        await self._shareds.close(until)

    async def _start(self) -> None:
        for hook in self._hooks.start:
            late = self._clock.callLater(LATE, self._late, hook)
            error = await raised_by(self._call(hook))
            stop_timer(late)
            if error is not None:
                raise HookFailed(f"on_start {hook} failed: {told(error)}{_place(error)}") from error
        self._started = True

    def _late(self, hook: Hook) -> None:
        self._log.warn(
            "on_start {hook} has not ended after {seconds:.0f} s: nothing is served before",
            hook=hook,
            seconds=LATE,
        )

    async def _call(self, hook: Hook) -> None:
        await outcome_of(hook.function(**await self._shareds.arguments(hook.needs)))

    def _say(self, what: str, failure: Failure) -> None:
        self._log.failure("{what}", with_causes(failure), LogLevel.error, what=what)


def _place(error: BaseException) -> str:
    """Where it happened, for a line in a log."""
    with suppress(Exception):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f", at {frame.filename}:{frame.lineno} in {frame.name}"
    return ""
