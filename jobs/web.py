"""Jobs that fetch pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta
from treq.response import _Response as Response
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from werkzeug.http import parse_options_header

from relay import Context, JobError, job

URL = Annotated[str, Meta(pattern=r"^https?://[^\s/]", max_length=2048, description="an http or https URL")]
Bytes = Annotated[int, Meta(ge=1, le=700_000, description="a longer body fails the job")]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its HTTP status, where it was found after redirects, its media type, bytes, and text."""

    status: int
    url: str
    type: str
    size: int
    text: str


@job(timeout=30)
async def fetch(context: Context, url: URL, max_bytes: Bytes = 262_144) -> Page:
    """Fetch a page: its status, type, size and text."""
    try:
        response = await context.http.get(url, unbuffered=True)
        body = await _read(response, max_bytes)
    except ValueError as error:  # of which a name that is no name (UnicodeError) is one
        raise JobError(str(error), status=422, type="bad-url") from error
    except DNSLookupError as error:
        raise JobError(str(error), status=502, type="upstream-unknown-host") from error
    except (ConnectError, ResponseFailed, ResponseNeverReceived) as error:
        raise JobError(str(error), status=502, type="upstream-unreachable", retryable=True) from error
    kind, options = parse_options_header(response.headers.getRawHeaders("content-type", [""])[0])
    return Page(response.code, response.request.absoluteURI.decode(), kind, len(body), _text(body, options))


def _text(body: bytes, options: dict[str, str]) -> str:
    try:
        return body.decode(options.get("charset", "utf-8"), "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _read(response: Response, limit: int) -> Deferred[bytes]:
    reader = _Reader(limit)
    response.deliverBody(reader)
    return reader.done


class _Reader(Protocol):
    """Collects a body up to a limit; past it, or when cancelled, the connection is closed."""

    def __init__(self, limit: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._abort())
        self._limit = limit
        self._body = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._limit and not self.done.called:
            too_large = JobError(
                f"the body is over {self._limit} bytes", status=502, type="upstream-too-large"
            )
            self.done.errback(too_large)
            self._abort()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(bytes(self._body))
        else:
            self.done.errback(reason)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
