"""Jobs that a job submits: what its handler gets for each, and how it is submitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from twisted.internet.defer import Deferred

from relay.model.problems.base import JobError

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
Given = TypeVar("Given", covariant=True)  # the Context, which handlers may take first

LONGEST_KEY = 255  # characters
LONGEST_TIME = 366 * 86400.0  # seconds of a delay or a deadline
_OWN = frozenset({"type", "title", "status", "detail", "retryable", "source", "job", "retry_after", "self"})


class SubJob(Generic[Result]):
    """A job that another submitted. Await it for its result, as often as wanted; a `SubJobFailed` is raised if it did
    not succeed. It is done whether anybody awaits it or not."""

    __slots__ = ("_wait", "id", "name")

    def __init__(self, id: str, name: str, wait: Callable[[], Deferred[Result]]) -> None:
        #: as clients know it; final once the job is stored, since an earlier attempt may have submitted it already
        self.id = id
        self.name = name
        self._wait = wait

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} ({self.name})>"

    def deferred(self) -> Deferred[Result]:
        """Fires with the result, or fails as awaiting does. To cancel it is to wait no more: the job goes on."""
        return self._wait()

    def __await__(self) -> Generator[Deferred[Result], None, Result]:
        return self.deferred().__await__()


class SubJobFailed(JobError):
    """A sub-job did not succeed: its problem, which is the parent's as well if nobody catches this. `job` among its
    members is the sub-job's id. It is retryable if the sub-job's failure may be temporary."""

    slug = "sub-job-failed"

    def __init__(self, id: str, problem: Mapping[str, Any]) -> None:
        members = {name: value for name, value in problem.items() if name not in _OWN}
        super().__init__(
            str(problem.get("detail", "")),
            status=int(problem.get("status", 500)),
            type=str(problem.get("type", self.slug)).removeprefix("/problems/"),
            title=str(problem.get("title", "")),
            retryable=problem.get("retryable") is True,
            **members,
            job=id,
        )
        self.id = id


@dataclass(frozen=True, slots=True)
class SubmissionTerms:
    """How a sub-job is submitted, as `Context.submission` is told it. Raises `ValueError` for what can't be."""

    key: str = ""
    delay: float = 0.0  # seconds
    deadline: float = 0.0  # seconds, 0 for none
    detached: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or len(self.key) > LONGEST_KEY:
            raise ValueError(f"the key of a sub-job must be a text of at most {LONGEST_KEY} characters")
        for name, seconds in (("delay", self.delay), ("deadline", self.deadline)):
            if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_TIME):
                raise ValueError(
                    f"the {name} of a sub-job must be 0…{LONGEST_TIME:.0f} seconds, not {seconds}"
                )


class Submit(Protocol[Given]):
    """Submits a job: its handler, or its name, and then its arguments. A handler that takes the `Context` takes it
    first, and is not given one here."""

    @overload
    def __call__(self, handler: str, /, **arguments: Any) -> SubJob[Any]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Given, Parameters], Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Given, Parameters], Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Given, Parameters], Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> SubJob[Result]: ...
