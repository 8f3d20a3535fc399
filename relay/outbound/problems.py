"""What Twisted and treq raise, as the problems of `relay.model.problems.upstream`."""

from __future__ import annotations

from OpenSSL.SSL import Error as TLSError
from service_identity import CertificateError, VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError, TimeoutError
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived
from twisted.web.error import InfiniteRedirection, PageRedirect, RedirectWithNoLocation, SchemeNotSupported

from relay.model.problems.base import JobError
from relay.model.problems.upstream import UpstreamError
from relay.net.api_connection import AnswerMalformed, AnswerTooLarge, is_malformed


def explain(failure: Failure) -> Exception:
    """The problem behind what Twisted or treq raised; the error itself where it is not one of theirs."""
    error = failure.value
    assert error is not None
    causes = [reason.value for reason in getattr(error, "reasons", ())]
    for cause in (error, *causes):
        if isinstance(cause, (JobError, CancelledError, ConnectingCancelledError)):
            return cause
        if isinstance(cause, (TLSError, VerificationError, CertificateError)):
            return UpstreamError("upstream-tls", _words(cause))
        if isinstance(cause, AnswerTooLarge):
            return UpstreamError("upstream-too-large", _words(cause))
        if isinstance(cause, AnswerMalformed):
            return UpstreamError("upstream-malformed", _words(cause))
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
        case RequestTransmissionFailed() | ResponseNeverReceived():
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
    if any(map(is_malformed, causes)):
        return UpstreamError("upstream-malformed", text)
    return UpstreamError("upstream-cut", text)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
