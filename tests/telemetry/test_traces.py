"""Spans: how they hang together, what they say, and what is passed on."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from relay.model.job import Claim, Job
from relay.telemetry.events import Asked
from relay.telemetry.traces import Traces

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CLIENT[:-1] + "0"


class Traced:
    """Spans that ended, and what makes them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.traces = Traces(provider)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def one(self) -> ReadableSpan:
        (span,) = self._exporter.get_finished_spans()
        return span


@pytest.fixture
def traced() -> Traced:
    return Traced()


def claim(traceparent: str = CLIENT, starts: int = 1, attempt: int = 1) -> Claim:
    job = Job("echo", "slow", "me", "", 0, 5, "", "", False, traceparent, '{"a":1}')
    return Claim("0-ep-x", job, attempt, created=1_000, deadline=0, started=1_250, starts=starts)


def asked(**others: Any) -> Asked:
    said = {"method": "POST", "path": "/jobs/echo", "status": 200, "seconds": 1.5, "address": "10.0.0.7"}
    return Asked(**{**said, "id": "0-ep-x", "job": "echo", **others})


def passed_on(span: ReadableSpan) -> str:
    own = span.context
    return f"00-{own.trace_id:032x}-{own.span_id:016x}-01"


def parent(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent is not None else ""


def test_a_submission_s_span_is_below_the_client_s_and_ends_with_its_answer(traced: Traced) -> None:
    carried = traced.traces.request(CLIENT, "POST")
    assert carried != CLIENT
    assert traced.spans() == {}
    traced.traces.asked(asked(trace=carried, held=1.4, committed=True, beats=2, owner="token:app"))
    span = traced.one()
    assert (span.name, span.kind, parent(span)) == ("POST /jobs/echo", SpanKind.SERVER, "b7ad6b7169203331")
    assert passed_on(span) == carried
    assert dict(span.attributes) == {
        "http.request.method": "POST", "url.path": "/jobs/echo", "client.address": "10.0.0.7",
        "http.response.status_code": 200, "messaging.message.id": "0-ep-x", "enduser.id": "token:app",
        "relay.end": "answered", "relay.held": 1.4, "relay.committed": True, "relay.heartbeats": 2,
    }  # fmt: skip


def test_a_look_at_a_job_is_a_span_and_one_at_anything_else_is_none(traced: Traced) -> None:
    traced.traces.asked(asked(method="GET", path="/jobs/0-ep-x", trace=CLIENT))
    traced.traces.asked(asked(method="GET", path="/readyz", id="", job=""))
    span = traced.one()
    assert (span.name, parent(span)) == ("GET", "b7ad6b7169203331")
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(1.5, abs=0.5)


def test_what_a_client_calls_is_no_name_of_a_span(traced: Traced) -> None:
    carried = traced.traces.request("", "POST")
    traced.traces.asked(asked(trace=carried, id="", job="any_text", status=404, problem="unknown-job"))
    assert traced.one().name == "POST"
    assert traced.one().attributes["error.type"] == "unknown-job"


def test_an_attempt_is_below_its_request_and_beside_its_time_in_the_queue(traced: Traced) -> None:
    begun = traced.traces.attempt(claim())
    traced.traces.ended(begun, "succeeded", "", 1.0, 5)
    queued, attempt = traced.spans()["queued echo"], traced.spans()["process echo"]
    assert {parent(queued), parent(attempt)} == {"b7ad6b7169203331"}
    assert (queued.start_time, queued.end_time) == (1_000 * 1_000_000, 1_250 * 1_000_000)
    assert attempt.kind is SpanKind.CONSUMER
    assert begun.job.trace == passed_on(attempt)
    assert attempt.attributes["messaging.message.id"] == "0-ep-x"
    assert attempt.attributes["messaging.destination.name"] == "echo"
    assert (attempt.attributes["relay.attempt"], attempt.attributes["relay.end"]) == (1, "succeeded")
    assert attempt.status.status_code is StatusCode.UNSET


def test_only_the_first_start_tells_the_time_in_the_queue(traced: Traced) -> None:
    traced.traces.ended(traced.traces.attempt(claim(starts=2, attempt=2)), "retried", "job-failed", 1.0, 5)
    span = traced.one()
    assert span.name == "process echo"
    assert span.attributes["error.type"] == "job-failed"
    assert span.status.status_code is StatusCode.ERROR


def test_a_job_of_nobody_s_begins_a_trace(traced: Traced) -> None:
    traced.traces.ended(traced.traces.attempt(claim("", starts=2)), "succeeded", "", 1.0, 0)
    assert traced.one().parent is None


def test_an_end_of_what_was_never_begun_is_a_span_too(traced: Traced) -> None:
    traced.traces.ended(claim(), "expired", "expired", 0.5, 0)
    assert traced.one().attributes["relay.end"] == "expired"


def test_what_the_client_does_not_sample_is_not_and_is_passed_on_so(traced: Traced) -> None:
    carried = traced.traces.request(UNSAMPLED, "POST")
    begun = traced.traces.attempt(claim(carried))
    call = traced.traces.call("0-ep-x", "GET", "http://api/")
    call.ended(200)
    traced.traces.ended(begun, "succeeded", "", 1.0, 0)
    traced.traces.asked(asked(trace=carried))
    assert traced.spans() == {}
    for traceparent in (carried, begun.job.trace, call.traceparent):
        assert traceparent.startswith("00-0af7651916cd43dd8448eb211c80319c-")
        assert traceparent.endswith("-00")


@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 9000])
def test_what_is_no_traceparent_begins_a_trace(traced: Traced, given: str) -> None:
    traced.traces.asked(asked(trace=traced.traces.request(given, "POST")))
    assert traced.one().parent is None


def test_an_attempt_is_the_present_span_where_its_handler_runs_and_nowhere_else(traced: Traced) -> None:
    begun = traced.traces.attempt(claim(starts=2))
    context = copy_context()
    context.run(traced.traces.enter, begun)
    present = context.run(trace.get_current_span)
    assert begun.job.trace.split("-")[2] == f"{present.get_span_context().span_id:016x}"
    assert not trace.get_current_span().get_span_context().is_valid

    async def own() -> str:
        with trace.get_tracer("own").start_as_current_span("own"):
            return traced.traces.call("0-ep-x", "GET", "http://api/").traceparent

    assert context.run(asyncio.run, own()).split("-")[1] == begun.job.trace.split("-")[1]


def test_a_call_is_below_the_attempt_and_says_neither_query_nor_password(traced: Traced) -> None:
    begun = traced.traces.attempt(claim(starts=2))
    call = traced.traces.call("0-ep-x", "POST", "https://me:secret@graph.example:8443/v1?access_token=secret")
    call.ended(503)
    span = traced.one()
    assert (span.name, span.kind) == ("POST", SpanKind.CLIENT)
    assert parent(span) == begun.job.trace.split("-")[2]
    assert call.traceparent == passed_on(span)
    assert dict(span.attributes) == {
        "http.request.method": "POST", "url.full": "https://graph.example:8443/v1",
        "server.address": "graph.example", "server.port": 8443,
        "http.response.status_code": 503, "error.type": "503",
    }  # fmt: skip


@pytest.mark.parametrize("url", ["http://[::1/", "http://api:99999/", "http://api:b/"])
def test_an_address_that_is_none_is_left_to_the_call_itself(traced: Traced, url: str) -> None:
    traced.traces.call("0-ep-x", "GET", url).ended(0, "InvalidURL")
    assert dict(traced.one().attributes) == {"http.request.method": "GET", "error.type": "InvalidURL"}


def test_where_nothing_is_configured_everything_is_passed_on_as_it_came() -> None:
    traces = Traces(trace.NoOpTracerProvider())
    assert traces.request(CLIENT, "POST") == CLIENT
    assert traces.attempt(claim()) == claim()
    assert traces.call("0-ep-x", "GET", "http://api/").traceparent == CLIENT
    traces.ended(claim(), "succeeded", "", 1.0, 0)
    traces.asked(asked(trace=CLIENT))
