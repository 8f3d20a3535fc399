"""A Deferred whose failure nobody has to hear."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


class Quiet(Deferred[Result]):
    """Like another, but a failure that nobody has heard is not logged when it is let go of."""

    def __del__(self) -> None:
        if self.called and isinstance(getattr(self, "result", None), Failure):
            self.addErrback(lambda _: None)
