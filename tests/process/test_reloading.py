"""Workers whose modules are edited."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent

from relay.process.reloading import Edits, Reloading
from tests.processes import RedisProcess, RelayProcess, eventually

JOB = """
from relay import job


@job
def answer() -> int:
    return {number}
"""


def edit(file: Path, text: str) -> None:
    """As editors do: in one step."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def test_an_edit_is_seen_once(tmp_path: Path) -> None:
    file, other = tmp_path / "a.py", tmp_path / "b.py"
    file.write_text("1")
    edits = Edits([str(file), str(other)])
    assert edits.look() == []
    edit(file, "2")
    assert edits.look() == [str(file)]
    assert edits.look() == []
    file.unlink()
    assert edits.look() == []
    edit(file, "3")
    edit(other, "4")
    assert edits.look() == [str(file), str(other)]


def test_an_edit_counts_that_was_made_while_a_worker_began(tmp_path: Path) -> None:
    before, meanwhile, never = (tmp_path / name for name in ("a.py", "b.py", "c.py"))
    began = time.time()
    for file, seconds in ((before, -1), (meanwhile, 0), (never, 3600)):
        file.write_text("")
        os.utime(file, (began + seconds, began + seconds))
    edits = Edits(map(str, (before, meanwhile, never)), since=began)
    assert edits.look() == [str(meanwhile)]
    assert edits.look() == []


def test_a_worker_is_stale_once_all_can_be_compiled(
    tmp_path: Path, no_logged_failures: list[LogEvent]
) -> None:
    file, other, asked = tmp_path / "a.py", tmp_path / "b.py", []
    file.write_text("a = 1")
    other.write_text("b = 1")
    reloading = Reloading(Edits([str(file), str(other)]), lambda: asked.append(1))
    edit(file, "a = = 2")
    for _ in range(3):
        reloading.look()
    edit(other, "b = 2")
    reloading.look()
    assert asked == []
    (said,) = [str(event["why"]) for event in no_logged_failures]  # once
    assert said.endswith("a.py line 1: invalid syntax")
    edit(file, "a = 2")
    for _ in range(3):
        reloading.look()
    edit(file, "a = 3")
    reloading.look()
    assert asked == [1]  # its successor sees what comes later
    no_logged_failures.clear()


class Answers:
    """What a job answers, through a front."""

    def __init__(self, front: RelayProcess) -> None:
        self._front = front

    def has(self, number: int) -> float:
        """Wait for an answer; seconds until it was there."""
        began = time.monotonic()
        eventually(lambda: self._ask() == number, f"the job answers {number}")
        return time.monotonic() - began

    def _ask(self) -> Any:
        return self._front.call("POST", "/jobs/answer").json().get("result")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "edited.py"
    file.write_text(JOB.format(number=1))
    return file


Started = Callable[..., RelayProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    running: list[RelayProcess] = []

    def started(*options: str) -> RelayProcess:
        environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
        relay = RelayProcess(tmp_path, *options, environment=environment)
        running.append(relay)
        relay.start()
        return relay

    yield started
    for relay in reversed(running):
        relay.stop()


@pytest.mark.processes
@pytest.mark.long
def test_all_replaces_workers_whose_modules_are_edited(app: Path, start: Started) -> None:
    relay = start("all", "--jobs", "edited", "--reload", "--workers", "2")
    answers = Answers(relay)
    answers.has(1)
    edit(app, JOB.format(number=2))
    took = answers.has(2)
    print("seconds from an edit to its result:", took)  # noqa: T201
    edit(app, JOB.format(number="= 3"))
    relay.wait_for("invalid syntax: the handlers are not loaded again")
    assert answers.has(2) < 5
    edit(app, JOB.format(number=4))
    answers.has(4)
    edit(app, JOB.format(number=5) + "\nraise ValueError('not yet')\n")
    relay.wait_for("ValueError: not yet")
    assert answers.has(4) < 5  # the old ones go on
    edit(app, JOB.format(number=6))
    answers.has(6)
    edit(app, JOB.format(number="1 // 0"))
    eventually(lambda: relay.call("POST", "/jobs/answer").status == 500, "the job fails")
    relay.wait_for("ZeroDivisionError: integer division or modulo by zero$")
    frames = [line for line in relay.log_tail(20).splitlines() if line.strip().startswith("File ")]
    assert {Path(line.split('"')[1]).name for line in frames} == {"edited.py"}  # the author's lines alone


@pytest.mark.processes
@pytest.mark.long
def test_a_worker_alone_begins_anew(app: Path, start: Started, redis: RedisProcess) -> None:
    front = start("front", "--redis", redis.url)
    worker = start("worker", "--redis", redis.url, "--jobs", "edited", "--reload")
    answers = Answers(front)
    answers.has(1)
    edit(app, JOB.format(number=2))
    answers.has(2)
    edit(app, JOB.format(number=3) + "\nraise ValueError('not yet')\n")
    worker.wait_for("ValueError: not yet")
    edit(app, JOB.format(number=4))
    answers.has(4)
    assert worker.process is not None
    assert worker.process.poll() is None  # the same process all the time
