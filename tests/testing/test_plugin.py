"""The fixtures in runs of pytest of their own: alone, next to pytest-asyncio, next to pytest-twisted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

JOBS = """
from relay import Context, job


@job(timeout=60, retries=5)
async def page(context: Context, url: str) -> str:
    response = await context.http.get(url)
    return await response.text()
"""
ALONE = """
import sys

from jobs import page
from relay.testing import Answer

URL = "https://api.example/"


def test_one_job(relay_run):
    assert relay_run(page, url=URL, api={URL: Answer(text="hello", delay=25)}).value() == "hello"


def test_a_relay(relay_app):
    relay = relay_app(page, api={URL: "hello"})
    ran = relay.submission(delay=86_400)(page, url=URL)
    relay.run_until_idle()
    assert ran.value() == "hello"
"""
ASYNCIO = """
import asyncio

import pytest
from jobs import page
from relay.testing import run_async

URL = "https://api.example/"


@pytest.mark.asyncio
async def test_in_a_loop(relay_run, relay_app):
    assert relay_run(page, url=URL, api={URL: "hello"}).value() == "hello"
    assert relay_app(page, api={URL: "hello"}).run(page, url=URL).value() == "hello"
    ran, _ = await asyncio.gather(run_async(page, url=URL, api={URL: "hello"}), asyncio.sleep(0))
    assert ran.value() == "hello"
"""
TWISTED = """
import pytest_twisted
from jobs import page
from twisted.internet import reactor
from twisted.internet.task import deferLater

URL = "https://api.example/"


@pytest_twisted.ensureDeferred
async def test_in_a_reactor(relay_run, relay_app):
    await deferLater(reactor, 0)
    assert reactor.running
    assert relay_run(page, url=URL, api={URL: "hello"}).value() == "hello"
    assert relay_app(page, api={URL: "hello"}).run(page, url=URL).value() == "hello"
    await deferLater(reactor, 0)
"""


def passed(folder: Path, test: str, *options: str) -> str:
    """The last line that pytest writes of a test, run with the plugin alone and what the options bring."""
    (folder / "jobs.py").write_text(JOBS)
    (folder / "test_jobs.py").write_text(test)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "relay.testing.plugin", *options, "test_jobs.py"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("test", "options", "count"),
    [
        (ALONE, (), 2),
        (ASYNCIO, ("-p", "pytest_asyncio.plugin"), 1),
        (TWISTED, ("-p", "pytest_twisted"), 1),
        (TWISTED, ("-p", "pytest_twisted", "--reactor", "asyncio"), 1),
    ],
    ids=["alone", "asyncio", "twisted", "twisted over asyncio"],
)
def test_the_fixtures_work(tmp_path: Path, test: str, options: tuple[str, ...], count: int) -> None:
    assert passed(tmp_path, test, *options).startswith(f"{count} passed")


@pytest.mark.processes
def test_the_plugin_brings_no_twisted() -> None:
    code = "import relay.testing.plugin, sys; sys.exit(any(n.startswith('twisted') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
