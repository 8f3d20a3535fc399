"""The rule for sending again: what a client asks next, and when it stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from relay.client.asking import Asking, CallRequest, CallTerms
from relay.client.course import CallCourse, Patience
from relay.client.problems import CallFailed, CallRefused, OutcomeUnknown

DONE = {"id": "0-a", "job": "area", "state": "succeeded", "complete": True, "result": 6}
WAITS = {"id": "0-a", "job": "area", "state": "queued", "complete": False}
AT = {"Location": "/v1/jobs/0-a"}
asking = Asking("https://relay.example.com/v1", "rt_secret")


class Now:
    """The time, which stands still."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    now = Now()
    monkeypatch.setattr("relay.client.course.time.monotonic", now)
    return now


def submission(on_trouble: Callable[[str], object] | None = None, **terms: Any) -> CallCourse:
    terms = {"key": "order-17", **terms}
    request = asking.job("area", b"{}", CallTerms(**terms), waits=True)
    return CallCourse(asking, request, CallTerms(**terms), Patience(3600, on_trouble))


def told(
    course: CallCourse, status: int, body: Any = None, kind: str = "application/json", **headers: str
) -> Any:
    """What comes of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reader = course.begun(status, {"Content-Type": kind, **named})
    reader.feed(body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode())
    return course.over()


def test_a_submission() -> None:
    assert submission().request == CallRequest(
        "POST",
        "/v1/jobs/area",
        {
            "Accept": "application/json",
            "Authorization": "Bearer rt_secret",
            "Idempotency-Key": '"order-17"',
            "Content-Type": "application/json",
        },
        b"{}",
    )
    assert submission(key="grün/1").request[:2] == ("PUT", "/v1/jobs/area/gr%C3%BCn%2F1")
    headers = submission(delay=1.5, deadline=60).request.headers
    assert (headers["Relay-Delay"], headers["Relay-Deadline"]) == ("1.5", "60")


def test_a_submission_says_whom_to_notify() -> None:
    longest = "x" * 1024
    assert submission(notify=longest).request.headers["Relay-Notify"] == longest
    assert "Relay-Notify" not in submission().request.headers


@pytest.mark.parametrize("notify", ["a b", "é", "x" * 1025, "x\r\nAccept: y"])
def test_what_can_be_nobody_to_notify_is_not_sent(notify: str) -> None:
    with pytest.raises(ValueError, match="whom to notify"):
        submission(notify=notify)


def test_a_key_is_made_where_there_is_none() -> None:
    keys = {submission(key="").request.headers["Idempotency-Key"] for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize("status", [200, 402, 500])
def test_a_complete_envelope_ends_it_whatever_the_status(status: int) -> None:
    assert told(submission(), status, DONE) == DONE


def test_an_incomplete_envelope_leads_to_its_location() -> None:
    course = submission()
    assert told(course, 202, WAITS, Retry_After="3", **AT) is None
    assert course.request[:2] == ("GET", "/v1/jobs/0-a")
    assert "wait=" in course.request.headers["Prefer"]
    assert course.request.headers["Authorization"] == "Bearer rt_secret"
    assert course.pause == 3
    assert told(course, 200, WAITS, **AT) is None
    assert course.pause == 0
    assert told(course, 200, DONE) == DONE


def test_no_location_leads_to_another_server() -> None:
    course = submission()
    told(course, 202, WAITS, Location="https://evil.example.com/steal")
    assert asking.origin + course.request.path == "https://relay.example.com/steal"


def test_a_location_that_may_be_cut_is_not_believed() -> None:
    """A head that ends too early is whole to Python's http.client, the value of its last line included."""
    trouble: list[str] = []
    course = submission(trouble.append)
    assert told(course, 200, b"", Location="/v1/jobs/0-") is None
    assert course.request == submission().request
    assert told(course, 200, b"\n", **AT) is None
    assert course.request.path == "/v1/jobs/0-a"
    assert len(trouble) == 2
    assert told(course, 202, {"complete": False}) is None
    assert len(trouble) == 2


def test_the_same_is_sent_again_after_a_pause_that_grows() -> None:
    trouble: list[str] = []
    course, before = submission(trouble.append), submission().request
    pauses = []
    for _ in range(9):
        course.lost(OSError("reset"))
        assert course.over() is None
        pauses.append(course.pause)
    assert (course.request, trouble) == (before, ["OSError: reset"] * 9)
    longest = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_is_not_now_is_asked_again_when_it_says(status: int) -> None:
    course = submission()
    assert told(course, status, {"title": "Not now"}, Retry_After="30") is None
    assert course.pause == 30
    assert told(course, status, {"title": "Not now"}, Retry_After="soon") is None
    assert course.pause <= 2


@pytest.mark.parametrize("status", [200, 201, 402, 404])
def test_a_body_that_is_not_whole_is_no_answer_whatever_the_status(status: int) -> None:
    course = submission()
    assert told(course, status, b'\n\n{"id": "0-a", "comple') is None
    assert told(course, status) is None


def test_other_statuses_are_final() -> None:
    problem = {"title": "Bad arguments", "errors": [{"at": "/box", "detail": "is missing"}]}
    with pytest.raises(CallRefused, match=r"422: Bad arguments; /box: is missing") as caught:
        told(submission(), 422, problem, "application/problem+json")
    assert (caught.value.status, caught.value.problem) == (422, problem)


def test_pages_of_proxies_are_final_if_they_are_errors() -> None:
    assert told(submission(), 200, b"<h1>Log in", "text/html") is None
    assert told(submission(), 502, b"<h1>Bad gateway", "text/html") is None
    with pytest.raises(CallRefused, match="404: this is no answer of relay's"):
        told(submission(), 404, b"<h1>Not found", "text/html")


def test_a_job_that_was_lost_is_submitted_again_under_its_key() -> None:
    course = submission()
    told(course, 202, WAITS, **AT)
    assert told(course, 410, {"title": "The store was reset"}) is None
    assert course.request == submission().request
    with pytest.raises(CallRefused):
        told(course, 410, {"title": "The store was reset"})


def test_it_is_given_up_once_its_key_may_be_forgotten(now: Now) -> None:
    course = submission()
    now.time += 3000
    assert told(course, 503, {"title": "Not now"}) is None
    now.time += 600
    with pytest.raises(OutcomeUnknown, match="503"):
        told(course, 503, {"title": "Not now"})


def test_a_job_that_runs_for_days_is_waited_for(now: Now) -> None:
    course = submission()
    for _ in range(5):
        now.time += 3000
        assert told(course, 200, WAITS, **AT) is None
    now.time += 3500
    assert told(course, 503, {"title": "Not now"}) is None


def test_events_go_on_where_they_were_cut() -> None:
    course = submission(heard=print)
    assert course.request.headers["Accept"] == "text/event-stream"
    reader = course.begun(200, {"Content-Type": "text/event-stream", **AT})
    reader.feed(b'retry: 2000\n\nevent: output\nid: 1.1.1.0-ab12\ndata: {"data": 1}\n\nevent: outp')
    course.lost(OSError("reset"))
    assert course.over() is None
    assert course.request[:2] == ("GET", "/v1/jobs/0-a/events")
    assert course.request.headers["Last-Event-ID"] == "1.1.1.0-ab12"
    assert 0.5 <= course.pause <= 1
    assert told(course, 200, b"retry: 3500\n\n", "text/event-stream", **AT) is None
    assert course.request.headers["Last-Event-ID"] == "1.1.1.0-ab12"
    assert course.pause == 3.5


def test_any_envelope_ends_what_does_not_wait() -> None:
    request = asking.job("area", b"{}", CallTerms(), waits=False)
    assert request.headers["Prefer"] == "respond-async"
    assert (
        told(CallCourse(asking, request, CallTerms(), Patience(3600), until_complete=False), 202, WAITS, **AT)
        == WAITS
    )


@pytest.mark.parametrize(
    ("url", "token", "subject"),
    [
        ("relay.example.com", "", ""),
        ("ftp://a", "", ""),
        ("https://a?b", "", ""),
        ("https://me:you@a", "", ""),
        ("https://a", "a b", ""),
        ("https://a", "", "a\nb"),
    ],
)
def test_what_can_not_be_asked(url: str, token: str, subject: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Asking(url, token, subject)


def test_a_token_is_not_shown() -> None:
    assert "rt_secret" not in repr(asking)


def test_a_failure_says_why() -> None:
    failed = CallFailed({**DONE, "state": "failed", "error": {"title": "No funds", "retryable": True}})
    assert (str(failed), failed.retryable) == ("area failed: No funds", True)
    assert str(CallFailed({**DONE, "state": "cancelled"})) == "area cancelled"
