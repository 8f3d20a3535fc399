"""What one attempt puts out, from whichever thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from relay.worker.thread_waits import FromThread

EACH = 64  # bytes that a piece counts beside its JSON: many small ones take up more than a few large ones
MOST_AHEAD = 256 << 10  # characters, counted so, that threads put out until one of them waits for the store


class Emitter:
    """Numbers the pieces of an attempt: 1, 2, 3, … `put_out` is given each, in the reactor's thread, and says when the
    store has it; `wait` blocks a thread, as `Ties.wait` does."""

    def __init__(
        self,
        put_out: Callable[[int, str], Deferred[None]],
        from_thread: FromThread,
        wait: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._put_out = put_out
        self._from_thread = from_thread
        self._wait = wait
        self._number = 0  # of the last one
        self._closed = False
        self._handing = threading.Lock()
        self._handed: list[str] = []  # by threads, and not taken up yet
        self._ahead = 0  # characters, and `EACH`, that were handed over, and that the store does not have
        self._last: Deferred[None] = succeed(None)  # of what was handed over
        self._error: BaseException | None = None  # why something of that was not stored

    def emit(self, said: str) -> Deferred[None]:
        """Put out a piece, as JSON; in the reactor's thread."""
        self._take_up()
        return self._emit(said)

    def hand_over(self, said: str) -> Deferred[None]:
        """The same in another thread, which goes on at once, or waits where much was put out. What went wrong with a
        piece before is raised here."""
        with self._handing:
            self._handed.append(said)
            is_first, self._ahead = len(self._handed) == 1, self._ahead + len(said) + EACH
            waits = self._ahead >= MOST_AHEAD
        if waits:  # as do all threads that come meanwhile
            self._wait(self._stored)
        elif is_first:
            self._from_thread(self._take_up)
        error, self._error = self._error, None
        if error is not None or self._closed:
            raise error or CancelledError("the job is over")
        return succeed(None)

    def close(self) -> None:
        """The attempt has its end."""
        self._closed = True

    # -- in the reactor's thread --

    def _emit(self, said: str) -> Deferred[None]:
        if self._closed:
            raise CancelledError("the job is over")
        told = self._put_out(self._number + 1, said)
        self._number += 1
        return told

    def _take_up(self) -> None:
        with self._handing:
            handed, self._handed = self._handed, []
        for said in handed:
            try:
                self._last = self._emit(said).addErrback(self._failed)
            except Exception as error:
                self._error = error
        if handed:
            self._last.addCallback(self._have_gone, sum(map(len, handed)) + len(handed) * EACH)

    def _have_gone(self, _: None, size: int) -> None:
        """So much is stored, or lost: threads may go on."""
        with self._handing:
            self._ahead -= size

    def _stored(self) -> Deferred[None]:
        """Fires when the store has all that was handed over."""
        self._take_up()
        return self._last

    def _failed(self, failure: Failure) -> None:
        self._error = failure.value
