"""Spans for OpenTelemetry: of requests, of time in a queue, of attempts, and of calls to APIs.

::

    client's traceparent ─▶ POST /jobs/echo          SERVER: from the request to its answer
                              ├─ queued echo         INTERNAL: until the first attempt
                              └─ process echo        CONSUMER: an attempt; its handler's own spans are below it
                                   └─ GET            CLIENT: each call through `context.http`

A front hands its span on in `Job.trace`, a worker those of attempts to sub-jobs and APIs. Names of attributes are those
of OpenTelemetry's semantic conventions; relay's own begin with ``relay.``.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from relay.model.job import Claim
from relay.model.memo import Memo
from relay.telemetry.events import Asked, Events
from relay.telemetry.tracing import TracedCall, Tracing
from relay.version import VERSION

_MOST_OPEN = 100_000  # spans that were begun and not ended
_UNANSWERED = ("abandoned", "cut")
_GOOD = ("succeeded", "given back", "cancelled")
_propagator = TraceContextTextMapPropagator()


class Traces(Tracing, Events):
    """Begins spans where relay asks for them, and ends them as it hears of the ends."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer: Tracer = provider.get_tracer("relay", VERSION)
        self._requests: Memo[str, Span] = Memo(_MOST_OPEN)  # by what they pass on
        self._attempts: Memo[str, Span] = Memo(_MOST_OPEN)  # by job

    # -- fronts --

    def request(self, trace: str, method: str) -> str:
        span = self._tracer.start_span(method, _context_of(trace), SpanKind.SERVER)
        passed_on = _traceparent(span)
        if passed_on and span.is_recording():
            self._requests[passed_on] = span
        return passed_on or trace

    def asked(self, asked: Asked) -> None:
        """A request is over: its span is."""
        span = self._requests.pop(asked.trace, None)
        if span is None and asked.id:
            began = time.time_ns() - int(asked.seconds * 1e9)
            span = self._tracer.start_span(
                asked.method, _context_of(asked.trace), SpanKind.SERVER, start_time=began
            )
        if span is None or not span.is_recording():
            return
        if asked.id and asked.method in ("POST", "PUT"):  # else its name would be any text
            span.update_name(f"{asked.method} /jobs/{asked.job}")
        span.set_attributes(_about_request(asked))
        if asked.status >= 500 or asked.end in _UNANSWERED:
            span.set_status(Status(StatusCode.ERROR, asked.problem or asked.end))
        span.end()

    # -- workers --

    def attempt(self, claim: Claim) -> Claim:
        job = claim.job
        parent = _context_of(job.trace)
        if claim.starts == 1 and claim.started >= claim.created > 0:
            waited = self._tracer.start_span(
                f"queued {job.name}",
                parent,
                attributes=_about_job(claim),
                start_time=claim.created * 1_000_000,
            )
            waited.end(claim.started * 1_000_000)
        span = self._attempts[claim.id] = self._begun(claim, parent)
        passed_on = _traceparent(span)
        if not passed_on:
            return claim
        return msgspec.structs.replace(claim, job=msgspec.structs.replace(job, trace=passed_on))

    def enter(self, claim: Claim) -> None:
        span = self._attempts.get(claim.id)
        if span is not None:
            contexts.attach(trace.set_span_in_context(span))

    def ended(self, claim: Claim, how: str, problem: str, seconds: float, size: int) -> None:
        """An attempt has ended: its span has; one that was not begun here is made now."""
        span = self._attempts.pop(claim.id, None)
        if span is None:
            span = self._begun(claim, _context_of(claim.job.trace), time.time_ns() - int(seconds * 1e9))
        if not span.is_recording():
            return
        span.set_attributes({"relay.end": how, "messaging.message.body.size": len(claim.job.arguments)})
        if how not in _GOOD:
            span.set_attribute("error.type", problem or how)
            span.set_status(Status(StatusCode.ERROR, problem or how))
        span.end()

    def call(self, id: str, method: str, url: str) -> TracedCall:
        own = trace.get_current_span().get_span_context().is_valid
        below = None if own or id not in self._attempts else trace.set_span_in_context(self._attempts[id])
        span = self._tracer.start_span(method, below, SpanKind.CLIENT)
        if span.is_recording():
            span.set_attributes(_about_call(method, url))
        return CallSpan(span)

    def _begun(self, claim: Claim, parent: Context, began: int | None = None) -> Span:
        operation = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
        about = {**_about_job(claim), **operation, "relay.attempt": claim.attempt}
        name = f"process {claim.job.name}"
        return self._tracer.start_span(name, parent, SpanKind.CONSUMER, about, start_time=began)


class CallSpan(TracedCall):
    """The span of one call."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = _traceparent(span)

    def ended(self, status: int, error: str = "") -> None:
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if error or status >= 400:
            self._span.set_attribute("error.type", error or str(status))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _context_of(traceparent: str) -> Context:
    """The context below a traceparent; an empty one for none, and for what is not one."""
    return _propagator.extract({"traceparent": traceparent}, Context())


def _traceparent(span: Span) -> str:
    """What a span passes on; "" where nothing is configured that would take it."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")


def _about_request(asked: Asked) -> dict[str, Any]:
    about: dict[str, Any] = {
        "http.request.method": asked.method,
        "url.path": asked.path,
        "client.address": asked.address,
        "http.response.status_code": asked.status,
        "error.type": asked.problem,
        "messaging.message.id": asked.id,
        "enduser.id": asked.owner,
        "relay.end": asked.end,
    }
    held = {"relay.held": asked.held, "relay.committed": asked.committed, "relay.heartbeats": asked.beats}
    return {name: value for name, value in about.items() if value} | (held if asked.held else {})


def _about_job(claim: Claim) -> dict[str, Any]:
    return {
        "messaging.system": "relay",
        "messaging.destination.name": claim.job.name,
        "messaging.message.id": claim.id,
        "relay.queue": claim.job.queue,
    }


def _about_call(method: str, url: str) -> dict[str, Any]:
    """Without the query, in which APIs have their secrets, and without names and passwords; of what can't be told from
    these, nothing."""
    about: dict[str, Any] = {"http.request.method": method}
    with suppress(ValueError):  # the call itself will say what is wrong with it
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = parts.netloc.rpartition("@")[2]
        about |= {"url.full": f"{parts.scheme}://{where}{parts.path}"}
        about |= {"server.address": parts.hostname or "", "server.port": port}
    return about
