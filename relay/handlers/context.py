"""What a running handler knows of its job, and can do."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from twisted.logger import Logger

from relay.handlers.sub_job import SubJob, SubmissionTerms, Submit

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from relay.handlers.finished import Finished
    from relay.outbound import Http

Result = TypeVar("Result")
Given = ParamSpec("Given")


MAX_BYTES = 16 << 20  # of what a program writes, unless the call says otherwise


class Attached(Protocol):
    """What a worker does for the handlers that it runs."""

    stopped: str

    @property
    def http(self) -> Http: ...

    def progress(self, fraction: float, message: str) -> None: ...

    def checkpoint(self, value: Any) -> Deferred[None]: ...

    def emit(self, data: Any) -> Deferred[None]: ...

    def wait(self, make: Callable[[], Any]) -> Any: ...

    def sleep(self, seconds: float) -> Deferred[None]: ...

    def thread(self, function: Callable[[], Result]) -> Deferred[Result]: ...

    def process(
        self, command: Sequence[Any], given: bytes, environment: Mapping[str, str] | None, most: int
    ) -> Deferred[Finished]: ...

    def submission(self, terms: SubmissionTerms) -> Submit[Context]: ...

    def gather(self, sub_jobs: Sequence[SubJob[Any]], return_exceptions: bool) -> Deferred[list[Any]]: ...

    def step(self, name: str, function: Callable[[], Any]) -> Deferred[Any]: ...


_ORDINARY = SubmissionTerms()


@dataclass(frozen=True, slots=True)
class Context:
    """Passed to a handler that has a parameter annotated with this class. All of it except `http` can be used in any
    thread."""

    job_id: str
    attempt: int
    """1 for the first time that the job is tried."""
    starts: int
    """1 for the first time that the job is started. It counts every start, those included that are not counted as
    attempts: the worker was stopped and gave the job back, another job blocked it for good, or a limit put it off."""
    deadline: float
    """When the job will be stopped: seconds since the epoch, by the clock of the worker's machine."""
    idempotency_key: str
    """The same for every attempt of this job, and no other's: for calls that must not be made twice."""
    trace: str
    """The submission's ``traceparent``; "" without one. Calls through `http` carry it on."""
    last: Any
    """What the last `checkpoint` of an earlier attempt said; None before the first."""
    settings: Mapping[str, str]
    """What the operator set for handlers, with ``--set NAME=VALUE``."""
    scheduled: datetime | None
    """The time at which its schedule fired the job, in the schedule's time zone; None for a job that was submitted."""
    log: Logger
    """Its lines carry the job's name and id."""
    _attached: Attached

    @property
    def http(self) -> Http:
        """A treq client: pooled, with timeouts out of the job's time and retries, and without access to private
        addresses. It belongs to the reactor's thread and raises `RuntimeError` in another thread: use `wait` there."""
        return self._attached.http

    @property
    def cancelled(self) -> bool:
        """Whether the job was stopped: by its timeout, a deadline, a client, or because its worker stops. For threads,
        which have to look for themselves."""
        return bool(self._attached.stopped)

    @property
    def stopped(self) -> str:
        """Why the job was stopped: ``timeout`` (its time was over), ``expired`` (its deadline passed), ``cancelled``,
        or ``drain`` (it was given back because its worker stops, or another worker has it, and it goes on there). "" if
        it was not stopped. What the handler has started elsewhere is of use after ``drain`` only."""
        return self._attached.stopped

    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the job is: `fraction` from 0 to 1, and a message for people. Never fails: a fraction below 0
        or above 1 counts as 0 or 1, a fraction that is not a number is ignored, and the message is cut after 500
        characters.
        """
        self._attached.progress(fraction, message)

    def checkpoint(self, value: Any) -> Deferred[None]:
        """Store what another attempt needs to go on from here. It finds the last value in `last`, whatever ended this
        attempt. Fires when the store has the value: wait for that before you start what must not be started twice. In
        another thread it blocks until then.

        `value`: anything that can be returned as a result, with at most 64 KiB of JSON, else `ValueError`. A `once` job
        that has a checkpoint may be started again. Raises `CancelledError` after the job has ended.
        """
        return self._attached.checkpoint(value)

    def emit(self, data: Any) -> Deferred[None]:
        """Put out a piece of what the job produces, for those who listen: they get all pieces, in this order. Fires
        when the store has the piece, about a hundredth of a second later. Await it to be no faster than the store; what
        is not awaited is sent all the same, before the job ends. In another thread the call goes on at once, and waits
        for the store where it is far ahead.

        `data`: anything that can be returned as a result, with at most 64 KiB of JSON, else `ValueError`. The newest
        10,000 pieces of a job, and 1 MiB of them, are kept as long as its outcome. Raises `EmittedTooFast` while 4 MiB
        wait for the store, `CancelledError` after the job has ended. Fails with `StoreFull` if the store had no memory
        for the piece in ten seconds; those who listen are told that something is missing.
        """
        return self._attached.emit(data)

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds; in a thread ``context.wait(lambda: context.sleep(5))``."""
        return self._attached.sleep(seconds)

    def thread(
        self, function: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Deferred[Result]:
        """Call a function that blocks in one of the worker's threads; fires with what it returns. It sees the context
        variables of its caller. A thread can't be stopped: what it does after the job's end is of no use."""
        return self._attached.thread(partial(function, *args, **kwargs))

    def process(
        self,
        *command: str | bytes | os.PathLike[str],
        input: bytes = b"",
        environment: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Deferred[Finished]:
        """Run a program: its name or path, and its arguments. Fires when it has ended, whatever its exit status.

        `input`: what it reads · `environment`: all of its variables; by default those of the worker without
        ``RELAY_…`` · `max_bytes`: what it may write altogether; after more it is killed, and the Deferred fails with
        `OutputTooLarge`; 0 for any number. It ends, with all that it has started in its group of processes, when the
        job is stopped or the worker ends: by SIGTERM, two seconds later by SIGKILL. Fails with `FileNotFoundError`,
        `OSError`.
        """
        return self._attached.process(command, input, environment, max_bytes)

    @property
    def submit(self) -> Submit[Context]:
        """Submit another job, and await it for its result, or leave it::

            small = await context.submit(resize, url=url, width=100)

        The job is given by its handler, a function with ``@job`` of this worker's modules, or by its name. Its
        arguments are checked at once (`BadArguments`). It has the owner and the caller of this one, goes before new
        jobs, and is cancelled when this one ends otherwise than well. Another attempt of this job finds it again.
        While this job awaits others, it takes up no place of its worker. For the reactor's thread: use `wait` in
        another.
        """
        return self._attached.submission(_ORDINARY)

    def submission(
        self, key: str = "", delay: float = 0.0, deadline: float = 0.0, detached: bool = False
    ) -> Submit[Context]:
        """A `submit` for a job with a `key` of its own, by which another attempt finds it, whatever its arguments; a
        `delay` or a `deadline` in seconds from now; or one that is `detached`: it goes on however this one ends."""
        return self._attached.submission(SubmissionTerms(key, delay, deadline, detached))

    @overload
    def gather(self, *sub_jobs: SubJob[Result]) -> Deferred[list[Result]]: ...

    @overload
    def gather(
        self, *sub_jobs: SubJob[Result], return_exceptions: bool
    ) -> Deferred[list[Result | BaseException]]: ...

    def gather(self, *sub_jobs: SubJob[Any], return_exceptions: bool = False) -> Deferred[list[Any]]:
        """The results of several sub-jobs, in their order. Fails as soon as one of them does, and the others go on;
        with `return_exceptions` it waits for all, and exceptions stand among the results."""
        return self._attached.gather(sub_jobs, return_exceptions)

    @overload
    def step(self, name: str, function: Callable[[], Awaitable[Result]]) -> Deferred[Result]: ...

    @overload
    def step(self, name: str, function: Callable[[], Result]) -> Deferred[Result]: ...

    def step(self, name: str, function: Callable[[], Any]) -> Deferred[Any]:
        """Call `function`, plain, ``async`` or with a Deferred, unless an earlier attempt of this job has done so and
        stored what it returned. Fires with that result, as JSON gives it back, once it is stored. A result may have 64
        KiB of JSON, all of a job 256 KiB, else `StepTooLarge`. The `name` is the step's own within the job, else
        `ValueError`. A `once` job that has done a step may be started again. For the reactor's thread: use `wait` in
        another."""
        return self._attached.step(name, function)

    @overload
    def wait(self, make: Callable[[], SubJob[Result]]) -> Result: ...

    @overload
    def wait(self, make: Callable[[], Deferred[Result]]) -> Result: ...

    @overload
    def wait(self, make: Callable[[], Awaitable[Result]]) -> Result: ...

    def wait(self, make: Callable[[], Any]) -> Any:
        """For handlers in threads: call `make` in the reactor's thread, block until the Deferred or coroutine that it
        returns has a result, and return or raise that::

            response = context.wait(lambda: context.http.get(url))
            text = context.wait(response.text)

        Raises `CancelledError` (of twisted.internet.defer) if the job is stopped meanwhile. Raises it at once from a
        second after the stop, or from the job's end. Raises `RuntimeError` in the reactor's thread, where handlers
        await.
        """
        return self._attached.wait(make)
