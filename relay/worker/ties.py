"""A running handler's links to its worker: client, progress, checkpoints and cancellation, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.finished import Finished
from relay.worker.aside import Aside
from relay.worker.causes import with_causes
from relay.worker.checkpoints import written

if TYPE_CHECKING:
    from relay.outbound import Http

Result = TypeVar("Result")
#: has a function called in the reactor's thread, soon
FromThread = Callable[..., object]
_handing = threading.Lock()  # for what one thread leaves and another takes


class Ties:
    """Of one attempt; made in the reactor's thread. `open_http` makes the attempt's client when it is first asked for,
    `aside` what it has going on beside its handler; `tell` is given what is said of its progress, `keep` the JSON of
    its checkpoints, always in the reactor's thread."""

    _log = Logger()

    def __init__(
        self,
        from_thread: FromThread,
        open_http: Callable[[], Http],
        tell: Callable[[float, str], None],
        keep: Callable[[str], Deferred[None]],
        resumes: bool = False,
        *,
        aside: Callable[[], Aside],
    ) -> None:
        #: why the attempt was stopped; "" as long as it was not
        self.stopped = ""
        #: whether the job has a checkpoint
        self.resumes = resumes
        self._from_thread = from_thread
        self._open_http = open_http
        self._tell = tell
        self._keep = keep
        self._reactors = threading.get_ident()
        self._http: Http | None = None
        self._open_aside = aside
        self._aside: Aside | None = None
        self._closed = False
        self._waiting: dict[Deferred[Any], Future[Any]] = {}
        self._said: tuple[float, str] | None = None  # by another thread, and not taken up yet

    # -- for the handler --

    @property
    def http(self) -> Http:
        """The HTTP client of this attempt."""
        self._check_thread("http", "http.get(url)")
        if self._http is None:
            self._http = self._open_http()
            if self._closed:
                self._http.close()
        return self._http

    def progress(self, fraction: float, message: str) -> None:
        """Report how far the job is."""
        if threading.get_ident() == self._reactors:
            self._take(fraction, message)
            return
        with _handing:
            first, self._said = self._said is None, (fraction, message)
        if first:  # what is said before it is taken up only takes the place of what was said
            self._from_thread(self._take_up)

    def checkpoint(self, value: Any) -> Deferred[None]:
        """Keep what the next attempt goes on from."""
        said = written(value)
        if threading.get_ident() == self._reactors:
            return self._leave(said)
        self.wait(lambda: self._leave(said))
        return succeed(None)

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

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds."""
        return self._beside("sleep").sleep(seconds)

    def thread(self, function: Callable[[], Result]) -> Deferred[Result]:
        """Call a function in a thread."""
        return self._beside("thread").thread(function)

    def process(
        self, command: Sequence[Any], given: bytes, environment: Mapping[str, str] | None, most: int
    ) -> Deferred[Finished]:
        """Run a program."""
        return self._beside("process").process(command, given, environment, most)

    def _beside(self, name: str) -> Aside:
        self._check_thread(name, f"{name}(…)")
        if self._aside is None:
            self._aside = self._open_aside()
            if self._closed:
                self._aside.close()
        return self._aside

    def _check_thread(self, name: str, call: str) -> None:
        if threading.get_ident() != self._reactors:
            raise RuntimeError(
                f"context.{name} is for the reactor's thread; "
                f"in another thread call context.wait(lambda: context.{call})"
            )

    # -- for the attempt --

    def cancel(self, why: str) -> None:
        """The attempt is stopped: a thread can see that, and the calls that it waits for are cancelled."""
        self.stopped = why
        self._cancel_waiting()

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

    def close(self) -> None:
        """The attempt has its end: its connections are closed, its progress is of no interest, nothing is waited
        for any more."""
        self._closed = True
        if self._waiting:
            self._cancel_waiting()
            for answer in self._waiting.values():  # of what can't be cancelled
                answer.set_exception(CancelledError("the job is over"))
            self._waiting.clear()
        if self._aside is not None:
            self._aside.close()
        if self._http is not None:
            self._http.close()

    # -- in the reactor's thread --

    def _take_up(self) -> None:
        with _handing:
            said, self._said = self._said, None
        if said is not None:
            self._take(*said)

    def _take(self, fraction: float, message: str) -> None:
        if not self._closed:
            self._tell(fraction, message)

    def _leave(self, said: str) -> Deferred[None]:
        if self._closed:
            raise CancelledError("the job is over")
        self.resumes = True
        return self._keep(said)

    def _begin(self, make: Callable[[], Any], answer: Future[Any]) -> None:
        if self._closed:
            answer.set_exception(CancelledError("the job is over"))
            return
        waiting = maybeDeferred(make)
        self._waiting[waiting] = answer
        waiting.addBoth(self._done, waiting)

    def _done(self, result: Any, waiting: Deferred[Any]) -> None:
        answer = self._waiting.pop(waiting, None)
        if answer is None:
            return
        if isinstance(result, Failure):
            answer.set_exception(result.value)
        else:
            answer.set_result(result)
