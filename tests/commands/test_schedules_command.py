"""Schedules in real processes: two workers, one that dies, and the command ``relay schedules``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.store.keys import Keys
from relay.store.scripts import script
from tests.commands.shell import Ran, Shell
from tests.processes import RedisProcess, RelayProcess, eventually

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
Run = Callable[..., Ran]


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
def shell(redis: RedisProcess, tmp_path: Path) -> Iterator[Shell]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    shell = Shell(tmp_path, {**environment, "RELAY_REDIS": redis.url})
    yield shell
    shell.close()


@pytest.fixture
def run(shell: Shell) -> Run:
    return lambda *words, **changed: shell.run("schedules", *words, **changed)


def listed(run: Run) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run("list", "--json").output)}


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
    assert (paused.status, paused.said) == (0, "the schedule of tick is paused\n")
    shown = listed(run)
    assert shown["tick"]["paused"] > 0
    quiet = ticks.all()
    fired = run("fire", "tick")
    assert fired.status == 0
    eventually(lambda: fired.output.strip() in [id for _, id, _ in ticks.all()], "it runs")
    assert len(ticks.all()) <= len(quiet) + 2  # one may have been on its way
    resumed = run("resume", "tick")
    assert (resumed.status, resumed.said) == (0, "the schedule of tick goes on\n")
    ticks.wait_for_more(2)
    assert listed(run)["tick"]["paused"] == 0


def test_schedules_are_shown_as_a_table_and_as_json(
    workers: list[RelayProcess], ticks: Ticks, run: Run
) -> None:
    ticks.wait_for_more(1)
    eventually(lambda: "yearly" in listed(run), "both schedules are known")
    head, tick, yearly = run("list").output.splitlines()
    assert head.split() == ["name", "schedule", "catch", "up", "state", "next", "last", "job"]
    assert tick.split()[:6] == ["tick", "every", "1", "s", "all", "on"]
    assert "0 3 1 1 * (Europe/Berlin)" in yearly
    shown = listed(run)
    assert shown["yearly"] | {"due": 0} == {
        "name": "yearly",
        "text": "0 3 1 1 * (Europe/Berlin)",
        "due": 0,
        "fired": 0,
        "id": "",
        "paused": 0,
        "served": True,
        "catch_up": "none",
        "timezone": "Europe/Berlin",
    }
    due = datetime.fromtimestamp(shown["yearly"]["due"] / 1000, ZoneInfo("Europe/Berlin"))
    assert (due.month, due.day, due.hour) == (1, 1, 3)
    assert due.isoformat() in yearly
    assert shown["tick"]["id"].split("-")[3].endswith("z")


@pytest.mark.long
def test_what_can_not_be_done_is_said_in_one_line(
    workers: list[RelayProcess], ticks: Ticks, run: Run
) -> None:
    for action in ("pause", "resume", "fire"):
        for name in ("nobody", "plain"):
            said = run(action, name)
            assert said.status == 1
            assert "has no schedule" in said.said
            assert said.said.count("\n") == 1
    away = run("list", RELAY_REDIS="redis://127.0.0.1:1/0")
    assert (away.status, away.said) == (1, "relay: --redis: no answer from redis://127.0.0.1:1\n")
    for words, changed in (
        (("list", "--redis", "nonsense"), {}),
        (("list",), {"RELAY_REDIS": "", "RELAY_CONFIG": "missing.toml"}),
        (("pause",), {}),
        (("pause", "a\nb"), {}),
    ):
        said = run(*words, **changed)
        assert said.status == 2
        assert said.said.count("\n") == 1


def test_a_store_that_no_relay_has_used_is_said_to_be_one(run: Run, redis: RedisProcess) -> None:
    said = run("list")
    assert (said.status, said.output) == (1, "")
    assert said.said.startswith("relay: --redis: no relay has used this store yet")
    assert redis.client.dbsize() == 0


def test_a_store_without_schedules_has_a_table_without_rows(run: Run, redis: RedisProcess) -> None:
    redis.client.eval(script("open").text, 2, *Keys().declared, "k7", "", -1, "", 1)
    assert run("list").output.splitlines() == ["name  schedule  catch up  state  next  last  job"]
    assert run("list", "--json").output == "[]\n"
