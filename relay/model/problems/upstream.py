"""What can go wrong between a handler and an API: a problem type for each."""

from __future__ import annotations

from typing import Any

from relay.model.problems.base import LONGEST_RETRY_AFTER, JobError

_CLIENTS = "Check the URL that was sent."
_OPERATORS = "Tell the operator: sending the same request again gives the same result."
_LATER = "This may be temporary: submit the job again later, with a new key."

#: type → status, whether another attempt may help, title, what ``/problems/{type}`` says
PROBLEMS: dict[str, tuple[int, bool, str, str]] = {
    "bad-url": (
        422,
        False,
        "The URL can't be used",
        f"The URL is malformed, is not http or https, or contains a user name. {_CLIENTS}",
    ),
    "private-address": (
        *(403, False, "The address is private"),
        f"The job may call public addresses only, and the URL leads to a private one. {_CLIENTS}",
    ),
    "upstream-unknown-host": (
        *(502, False, "The API's host is unknown"),
        f"The host name could not be resolved. {_CLIENTS}",
    ),
    "upstream-unreachable": (
        502,
        True,
        "The API can't be reached",
        f"relay could not connect to the API. {_LATER}",
    ),
    "upstream-tls": (
        *(502, False, "The API's certificate can't be trusted"),
        f"The certificate has expired, names another host, or has no trusted issuer. {_OPERATORS}",
    ),
    "upstream-timeout": (
        *(504, True, "The API took too long"),
        f"The API stalled, or did not finish within the job's time. `phase` says where. {_LATER}",
    ),
    "upstream-cut": (
        502,
        True,
        "The API cut off its answer",
        f"The API closed the connection before the end of its answer. {_LATER}",
    ),
    "upstream-malformed": (502, True, "The API's answer is not HTTP", _LATER),
    "upstream-encoding": (502, False, "The API's answer can't be decompressed", _OPERATORS),
    "upstream-too-large": (
        502,
        False,
        "The API's answer is too large",
        "The body is larger than the job reads, or the head is too large.",
    ),
    "upstream-redirects": (
        *(502, False, "The API's redirect can't be followed"),
        f"The API redirects in a circle, to no usable address, or a call that must not be sent twice. {_CLIENTS}",
    ),
    "upstream-unavailable": (
        *(503, True, "The API has been failing"),
        f"Ten calls in a row have failed, so relay does not call the API for a while. {_LATER}",
    ),
    "upstream-limited": (
        *(503, True, "The API limits its callers"),
        f"The API allows no call within the job's time. `detail` says for how long. {_LATER}",
    ),
}


class UpstreamError(JobError):
    """A call to an API failed in one of the ways in `PROBLEMS`. The job fails with it unless its handler catches it."""

    def __init__(self, type: str, detail: str = "", **members: Any) -> None:
        status, retryable, title, _ = PROBLEMS[type]
        super().__init__(detail, status=status, type=type, title=title, retryable=retryable, **members)


class UpstreamLimited(UpstreamError):
    """The API, or a limit that is declared for it, allows no call within the job's time. The retry does not count as an
    attempt."""

    uncounted = True

    def __init__(self, wait: float) -> None:
        later = min(max(0.0, wait), LONGEST_RETRY_AFTER)  # an API may name any time
        super().__init__("upstream-limited", f"no call is allowed for {wait:.0f} s", retry_after=later)
