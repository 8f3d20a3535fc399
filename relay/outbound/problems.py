"""What can go wrong between a handler and an API, each with its problem type."""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error as TLSError
from service_identity import VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError, TimeoutError
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.error import InfiniteRedirection, PageRedirect, RedirectWithNoLocation, SchemeNotSupported

from relay.errors import JobError

#: type → status, whether another attempt may help, title
PROBLEMS: dict[str, tuple[int, bool, str]] = {
    "bad-url": (422, False, "The URL can't be used"),
    "private-address": (403, False, "The address is private"),
    "upstream-unknown-host": (502, False, "The API's host is not known"),
    "upstream-unreachable": (502, True, "The API can't be reached"),
    "upstream-tls": (502, False, "The API's certificate can't be trusted"),
    "upstream-timeout": (504, True, "The API took too long"),
    "upstream-cut": (502, True, "The API broke off its answer"),
    "upstream-malformed": (502, True, "The API's answer is not HTTP"),
    "upstream-encoding": (502, False, "The API's answer can't be decompressed"),
    "upstream-too-large": (502, False, "The API's answer is too large"),
    "upstream-redirects": (502, False, "The API redirects in circles"),
    "upstream-unavailable": (503, True, "The API has been failing"),
    "upstream-limited": (503, True, "The API limits its callers"),
}


class UpstreamError(JobError):
    """A call to an API failed in one of the ways of `PROBLEMS`; fails the job with it unless it is caught."""

    def __init__(self, type: str, detail: str = "", **members: Any) -> None:
        status, retryable, title = PROBLEMS[type]
        super().__init__(detail, status=status, type=type, title=title, retryable=retryable, **members)


class UpstreamLimited(UpstreamError):
    """The API, or a limit that was declared for it, lets nobody through for longer than the job has. Trying again
    uses up no attempt."""

    free = True

    def __init__(self, wait: float) -> None:
        super().__init__("upstream-limited", f"nobody is let through for {wait:.0f} s", retry_after=wait)


def explain(failure: Failure) -> Exception:
    """The problem behind what Twisted or treq raised; the error itself where it is not one of theirs."""
    error = failure.value
    assert error is not None
    causes = [reason.value for reason in getattr(error, "reasons", ())]
    for cause in (error, *causes):
        if isinstance(cause, (JobError, CancelledError, ConnectingCancelledError)):
            return cause
        if isinstance(cause, (TLSError, VerificationError)):
            return UpstreamError("upstream-tls", _words(cause))
    return _named(error, causes)


def _named(error: BaseException, causes: list[BaseException]) -> Exception:
    text = _words(causes[0] if causes else error)
    match error:
        case DNSLookupError():
            return UpstreamError("upstream-unknown-host", text)
        case TimeoutError():
            return UpstreamError("upstream-timeout", "no connection in time", phase="connect")
        case ConnectError():
            return UpstreamError("upstream-unreachable", text)
        case ResponseNeverReceived():
            return UpstreamError("upstream-cut", text)
        case ResponseFailed():
            return _of_response(causes, text)
        case SchemeNotSupported() | ValueError():  # of which a name that is no name (UnicodeError) is one
            return UpstreamError("bad-url", text)
    return error if isinstance(error, Exception) else RuntimeError(text)


def _of_response(causes: list[BaseException], text: str) -> UpstreamError:
    kinds = (PageRedirect, RedirectWithNoLocation, InfiniteRedirection)
    if any(isinstance(cause, kinds) for cause in causes):
        return UpstreamError("upstream-redirects", text)
    if any(type(cause).__module__ == "twisted.web._newclient" for cause in causes):
        return UpstreamError("upstream-malformed", text)
    return UpstreamError("upstream-cut", text)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
