"""What can go wrong between a handler and an API, each with its problem type."""

from __future__ import annotations

from typing import Any

from relay.model.problems.base import LONGEST_RETRY_AFTER
from relay.model.problems.request import JobError

_CLIENTS = "Look at the URL that was sent."
_OPERATORS = "Tell the operator; sending the same again gives the same."
_LATER = "It may pass: send the same again later, under a new key."

#: type → status, whether another attempt may help, title, what ``/problems/{type}`` says
PROBLEMS: dict[str, tuple[int, bool, str, str]] = {
    "bad-url": (
        422,
        False,
        "The URL can't be used",
        f"It is none, is not http or https, or has a user in it. {_CLIENTS}",
    ),
    "private-address": (
        *(403, False, "The address is private"),
        f"The job may call public addresses only, and the URL leads to another. {_CLIENTS}",
    ),
    "upstream-unknown-host": (
        *(502, False, "The API's host is not known"),
        f"Its name could not be resolved. {_CLIENTS}",
    ),
    "upstream-unreachable": (502, True, "The API can't be reached", f"No connection could be made. {_LATER}"),
    "upstream-tls": (
        *(502, False, "The API's certificate can't be trusted"),
        f"It has expired, is of another name, or nobody vouches for it. {_OPERATORS}",
    ),
    "upstream-timeout": (
        *(504, True, "The API took too long"),
        f"It stopped in the middle, or was not done when the job's time was over; `phase` says where. {_LATER}",
    ),
    "upstream-cut": (
        502,
        True,
        "The API broke off its answer",
        f"The connection closed before its end. {_LATER}",
    ),
    "upstream-malformed": (502, True, "The API's answer is not HTTP", _LATER),
    "upstream-encoding": (502, False, "The API's answer can't be decompressed", _OPERATORS),
    "upstream-too-large": (
        502,
        False,
        "The API's answer is too large",
        "It has more than the job wants to read, or a head without end.",
    ),
    "upstream-redirects": (502, False, "The API redirects in circles, or to nowhere", _CLIENTS),
    "upstream-unavailable": (
        *(503, True, "The API has been failing"),
        f"Ten calls in a row have failed, so it is left alone for a while. {_LATER}",
    ),
    "upstream-limited": (
        *(503, True, "The API limits its callers"),
        f"Nobody is let through for longer than the job has; `detail` says how long. {_LATER}",
    ),
}


class UpstreamError(JobError):
    """A call to an API failed in one of the ways of `PROBLEMS`; fails the job with it unless it is caught."""

    def __init__(self, type: str, detail: str = "", **members: Any) -> None:
        status, retryable, title, _ = PROBLEMS[type]
        super().__init__(detail, status=status, type=type, title=title, retryable=retryable, **members)


class UpstreamLimited(UpstreamError):
    """The API, or a limit that was declared for it, lets nobody through for longer than the job has. Trying again
    uses up no attempt."""

    free = True

    def __init__(self, wait: float) -> None:
        later = min(max(0.0, wait), LONGEST_RETRY_AFTER)  # an API may name any time
        super().__init__("upstream-limited", f"nobody is let through for {wait:.0f} s", retry_after=later)
