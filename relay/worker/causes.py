"""What an exception means, and how it is shown: wrappers and groups are opened, causes and notes are kept, sizes are
bounded."""

from __future__ import annotations

import asyncio
import concurrent.futures
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from twisted.internet.defer import CancelledError, FirstError
from twisted.python.failure import Failure

from relay.model.problems.base import JobError, RelayError, text_of
from relay.model.text import printable

DEEPEST = 10  # wrappers around an exception, causes behind it
_MOST = 100  # exceptions that are looked at in one
LONGEST_LINE = 500  # characters of what is told in one line
LONGEST_TRACEBACK = 16 << 10  # characters of a traceback in the log; the middle is left out


def error_of(failure: Failure) -> BaseException:
    """The exception of a failure; a `RuntimeError` for a failure that has only a type."""
    value: BaseException | None = failure.value
    return value if value is not None else RuntimeError(f"{failure.type} without a value")


def decisive(error: BaseException) -> BaseException:
    """The exception that decides over the job: the one in a wrapper (`FirstError`, a group). Where it holds several, a
    `JobError` that is not retryable decides; without one, an unexpected exception; without that, of the retryable ones
    the one that asks for the longest pause."""
    errors = list(islice(_leaves(error, DEEPEST), _MOST)) or [error]
    own = [e for e in errors if isinstance(e, JobError)]
    final = [e for e in own if not e.retryable]
    unexpected = [e for e in errors if not isinstance(e, JobError)]
    if final or unexpected:
        return (final or unexpected)[0]
    return max(own, key=lambda e: (not e.uncounted, e.pause))


def told(error: BaseException) -> str:
    """An exception and what it came from, in one line."""
    line: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(line) < DEEPEST:
        line.append(_shown(cause))
        cause = cause.__cause__
    text = printable(", from ".join(line)[:LONGEST_LINE])[:LONGEST_LINE]
    return "".join(c if c.isprintable() else " " for c in text)


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception says no more than that something was cancelled."""
    return isinstance(error, CancelledError | asyncio.CancelledError | concurrent.futures.CancelledError)


def _shown(error: BaseException) -> str:
    kind, text = type(error).__name__, text_of(error)
    with suppress(Exception):  # an error of a handler's own class may not even have these
        if isinstance(error, JobError):
            kind = f"{error.type} ({error.job_status})"
        elif isinstance(error, RelayError):
            kind = error.slug
    return text if text == kind else f"{kind}: {text}"[:LONGEST_LINE]


class Traced(Failure):
    """A failure whose traceback in the log has causes, notes and what groups hold, which Twisted's has not."""

    def getTraceback(self, elideFrameworkCode: int = 0, detail: str = "default") -> str:
        try:
            lines = traceback.format_exception(self.type, self.value, self.getTracebackObject())
            for held in islice(_hidden(error_of(self), DEEPEST), _MOST):
                lines += ["\nin which there was\n\n", *traceback.format_exception(held)]
            return printable(_cut("".join(lines)))
        except Exception:  # an exception that can't even be shown
            return f"{getattr(self.type, '__name__', self.type)} (its traceback can't be shown)\n"


def with_causes(failure: Failure) -> Traced:
    """The same failure, whose traceback in a log has its causes, too."""
    return Traced(failure.value, failure.type, failure.getTracebackObject())


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TRACEBACK:
        return text
    half = LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n… ({len(text) - 2 * half} characters are left out)\n{text[-half:]}"


def _leaves(error: BaseException, depth: int) -> Iterator[BaseException]:
    held = _held(error) if depth > 0 else []
    if not held:
        yield error
    for each in held:
        yield from _leaves(each, depth - 1)


def _hidden(error: BaseException, depth: int) -> Iterator[BaseException]:
    """What is held in wrappers that Python does not know, and so does not show."""
    for held in _held(error) if depth > 0 else []:
        if not isinstance(error, BaseExceptionGroup):
            yield held
        yield from _hidden(held, depth - 1)


def _held(error: BaseException) -> Sequence[BaseException]:
    """What a wrapper holds; nothing for an error of its own."""
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions
    held: Any = [error.subFailure] if isinstance(error, FirstError) else None
    if held is None:  # FailureGroup of Twisted's race(), ResponseFailed of its client
        held = getattr(error, "failures", None) or getattr(error, "reasons", None)
    if not isinstance(held, list | tuple):
        return []
    return [error_of(each) for each in held if isinstance(each, Failure)]
