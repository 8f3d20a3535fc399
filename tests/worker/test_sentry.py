"""Sentry, as an application sets it up: each exception once, with its job, and with the breadcrumbs of that alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from twisted.logger import LogEvent

from relay.testing import Relay
from tests.worker import sentry_jobs
from tests.worker.sentry_jobs import calls_a_thread, in_a_thread, lasts, plain, refuses, sent, waits


@pytest.fixture
def relay(no_logged_failures: list[LogEvent]) -> Iterator[Relay]:
    sent.clear()
    with Relay(sentry_jobs, settings={"sentry_dsn": "http://key@127.0.0.1:9/1"}) as relay:
        yield relay
    sentry_sdk.get_global_scope().set_client(None)
    no_logged_failures.clear()


def told(event: dict[str, Any]) -> tuple[str, str, list[str]]:
    """The exception, its job with the attempt, and the breadcrumbs."""
    (error,) = event["exception"]["values"]
    tags, crumbs = event["tags"], event.get("breadcrumbs", {"values": []})["values"]
    return (
        f"{error['type']}: {error['value']}",
        f"{tags['job']} {tags['attempt']}",
        [c["message"] for c in crumbs],
    )


def test_each_attempt_that_raises_is_told_once(relay: Relay) -> None:
    ran = relay.run(plain, word="a")
    assert [told(event) for event in sent] == [
        ("ValueError: a", "plain 1", ["a"]),
        ("ValueError: a", "plain 2", ["a"]),
    ]
    assert {event["tags"]["job_id"] for event in sent} == {ran.id}
    frames = sent[0]["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "plain"


def test_breadcrumbs_of_jobs_that_run_at_once_are_not_mixed(relay: Relay) -> None:
    for word in ("a", "b", "c"):
        relay.submit(waits, word=word)
    relay.advance(10)
    assert sorted(told(event) for event in sent) == [
        (f"ValueError: {word}", "waits 1", [f"{word} begins", f"{word} goes on", f"{word} in a task"])
        for word in ("a", "b", "c")
    ]


@pytest.mark.parametrize("handler", [in_a_thread, calls_a_thread])
def test_what_happens_in_a_thread_belongs_to_its_job(relay: Relay, handler: Any) -> None:
    relay.run(handler, word="a")
    assert [told(event) for event in sent] == [("ValueError: a", f"{handler.__name__} 1", ["a"])]


def test_neither_a_refusal_nor_a_stop_is_an_error(relay: Relay) -> None:
    relay.run(refuses, word="a")
    relay.run(lasts, word="a")
    assert sent == []
