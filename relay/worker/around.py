"""What stands around each attempt: a tracer's span, and generator functions of the application's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.hooks import JobAttempt
from relay.model.job import Claim
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.worker.causes import error_of, with_causes

_log = Logger()


class Surrounded:
    """One attempt whose beginnings were done."""

    def __init__(self, claim: Claim, begun: ExitStack) -> None:
        self._claim = claim
        self._begun = begun

    def leave(self, context: Context, outcome: Any, stopped: bool) -> None:
        """The handler has ended with this outcome, or a `Failure`, and perhaps because it was stopped. `context` is the
        one in which the beginnings were done. What goes wrong is logged."""
        error: BaseException | None = None
        how: tuple[Any, Any, Any] = (None, None, None)
        if issubclass(type(outcome), Failure) and not stopped:
            error = error_of(outcome)
            how = type(error), error, error.__traceback__ or outcome.getTracebackObject()
        try:
            context.run(self._begun.__exit__, *how)
        except BaseException as raised:
            if raised is not error:
                text, job = "what is done around job {id} ({name}) failed after it", self._claim.job
                _log.failure(text, with_causes(Failure()), LogLevel.error, id=self._claim.id, name=job.name)


class Around:
    """Of the attempts of one worker. `enter` is called first, in the context of the handler."""

    def __init__(
        self, functions: Sequence[Callable[[JobAttempt], Iterator[None]]], enter: Callable[[Claim], None]
    ) -> None:
        self._functions = [contextmanager(function) for function in functions]
        self._enter = enter

    def begin(self, claim: Claim) -> Surrounded:
        """Do what stands before a handler. Raises what a function raises, after the others were told."""
        self._enter(claim)
        job = claim.job
        shown = JobAttempt(claim.id, job.name, job.queue, claim.attempt, job.attempts, job.trace)
        begun = ExitStack()
        try:
            for function in self._functions:
                begun.enter_context(function(shown))
        except BaseException as error:
            begun.__exit__(type(error), error, error.__traceback__)
            raise
        return Surrounded(claim, begun)


def around_of(
    functions: Sequence[Callable[[JobAttempt], Iterator[None]]], tracing: Tracing
) -> Callable[[Claim], Surrounded] | None:
    """What does all that stands around attempts; None where nothing does."""
    return Around(functions, tracing.enter).begin if functions or tracing is not UNTRACED else None
