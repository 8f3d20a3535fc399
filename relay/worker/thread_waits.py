"""What the threads of handlers wait for: Deferreds that are made in the reactor's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.worker.causes import with_causes
from relay.worker.coroutines import is_awaitable, run

#: has a function called in the reactor's thread, soon
FromThread = Callable[..., object]


class ThreadWaits:
    """Of one attempt; made in the reactor's thread."""

    _log = Logger()

    def __init__(self, from_thread: FromThread) -> None:
        self._from_thread = from_thread
        self._reactors = threading.get_ident()
        self._closed = False
        self._waiting: dict[Deferred[Any], list[Future[Any]]] = {}  # several threads may wait for one

    def wait(self, make: Callable[[], Any]) -> Any:
        """The result of a Deferred that is made in the reactor's thread; blocks the thread of the handler. Raises
        `RuntimeError` in the reactor's thread."""
        if threading.get_ident() == self._reactors:
            raise RuntimeError(
                "context.wait blocks, so it is for threads (@job(thread=True)); in the reactor's thread use await"
            )
        answer: Future[Any] = Future()
        self._from_thread(self._begin, make, answer)
        return answer.result()

    def _cancel_waiting(self) -> None:
        for waiting in list(self._waiting):
            try:
                waiting.cancel()
            except BaseException:
                self._log.failure(
                    "a call that a thread waits for could not be cancelled",
                    with_causes(Failure()),
                    LogLevel.error,
                )

    def _close_waits(self) -> None:
        """Nothing is waited for any more."""
        self._closed = True
        if self._waiting:
            self._cancel_waiting()
            for answers in self._waiting.values():  # of what can't be cancelled
                for answer in answers:
                    answer.set_exception(CancelledError("the job is over"))
            self._waiting.clear()

    def _begin(self, make: Callable[[], Any], answer: Future[Any]) -> None:
        if self._closed:
            answer.set_exception(CancelledError("the job is over"))
            return
        waiting = maybeDeferred(_made, make)
        answers = self._waiting.setdefault(waiting, [])
        answers.append(answer)
        if len(answers) == 1:
            waiting.addBoth(self._done, waiting)

    def _done(self, result: Any, waiting: Deferred[Any]) -> None:
        for answer in self._waiting.pop(waiting, ()):
            if isinstance(result, Failure):
                answer.set_exception(result.value)
            else:
                answer.set_result(result)


def _made(make: Callable[[], Any]) -> Any:
    """What is to be waited for, as a Deferred if it is not there yet."""
    made = make()
    return run(made) if is_awaitable(made) and not isinstance(made, Deferred) else made
