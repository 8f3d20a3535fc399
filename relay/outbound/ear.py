"""Who hears of a job's calls, and traces them."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.http_headers import Headers

from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, TracedCall, Tracing

_TRACEPARENT = b"traceparent"


@dataclass(frozen=True, slots=True)
class Ear:
    """What hears of the calls of one job."""

    events: Events = UNHEARD
    id: str = ""
    tracing: Tracing = UNTRACED

    def begin(self, host: bytes, method: bytes, uri: bytes, headers: Headers | None, now: float) -> HeardCall:
        """A request is about to be sent with these headers; `now` is by the clock."""
        where, how, url = host.decode("latin-1").lower(), method.decode("latin-1"), uri.decode("latin-1")
        traced = self.tracing.call(self.id, how, url)
        return HeardCall(self, where, how, url, _carrying(headers, traced.traceparent.encode()), now, traced)


@dataclass(frozen=True, slots=True)
class HeardCall:
    """One request; it is to be sent with these `headers`."""

    ear: Ear
    host: str
    method: str
    url: str
    headers: Headers | None
    began: float
    traced: TracedCall

    def end(self, now: float, status: int, error: str) -> None:
        """It was answered with this status, 0 for no answer but an error of this class."""
        self.ear.events.called(self.host, self.method, status, now - self.began, self.ear.id, self.url)
        self.traced.ended(status, error)


DEAF = Ear()


def _carrying(headers: Headers | None, traceparent: bytes) -> Headers | None:
    """The headers with a traceparent in the place of another one of its trace; one of another trace is somebody's own
    and stays."""
    given = (headers.getRawHeaders(_TRACEPARENT) if headers is not None else None) or [traceparent]
    if not traceparent or given[0].split(b"-")[1:2] != traceparent.split(b"-")[1:2]:
        return headers
    carrying = Headers() if headers is None else headers.copy()
    carrying.setRawHeaders(_TRACEPARENT, [traceparent])
    return carrying
