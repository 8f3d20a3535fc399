"""``relay run``: one job in a process of its own, without Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relay import job
from relay.commands import run_arguments
from relay.commands.main import main
from relay.handlers import handler
from tests.processes import ROOT
from tests.started import start

SHOP = """
import asyncio

from relay import Context, JobError, job


def share(whole, parts):
    return whole / parts


@job(retries=3)
async def divide(context: Context, parts: int, tag: str = "", tags: list[str] | None = None) -> list:
    print("printed")
    context.progress(0.5, "half")
    context.log.info("attempt {attempt}", attempt=context.attempt)
    await asyncio.sleep(0.01)
    return [share(12, parts), tag, tags]


@job(thread=True)
def outer(context: Context) -> list:
    return context.wait(lambda: context.submit("divide", parts=6))


@job
async def declined() -> None:
    raise JobError("no funds", status=402, type="card-declined")


@job
async def endless(context: Context) -> None:
    context.progress(0, "begins")
    await asyncio.sleep(1000)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "relay.commands.main", "run", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_JOBS": "shop"}


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    """Its status, and what it wrote."""
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.processes
def test_the_result_alone_is_on_standard_output(shop: Path) -> None:
    status, output, errors = run(shop, "divide", "parts=3", "tag=7", 'tags=["a"]')
    assert (status, json.loads(output)) == (0, [4.0, "7", ["a"]])
    assert errors.splitlines() == ["printed", "[ 50%] divide: half", "attempt 1"]


@pytest.mark.processes
def test_an_error_shows_the_lines_of_its_author_only(shop: Path) -> None:
    status, output, errors = run(shop, "divide", "parts=0")
    assert (status, output) == (1, "")
    places = [line.strip() for line in errors.splitlines() if line.startswith("  File")]
    assert [place.rpartition(" in ")[2] for place in places] == ["divide", "share"]
    assert errors.splitlines()[-1] == "divide failed: ZeroDivisionError: division by zero"
    assert errors.count("attempt") == 1


@pytest.mark.processes
def test_a_job_is_tried_again_where_that_is_asked_for(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("retries=3", "retries=1"))
    _, _, errors = run(shop, "divide", "parts=0", "--retry")
    assert "attempt 1" in errors
    assert "attempt 2" in errors


@pytest.mark.processes
def test_what_could_not_begin_is_said_in_words(shop: Path) -> None:
    for words, said in (
        (("divid",), "there is no job divid: did you mean divide?"),
        (("divide", "parts=x", "more=1"), "parts: the value is not of type"),
        (("divide", "--json", "[1]"), "--json: it is not a JSON object"),
        (("divide", "--jobs", "nowhere"), "--jobs: No module named 'nowhere'"),
        (("divide", "parts"), "'parts' is not of the form ARG=VALUE"),
    ):
        status, output, errors = run(shop, *words)
        assert (status, output) == (2, "")
        assert said in errors
        assert "Traceback" not in errors


@pytest.mark.processes
def test_problems_and_sub_jobs_are_those_of_a_worker(shop: Path) -> None:
    assert run(shop, "declined") == (1, "", "declined failed: card-declined (402): no funds\n")
    status, output, _ = run(shop, "outer")
    assert (status, json.loads(output)) == (0, [2.0, "", None])


@pytest.mark.processes
def test_an_interrupt_ends_it(shop: Path) -> None:
    with start(command("endless"), cwd=shop, env=environment(), stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"[  0%] endless: begins\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130


@job
def takes(
    number: int, text: str, either: int | str, anything: Any, flag: bool, none: int | None = None
) -> None:
    pass


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "Run one job here and now, without Redis, and show its result. The result is written"),
        (["schedules"], "Show when jobs are fired, pause and resume their schedules, fire them by hand."),
        (["tokens", "add"], "Make a caller and its token, which is written to standard output, once."),
    ],
)
def test_the_help_of_a_command_says_what_it_does(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_value_is_what_the_job_takes() -> None:
    schema = handler(takes).schema()
    given = [
        ("number", "5", False),
        ("text", "5", False),
        ("either", "5", False),
        ("anything", "5", False),
        ("flag", "true", False),
        ("none", "null", False),
        ("said", "[5]", True),
    ]
    read = json.loads(run_arguments.arguments_of(given, '{"number": 1, "more": 2}', schema))
    assert read == {
        "number": 5,
        "text": "5",
        "either": "5",
        "anything": 5,
        "flag": True,
        "none": None,
        "said": [5],
        "more": 2,
    }
    assert run_arguments.value_of("not JSON", "number", schema) == "not JSON"
