"""Clients that public generators make of the description: they compile, and are answered what they expect."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RelayProcess

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent
NODE, NPM = shutil.which("node"), shutil.which("npm")
_AWAY = re.compile(r"npm error code (E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH))")


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """What a program printed; it has to succeed."""
    given = {**os.environ, **environment}
    done = subprocess.run(words, cwd=cwd, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def description(described_relay: RelayProcess, tmp_path: Path) -> Path:
    """A file with it."""
    file = tmp_path / "openapi.json"
    file.write_bytes(described_relay.call("GET", "/openapi.json").body)
    return file


def told(printed: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return said


def test_one_of_openapi_python_client_works(
    description: Path, described_relay: RelayProcess, tmp_path: Path
) -> None:
    generator = Path(sys.executable).parent / "openapi-python-client"
    words = (
        "generate",
        "--path",
        description,
        "--output-path",
        tmp_path / "made",
        "--meta",
        "none",
        "--fail-on-warning",
    )
    said = run(generator, *words, cwd=tmp_path, PATH=f"{generator.parent}:{os.environ['PATH']}")
    assert "Warning" not in said
    address = f"http://127.0.0.1:{described_relay.port}"
    assert told(run(sys.executable, HERE / "client.py", address, cwd=tmp_path, PYTHONPATH=str(tmp_path))) == {
        "submitted": ["succeeded", 24],
        "under_a_key": [True, "true"],
        "looked_at": [202, "cancelled"],
        "delayed": 202,
        "declined": [402, "/problems/card-declined", {"limit": 500}],
        "flooded": [500, "/problems/bank-flooded", {}],
        "refused": [422, "/euros"],
    }


@pytest.fixture(scope="module")
def npm_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that `npm/package-lock.json` names. Skips where the registry can't be reached."""
    folder = tmp_path_factory.mktemp("npm") / "project"
    shutil.copytree(HERE / "npm", folder, ignore=shutil.ignore_patterns("node_modules"))
    words = [str(NPM), "ci", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if away := _AWAY.search(done.stderr):
        pytest.skip(f"npm's registry can't be reached ({away[1]})")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.skipif(not (NODE and NPM), reason="needs Node.js and npm")
def test_one_of_openapi_typescript_compiles_and_works(
    npm_project: Path, description: Path, described_relay: RelayProcess
) -> None:
    made = npm_project / "node_modules/.bin"
    run(
        made / "openapi-typescript",
        description,
        "-o",
        "api.d.ts",
        "--default-non-nullable",
        "false",
        cwd=npm_project,
    )
    run(made / "tsc", "-p", ".", cwd=npm_project)
    address = f"http://127.0.0.1:{described_relay.port}"
    assert told(run(str(NODE), "made/client.js", address, cwd=npm_project)) == {
        "submitted": ["succeeded", 24],
        "underAKey": [True, "true"],
        "lookedAt": [202, "cancelled"],
        "failed": [402, "/problems/card-declined"],
        "refused": [422, "/box"],
    }
