"""The tutorial, followed from its empty folder: its files, its commands, and what it says that they print."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, LoggedProcess, RelayProcess, eventually, free_port
from tests.test_docs import FENCE

TEXT = (ROOT / "docs/tutorial.md").read_text()
#: name of a file, by the language and the order of the blocks that are it
FILES = ("shop.py", "prices.py", "test_prices.py")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, with its three files; the shop's port is one that is free."""
    folder = tmp_path_factory.mktemp("prices")
    texts = [text for language, text in FENCE.findall(TEXT) if language == "python"]
    port = str(free_port())
    for name, text in zip(FILES, texts, strict=True):
        (folder / name).write_text(text.replace("9000", port))
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def shop(folder: Path, environment: dict[str, str]) -> Iterator[LoggedProcess]:
    shop = LoggedProcess([sys.executable, "shop.py"], environment, folder)
    shop.start()
    eventually(lambda: listens(folder), "the shop listens")
    yield shop
    shop.process.kill()
    shop.process.wait()


def listens(folder: Path) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port_of(folder))):
        return True
    return False


def port_of(folder: Path) -> int:
    found = re.search(r'"127\.0\.0\.1", (\d+)', (folder / "shop.py").read_text())
    assert found is not None
    return int(found[1])


def command(beginning: str) -> list[str]:
    """A command of the tutorial, as a shell would read it."""
    (found,) = [line for line in TEXT.splitlines() if line.startswith(beginning)]
    return found.split()


def said_by(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_handler_runs_in_the_terminal(
    shop: LoggedProcess, folder: Path, environment: dict[str, str]
) -> None:
    said = said_by(command("relay run"), folder, environment)
    assert said in TEXT
    assert json.loads(said) == {"shop": "corner", "price": 16}


def test_its_tests_pass(folder: Path, environment: dict[str, str]) -> None:
    assert "3 passed" in said_by(command("pytest"), folder, environment)


@pytest.mark.long
def test_a_phone_is_answered(shop: LoggedProcess, folder: Path, environment: dict[str, str]) -> None:
    words = command("twistd -n relay")[3:]
    relay = RelayProcess(folder, "all", *words, environment=environment)
    relay.start()
    try:
        held = relay.call("POST", "/jobs/cheapest", {"thing": "umbrella"}).json()
        assert held["result"] == {"shop": "corner", "price": 16}
        asked = relay.call("POST", "/jobs/cheapest", {"thing": "umbrella"}, {"Prefer": "respond-async"})
        assert asked.status == 202
        looked = relay.call("GET", asked.headers["location"], headers={"Prefer": "wait=30"})
        assert looked.json()["result"]["price"] == 16
        (folder / "prices.py").write_text(
            (folder / "prices.py").read_text().replace('"shop": best', '"at": best')
        )
        relay.wait_for("relay worker serves", 2)
        eventually(lambda: "at" in ask(relay), "the new code answers")
    finally:
        relay.stop()


def ask(relay: RelayProcess) -> dict[str, object]:
    answer: dict[str, object] = relay.call("POST", "/jobs/cheapest", {"thing": "umbrella"}).json()["result"]
    return answer
