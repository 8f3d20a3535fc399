"""What a running handler is told about its job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from twisted.logger import Logger

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from relay.outbound import Http

Result = TypeVar("Result")


class Attached(Protocol):
    """What a worker does for the handlers that it runs."""

    stopped: str

    @property
    def http(self) -> Http: ...

    def progress(self, fraction: float, message: str) -> None: ...

    def checkpoint(self, value: Any) -> Deferred[None]: ...

    def wait(self, make: Callable[[], Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Given to a handler that has a parameter annotated with this class. All of it but `http` can be used in any
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
    log: Logger
    """Its lines carry the job's name and id."""
    _attached: Attached

    @property
    def http(self) -> Http:
        """A treq client: pooled, with timeouts out of the job's time, retries, and kept from private addresses. It
        belongs to the reactor's thread: in another it raises `RuntimeError`, and `wait` is the way to use it."""
        return self._attached.http

    @property
    def cancelled(self) -> bool:
        """Whether the job was stopped: by its timeout, a deadline, a client, or as its worker ends. For threads, which
        have to see for themselves."""
        return bool(self._attached.stopped)

    @property
    def stopped(self) -> str:
        """Why the job was stopped: ``timeout`` (its time was over), ``expired`` (its deadline passed), ``cancelled``,
        or ``drain``: it is given back, as its worker ends, or was taken by another, and goes on there. "" as long as it
        was not stopped. What the handler has begun elsewhere is of use after ``drain`` only."""
        return self._attached.stopped

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the job is: `fraction` from 0 to 1, and a word for the people who look. Never fails: what is
        beyond 0 or 1 is taken as that, what is not a number as nothing, and of the message 500 characters are kept.
        """
        self._attached.progress(fraction, message)

    def checkpoint(self, value: Any) -> Deferred[None]:
        """Keep what another attempt needs to go on from here: it finds the last such value in `last`, whatever ended
        this one. Fires when the store has it: wait for that before you begin what must not be begun twice. In another
        thread it blocks until then.

        `value`: whatever can be returned as a result, of 64 KiB of JSON at most, else `ValueError`. A job that is
        declared `once` and has a checkpoint may be started again. Raises `CancelledError` once the job is over.
        """
        return self._attached.checkpoint(value)

    @overload
    def wait(self, make: Callable[[], Deferred[Result]]) -> Result: ...

    @overload
    def wait(self, make: Callable[[], Awaitable[Result]]) -> Result: ...

    def wait(self, make: Callable[[], Any]) -> Any:
        """For handlers in threads: call `make` in the reactor's thread, and block until the Deferred or coroutine that
        it returns has its result, which is returned, or raised::

            response = context.wait(lambda: context.http.get(url))
            text = context.wait(response.text)

        Raises `CancelledError` (of twisted.internet.defer) when the job is stopped meanwhile, and always from a second
        after that on, or from the job's end; `RuntimeError` in the reactor's thread, where handlers await.
        """
        return self._attached.wait(make)
