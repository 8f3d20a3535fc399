"""What a handler has going on aside, in the reactor's thread: pauses, calls in threads, programs. All of it ends with
the attempt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from relay.handlers.finished import Finished
from relay.worker import programs

Result = TypeVar("Result")


class InThread(Protocol):
    """Calls a function in a thread."""

    def __call__(self, function: Any, /) -> Deferred[Any]: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker has for such work."""

    clock: IReactorTime
    in_thread: InThread
    spawn: programs.Spawn


class Aside:
    """Of one attempt."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._open: set[Deferred[Any]] = set()
        self._closed = False

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"a pause is a number of seconds from 0, not {seconds!r}")
        self._check()
        return self._kept(deferLater(self._means.clock, seconds))

    def thread(self, function: Callable[[], Result]) -> Deferred[Result]:
        """Fires with what the function returns, which is not called any more after the attempt's end."""
        self._check()
        context = copy_context()

        def call() -> tuple[Result, ...]:  # not the result alone: a Deferred looks at what it is given
            return () if self._closed else (context.run(function),)

        return self._kept(self._means.in_thread(call).addCallback(lambda called: called[0]))

    def process(
        self, command: Sequence[Any], given: bytes, environment: Mapping[str, str] | None, most: int
    ) -> Deferred[Finished]:
        """Fires when the program has ended."""
        self._check()
        return self._kept(programs.run(self._means.spawn, command, given, environment, most))

    def close(self) -> None:
        """The attempt has its end: nothing of this goes on."""
        self._closed = True
        for each in list(self._open):
            each.cancel()
            each.addErrback(lambda _: None)  # one that nobody looks at would be logged

    def _check(self) -> None:
        if self._closed:
            raise CancelledError("the job is over")

    def _kept(self, begun: Deferred[Result]) -> Deferred[Result]:
        self._open.add(begun)

        def over(result: Any) -> Any:
            self._open.discard(begun)
            return result

        return begun.addBoth(over)
