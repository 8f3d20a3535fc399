"""The lines for jobs and requests: what they say, what they never say, and when they are written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from twisted.internet.task import Clock

from relay.model.job import Claim, Job
from relay.telemetry.events import Asked
from relay.telemetry.lines import LONGEST_LINE, MOST, PAUSE, JobLines, LineBatch, RequestLines

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ODD = ["\U0001f600", "\x85", "\u202e", "\ud800", '"', "\n", "\t", "=", " ", "é", "\\"]


class Written:
    """A batch's lines, and its clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.batch = LineBatch(self.lines.extend, self.clock.callLater)

    def jobs(self, is_json: bool = False, failures: bool = False) -> JobLines:
        return JobLines(self.batch, "worker 1", is_json, failures, lambda: 1795655185.107321)

    def requests(self, is_json: bool = False, failures: bool = False) -> RequestLines:
        return RequestLines(self.batch, "front 1", is_json, failures, lambda: 1795655185.107321)

    def one(self) -> str:
        self.batch.flush()
        (line,) = self.lines
        return line


@pytest.fixture
def written() -> Written:
    return Written()


def claim(owner: str = "token:app", parent: str = "", trace: str = TRACE) -> Claim:
    job = Job("echo", "slow", owner, "f1", 0, 5, "", "", False, trace, '{"a":1}', parent=parent)
    return Claim("0-ep-x", job, 2, created=1_000, deadline=9_000, started=1_250)


def request(**others: Any) -> Asked:
    said = {"method": "POST", "path": "/jobs/echo", "status": 200, "seconds": 1.5, "address": "10.0.0.7"}
    return Asked(**{**said, **others})


def values(line: str) -> dict[str, str]:
    """What a line says, as a program reads it that knows only ``key=value``, quoted or not."""
    said = line.partition("] ")[2]
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', said)
    assert " ".join(f"{key}={value}" for key, value in found) == said
    return {key: json.loads(value) if value.startswith('"') else value for key, value in found}


def test_the_end_of_an_attempt_is_one_line(written: Written) -> None:
    written.jobs().ended(claim(), "retried", "upstream-timeout", 1.2345, 17)
    line = written.one()
    assert re.match(
        r"2026-11-26T\d\d:\d\d:25[+-]\d{4} \[worker 1 relay\.job#info\] id=0-ep-x job=echo ", line
    )
    assert values(line) == {
        "id": "0-ep-x", "job": "echo", "end": "retried", "problem": "upstream-timeout", "attempt": "2/5",
        "owner": "token:app", "queue": "slow", "waited": "0.250", "ran": "1.234", "taken": "7", "made": "17",
        "parent": "-", "trace": TRACE,
    }  # fmt: skip


def test_the_same_in_json_leaves_out_what_says_nothing(written: Written) -> None:
    written.jobs(is_json=True).ended(claim(trace=""), "given back", "", 1.2345, 0)
    assert json.loads(written.one()) == {
        "time": "2026-11-26T01:06:25.107321Z", "level": "info", "process": "worker 1", "logger": "relay.job",
        "message": "echo given-back", "id": "0-ep-x", "job": "echo", "end": "given-back",
        "attempt": 2, "attempts": 5, "owner": "token:app", "queue": "slow", "waited": 0.25, "ran": 1.234,
        "taken": 7, "made": 0,
    }  # fmt: skip


def test_a_request_is_one_line(written: Written) -> None:
    said = {
        "id": "0-ep-x",
        "job": "echo",
        "owner": "sub:alice",
        "trace": TRACE,
        "held": 1.25,
        "committed": True,
    }
    more = {
        "beats": 3,
        "end": "abandoned",
        "silent": 0.5,
        "late": 0.0,
        "sent": 12,
        "key": "abc",
        "closed": 0.75,
    }
    written.requests().asked(request(**said, **more))
    line = written.one()
    assert "[front 1 relay.request#info] method=POST path=/jobs/echo status=200 " in line
    assert values(line) == {
        "method": "POST", "path": "/jobs/echo", "status": "200", "end": "abandoned", "problem": "-",
        "id": "0-ep-x", "job": "echo", "owner": "sub:alice", "address": "10.0.0.7", "seconds": "1.500",
        "held": "1.250", "silent": "0.500", "late": "0.000", "beats": "3", "sent": "12", "key": "abc",
        "trace": TRACE, "closed": "0.750",
    }  # fmt: skip


def test_of_a_client_that_stayed_there_is_no_time_at_which_it_closed_its_side(written: Written) -> None:
    written.requests().asked(request())
    assert "closed=- " in written.one()


def test_a_request_in_json_has_the_members_that_say_something(written: Written) -> None:
    written.requests(is_json=True).asked(request(status=401, problem="unauthorized"))
    assert json.loads(written.one()) == {
        "time": "2026-11-26T01:06:25.107321Z", "level": "info", "process": "front 1", "logger": "relay.request",
        "message": "POST - 401", "method": "POST", "path": "/jobs/echo", "status": 401, "end": "answered",
        "address": "10.0.0.7", "seconds": 1.5, "problem": "unauthorized", "held": 0, "silent": 0, "late": 0,
        "beats": 0, "sent": 0,
    }  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=ascii)
@pytest.mark.parametrize("is_json", [False, True], ids=["text", "json"])
def test_what_others_chose_stays_within_its_value(written: Written, is_json: bool, odd: str) -> None:
    chosen = f"a{odd}b"
    written.requests(is_json).asked(
        request(path=chosen, owner=chosen, address=chosen, trace=chosen, problem=chosen)
    )
    written.jobs(is_json).ended(claim(owner=chosen), "failed", chosen, 1, 0)
    written.batch.flush()
    for line in written.lines:
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", line)
        said = json.loads(line) if is_json else values(line)
        assert said["owner"].startswith("a")
        assert said["owner"].endswith("b")


@pytest.mark.parametrize("odd", [*ODD, "x"], ids=ascii)
@pytest.mark.parametrize("is_json", [False, True], ids=["text", "json"])
def test_no_line_is_longer_than_what_a_pipe_takes_as_a_whole(
    written: Written, is_json: bool, odd: str
) -> None:
    many = odd * 9_000
    said = {"method": many, "path": many, "owner": many, "address": many, "trace": many, "problem": many}
    asked = request(**said, id="0" * 100, job="j" * 64, key="k" * 64)
    written.requests(is_json).asked(asked)
    assert len(written.one().encode()) <= LONGEST_LINE


def test_an_owner_that_looks_like_nothing_is_told_from_none(written: Written) -> None:
    written.requests().asked(request(owner="-"))
    written.requests().asked(request(owner=""))
    written.batch.flush()
    assert 'owner="-"' in written.lines[0]
    assert "owner=- " in written.lines[1]


def test_failures_alone_can_be_asked_for(written: Written) -> None:
    jobs, requests = written.jobs(failures=True), written.requests(failures=True)
    for how in ("succeeded", "given back", "failed", "retried", "expired", "cancelled"):
        jobs.ended(claim(), how, "", 1, 0)
    for status, end in (
        (200, "answered"),
        (202, "reattach"),
        (404, "answered"),
        (200, "cut"),
        (0, "abandoned"),
    ):
        requests.asked(request(status=status, end=end))
    written.batch.flush()
    ends = [values(line)["end"] for line in written.lines]
    assert ends == ["failed", "retried", "expired", "cancelled", "answered", "cut", "abandoned"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_have_lines_where_they_find_something(written: Written, path: str) -> None:
    written.requests().asked(request(method="GET", path=path))
    written.requests().asked(request(method="GET", path=path, status=503))
    assert values(written.one())["status"] == "503"


def test_lines_are_written_together_soon(written: Written) -> None:
    jobs, requests = written.jobs(), written.requests()
    jobs.ended(claim(), "succeeded", "", 1, 0)
    requests.asked(request())
    written.clock.advance(PAUSE / 2)
    assert written.lines == []
    written.clock.advance(PAUSE / 2)
    assert len(written.lines) == 2
    for _ in range(MOST):
        jobs.ended(claim(), "succeeded", "", 1, 0)
    assert len(written.lines) == 2 + MOST
    jobs.ended(claim(), "succeeded", "", 1, 0)
    written.clock.advance(PAUSE)
    assert len(written.lines) == 3 + MOST
