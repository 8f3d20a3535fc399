"""An exception as its handler's author wants to read it: the author's own lines first, without what is around them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial

from twisted.python.failure import Failure

from relay.model.settings import Settings
from relay.model.text import printable
from relay.worker.causes import Traced, error_of, told, with_causes


class OwnFirst(Traced):
    """A failure whose traceback in the log has the author's lines alone."""

    own: Callable[[str], bool]

    def getTraceback(self, elideFrameworkCode: int = 0, detail: str = "default") -> str:
        """As `shown` shows it."""
        return printable(f"{shown(error_of(self), self.own)}\n")


def with_own(failure: Failure, own: Callable[[str], bool]) -> OwnFirst:
    """The same failure, whose traceback in a log has the frames in `own` files alone."""
    made = OwnFirst(failure.value, failure.type, failure.getTracebackObject())
    made.own = own
    return made


def shown(error: BaseException, own: Callable[[str], bool]) -> str:
    """The frames of an exception and of what it came from that are in the author's `own` files, then the exception in
    one line. All frames where none is."""
    made = traceback.TracebackException.from_exception(error, compact=True)
    if not _trim(made, own):
        return "".join(made.format()).rstrip()
    lines = "".join(made.format()).rstrip().splitlines()
    return "\n".join([*lines[:-1], told(error)] if error.__cause__ is None else lines)


def _trim(made: traceback.TracebackException, own: Callable[[str], bool]) -> bool:
    """Leave out the frames of others, in an exception and in its causes; whether any is left."""
    mine = [frame for frame in made.stack if own(frame.filename)]
    found = bool(mine)
    if mine:
        made.stack = traceback.StackSummary.from_list(mine)
    for cause in (made.__cause__, made.__context__, *(made.exceptions or ())):
        if cause is not None:
            found = _trim(cause, own) or found
    return found


def of_log(settings: Settings, own: Callable[[str], bool]) -> Callable[[Failure], Failure]:
    """How the log of a worker shows what handlers raise: with ``--reload`` to those who write them, else whole."""
    return partial(with_own, own=own) if settings.reload else with_causes
