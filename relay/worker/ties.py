"""A running handler's links to its worker: client, progress, checkpoints and cancellation, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from twisted.internet.defer import CancelledError, Deferred, succeed

from relay.handlers.finished import Finished
from relay.handlers.sub_job import SubJob, SubmissionTerms, Submit
from relay.worker.aside import Aside
from relay.worker.checkpoints import written
from relay.worker.emitter import Emitter
from relay.worker.job_steps import JobSteps
from relay.worker.notes import Notes
from relay.worker.pending import gathered
from relay.worker.sub_jobs import SubJobs
from relay.worker.thread_waits import FromThread, ThreadWaits

if TYPE_CHECKING:
    from relay.outbound import Http

Result = TypeVar("Result")
_handing = threading.Lock()  # for what one thread leaves and another takes


class Hearers(NamedTuple):
    """Whom an attempt tells, always in the reactor's thread: `progress` how far it is, `keep` the notes for its next
    attempt, `emit` what it puts out, with its number."""

    progress: Callable[[float, str], None]
    keep: Callable[[str], Deferred[None]]
    emit: Callable[[int, str], Deferred[None]]


class Ties(ThreadWaits):
    """Of one attempt; made in the reactor's thread. `open_http` makes the attempt's client when it is first asked for.
    `notes` are those of earlier ones; `make_sub_jobs` is called when the first one is submitted, `aside` when something
    is to go on beside the handler."""

    def __init__(
        self,
        from_thread: FromThread,
        open_http: Callable[[], Http],
        told: Hearers,
        notes: Notes | None = None,
        make_sub_jobs: Callable[[], SubJobs] | None = None,
        *,
        aside: Callable[[], Aside],
    ) -> None:
        super().__init__(from_thread)
        #: why the attempt was stopped; "" as long as it was not
        self.stopped = ""
        #: whether the job has a checkpoint
        self.resumes = notes is not None and bool(notes.written())
        self._open_http = open_http
        self._told = told
        self._notes = notes or Notes()
        self._steps: JobSteps | None = None
        self._make_sub_jobs = make_sub_jobs
        self._sub_jobs: SubJobs | None = None
        self._http: Http | None = None
        self._open_aside = aside
        self._aside: Aside | None = None
        self._emitter: Emitter | None = None
        self._said: tuple[float, str] | None = None  # by another thread, and not taken up yet

    # -- for the handler --

    @property
    def http(self) -> Http:
        """The HTTP client of this attempt."""
        self._check_thread("http.get(url)")
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

    def emit(self, data: Any) -> Deferred[None]:
        """Put out a piece of the result."""
        if self._emitter is None:
            with _handing:
                self._emitter = self._emitter or Emitter(self._told.emit, self._from_thread, self.wait)
                if self._closed:
                    self._emitter.close()
        is_here = threading.get_ident() == self._reactors
        return (self._emitter.emit if is_here else self._emitter.hand_over)(written(data, "a piece"))

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
        self._check_thread(f"{name}(…)")
        if self._aside is None:
            self._aside = self._open_aside()
            if self._closed:
                self._aside.close()
        return self._aside

    def submission(self, terms: SubmissionTerms) -> Submit[Any]:
        """What submits jobs on these terms."""

        def submit(handler: Any, /, *given: Any, **named: Any) -> SubJob[Any]:
            self._check_thread("submit(…)")
            if self._sub_jobs is None:
                assert self._make_sub_jobs is not None
                self._sub_jobs = self._make_sub_jobs()
                if self._closed:
                    self._sub_jobs.close()
            return self._sub_jobs.submit(terms, handler, given, named)

        return submit

    def gather(self, sub_jobs: Sequence[SubJob[Any]], return_exceptions: bool) -> Deferred[list[Any]]:
        """The results of several sub-jobs."""
        self._check_thread("gather(…)")
        return gathered(sub_jobs, return_exceptions)

    def step(self, name: str, function: Callable[[], Any]) -> Deferred[Any]:
        """The result of a step, which is done if no attempt before has done it."""
        self._check_thread("step(…)")
        if self._steps is None:
            self._steps = JobSteps(self._notes, self._keep_notes)
        return self._steps.run(name, function)

    def _check_thread(self, call: str) -> None:
        if threading.get_ident() != self._reactors:
            raise RuntimeError(
                f"context.{call} is for the reactor's thread; in another thread call "
                f"context.wait(lambda: context.{call})"
            )

    # -- for the attempt --

    def unstored(self) -> Deferred[None] | None:
        """Fires when the store has all sub-jobs; None if it has (see `SubJobs.unstored`)."""
        return None if self._sub_jobs is None else self._sub_jobs.unstored()

    def cancel(self, why: str) -> None:
        """The attempt is stopped: a thread can see that, and the calls that it waits for are cancelled."""
        self.stopped = why
        self._cancel_waiting()

    def close(self) -> None:
        """The attempt has its end: its connections are closed, its progress is of no interest, nothing is waited
        for any more."""
        self._closed = True
        if self._sub_jobs is not None:
            self._sub_jobs.close()
        self._close_waits()
        for each in (self._steps, self._aside, self._http, self._emitter):
            if each is not None:
                each.close()

    # -- in the reactor's thread --

    def _take_up(self) -> None:
        with _handing:
            said, self._said = self._said, None
        if said is not None:
            self._take(*said)

    def _take(self, fraction: float, message: str) -> None:
        if not self._closed:
            self._told.progress(fraction, message)

    def _leave(self, said: str) -> Deferred[None]:
        self._notes.checkpoint(said)
        return self._keep_notes()

    def _keep_notes(self) -> Deferred[None]:
        if self._closed:
            raise CancelledError("the job is over")
        self.resumes = True
        return self._told.keep(self._notes.written())
