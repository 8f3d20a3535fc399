"""Errors as problems (RFC 9457): the base class of relay's errors, and the error that handlers raise."""

from __future__ import annotations

import math
from typing import Any, ClassVar

LONGEST_RETRY_AFTER = 30 * 86_400  # seconds
LONGEST_TYPE = 500  # characters


class RelayError(Exception):
    """Something went wrong."""

    status: int = 500
    slug: ClassVar[str] = "internal-error"
    title: str = "Internal error"
    #: seconds for ``Retry-After``; 0 if a retry does not help
    retry_after: ClassVar[int] = 0
    #: header lines of its own that the answer has, each with its line break
    head: str = ""

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members

    def problem(self, prefix: str = "") -> dict[str, Any]:
        """The members of ``application/problem+json``."""
        shown = {"type": f"{prefix}/problems/{self.slug}", "title": self.title, "status": self.status}
        if self.detail:
            shown["detail"] = self.detail
        return {**shown, **self.members}


class JobError(RelayError):
    """Raised by a handler: the job fails with this problem.

    `detail`: a text, or an exception, whose text is used · `status` (400…599): the status that a waiting client
    gets · `type`: a slug of the handler's own (shown under ``/problems/``) or a whole URI · `retryable`: another
    attempt may succeed, after `retry_after` seconds (at most 30 days) at the earliest · further members are shown
    unchanged::

        raise JobError(status=402, type="card-declined", title="The card was declined", decline_code="expired")

    A subclass may have a `slug`, a `title` and a `status` of its own, which are then those of its problem. Where a job
    declares it (``@job(problems=…)``), its docstring is what ``/problems/{slug}`` says.

    Raises `TypeError` or `ValueError` for an argument that can't be used; the message names it.
    """

    slug: ClassVar[str] = "job-failed"
    #: whether the attempt does not count when the job is retried, because the job is not to blame
    uncounted: ClassVar[bool] = False
    #: whether nothing was done: the job is retried a few times even if it declares no retries, and if it fails in the
    #: end, the submission's key counts as unused
    undone: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | BaseException = "",
        *,
        status: int | None = None,
        type: str | None = None,
        title: str = "",
        retryable: bool = False,
        retry_after: float = 0,
        **members: Any,
    ) -> None:
        detail = text_of(detail) if isinstance(detail, BaseException) else detail
        status = self.status if status is None else status
        if type is None:
            type, title = self.slug, title or ("" if self.title == RelayError.title else self.title)
        for name, value in (("detail", detail), ("type", type), ("title", title)):
            _check(name, value, isinstance(value, str), "text")
        _check("retryable", retryable, isinstance(retryable, bool), "True or False")
        _check_status(status)
        _check_type(type)
        check_pause(retry_after)
        super().__init__(detail, **members)
        self.status = self.job_status = int(status)
        self.type = type
        self.title = self.job_title = title or type.replace("-", " ").capitalize()
        self.retryable = retryable
        self.pause = retry_after

    def pause_instead_of(self, usual: float) -> float:
        """Seconds until the next attempt, where it would follow after `usual` seconds."""
        return max(usual, self.pause)

    def problem(self, prefix: str = "") -> dict[str, Any]:
        """The members of the problem; a `type` that is a whole URI is left unchanged."""
        kind = self.type if ":" in self.type else f"{prefix}/problems/{self.type}"
        own = {"type": kind, "title": self.job_title, "status": self.job_status}
        return {**super().problem(prefix), **own, "retryable": self.retryable}


def text_of(error: BaseException) -> str:
    """An exception's text, or the name of its class if it has none; never raises."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def _check(name: str, value: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise TypeError(
            f"the {name} of a JobError must be {wanted}, not a value of type {type(value).__name__}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_status(status: int) -> None:
    _check("status", status, isinstance(status, int) and _is_number(status), "a whole number")
    if not 400 <= status <= 599:
        raise ValueError(f"the status of a JobError must be 400…599, not {status}")


def _check_type(type: str) -> None:
    if not type or len(type) > LONGEST_TYPE or not type.isprintable() or " " in type:
        raise ValueError(
            f"the type of a JobError must be a slug or a URI of at most {LONGEST_TYPE} printable characters "
            f"without spaces, not {type[:LONGEST_TYPE]!r}"
        )


def check_pause(seconds: float, name: str = "retry_after", of: str = "JobError") -> None:
    """Raises `TypeError` or `ValueError` for what is not a number of seconds that a job can be put off for."""
    if not _is_number(seconds):
        kind = type(seconds).__name__
        raise TypeError(f"the {name} of a {of} must be a number of seconds, not a value of type {kind}")
    if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_RETRY_AFTER):
        raise ValueError(
            f"the {name} of a {of} must be 0…{LONGEST_RETRY_AFTER} seconds (30 days), not {seconds}"
        )
