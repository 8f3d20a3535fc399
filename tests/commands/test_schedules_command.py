"""Schedules in real processes: two workers, one that dies, and the command ``relay schedules``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, RedisProcess, RelayProcess, eventually

MODULE = """
import os
from relay import Context, job

@job(every="1s", catch_up="all")
def tick(context: Context) -> None:
    file = os.open("ticks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{context.scheduled.timestamp():.0f} {context.job_id} {os.getpid()}\\n".encode())

@job(cron="0 3 1 1 *", timezone="Europe/Berlin", catch_up="none")
def yearly(context: Context) -> None: ...

@job
def plain() -> None: ...
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Ticks:
    def __init__(self, directory: Path) -> None:
        self._file = directory / "ticks"

    def all(self) -> list[tuple[int, str, int]]:
        """The time of each firing, its job and the process that ran it."""
        text = self._file.read_text() if self._file.exists() else ""
        rows = [line.split() for line in text.splitlines()]
        return [(int(at), id, int(pid)) for at, id, pid in rows]

    def wait_for_more(self, count: int) -> None:
        before = len(self.all())
        eventually(lambda: len(self.all()) >= before + count, f"{count} more ticks")


@pytest.fixture
def ticks(tmp_path: Path) -> Ticks:
    (tmp_path / "ticking.py").write_text(MODULE)
    return Ticks(tmp_path)


@pytest.fixture
def workers(redis: RedisProcess, tmp_path: Path, ticks: Ticks) -> Iterator[list[RelayProcess]]:
    options = ("worker", "--redis", redis.url, "--jobs", "ticking", "--lease", "2", "--drain", "1")
    made = [RelayProcess(tmp_path, *options) for _ in range(2)]
    for each in made:
        each.start()
    yield made
    for each in made:
        each.stop()


@pytest.fixture
def run(redis: RedisProcess, tmp_path: Path) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_REDIS": redis.url}
    environment.pop("RELAY_CONFIG", None)

    def running(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "relay.commands.main", "schedules", *words],
            cwd=tmp_path,
            env={**environment, **changed},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return running


def listed(run: Run) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run("list", "--json").stdout)}


def test_two_workers_fire_each_second_once_and_go_on_when_one_is_killed(
    workers: list[RelayProcess], ticks: Ticks, redis: RedisProcess
) -> None:
    ticks.wait_for_more(3)
    workers[0].kill()
    ticks.wait_for_more(3)
    assert workers[1].process is not None
    seen = ticks.all()
    assert seen[-1][2] == workers[1].process.pid
    ids: dict[int, set[str]] = {}
    for at, id, _ in seen:
        ids.setdefault(at, set()).add(id)
    assert all(len(each) == 1 for each in ids.values())
    assert sorted(ids) == list(range(min(ids), max(ids) + 1))  # none was lost


@pytest.mark.long
def test_workers_that_are_started_again_go_on_with_the_schedule(
    workers: list[RelayProcess], ticks: Ticks
) -> None:
    ticks.wait_for_more(2)
    for each in workers:
        each.stop()
    before = len(ticks.all())
    for each in workers:
        each.start()
    ticks.wait_for_more(2)
    times = sorted(at for at, _, _ in ticks.all())
    assert len(times) > before
    assert times == list(range(times[0], times[-1] + 1))  # what was missed was made up for


def test_a_schedule_is_paused_resumed_and_fired_by_the_command(
    workers: list[RelayProcess], ticks: Ticks, run: Run
) -> None:
    ticks.wait_for_more(1)
    eventually(lambda: "yearly" in listed(run), "both schedules are known")
    paused = run("pause", "tick")
    assert (paused.returncode, paused.stderr) == (0, "the schedule of tick is paused\n")
    shown = listed(run)
    assert shown["tick"]["paused"] is not None
    quiet = ticks.all()
    fired = run("fire", "tick")
    assert fired.returncode == 0
    eventually(lambda: fired.stdout.strip() in [id for _, id, _ in ticks.all()], "it runs")
    assert len(ticks.all()) <= len(quiet) + 2  # one may have been on its way
    resumed = run("resume", "tick")
    assert (resumed.returncode, resumed.stderr) == (0, "the schedule of tick goes on\n")
    ticks.wait_for_more(2)
    assert listed(run)["tick"]["paused"] is None


def test_schedules_are_shown_as_a_table_and_as_json(
    workers: list[RelayProcess], ticks: Ticks, run: Run
) -> None:
    ticks.wait_for_more(1)
    eventually(lambda: "yearly" in listed(run), "both schedules are known")
    head, tick, yearly = run("list").stdout.splitlines()
    assert head.split() == ["name", "schedule", "catch", "up", "state", "next", "last", "job"]
    assert tick.split()[:6] == ["tick", "every", "1", "s", "all", "on"]
    assert "0 3 1 1 * (Europe/Berlin)" in yearly
    shown = listed(run)
    assert shown["yearly"] | {"next": ""} == {
        "name": "yearly",
        "cron": "0 3 1 1 *",
        "timezone": "Europe/Berlin",
        "every": None,
        "catch_up": "none",
        "served": True,
        "paused": None,
        "next": "",
        "last": None,
        "job": None,
    }
    due = datetime.fromisoformat(shown["yearly"]["next"])
    assert (due.month, due.day, due.hour) == (1, 1, 3)
    assert shown["tick"]["job"].split("-")[3].endswith("z")


@pytest.mark.long
def test_what_can_not_be_done_is_said_in_one_line(
    workers: list[RelayProcess], ticks: Ticks, run: Run
) -> None:
    for action in ("pause", "resume", "fire"):
        for name in ("nobody", "plain"):
            said = run(action, name)
            assert said.returncode == 1
            assert "has no schedule" in said.stderr
            assert said.stderr.count("\n") == 1
    away = run("list", RELAY_REDIS="redis://127.0.0.1:1/0")
    assert (away.returncode, away.stderr) == (1, "relay: --redis: no answer from redis://127.0.0.1:1\n")
    for words, changed in (
        (("list", "--redis", "nonsense"), {}),
        (("list",), {"RELAY_REDIS": ""}),
        (("list",), {"RELAY_REDIS": "", "RELAY_CONFIG": "missing.toml"}),
        (("pause",), {}),
        (("pause", "a\nb"), {}),
    ):
        said = run(*words, **changed)
        assert said.returncode == 2
        assert said.stderr.count("\n") == 1


def test_a_store_without_schedules_has_a_table_without_rows(run: Run) -> None:
    assert run("list").stdout.splitlines() == ["name  schedule  catch up  state  next  last  job"]
    assert run("list", "--json").stdout == "[]\n"
