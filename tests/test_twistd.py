"""The command line, as an operator meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import ROOT, RelayProcess
from tests.started import start
from tests.topologies.stored import Stored

pytestmark = pytest.mark.processes

TWISTD = str(Path(sys.executable).parent / "twistd")


def run(directory: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run(
        [TWISTD, "-n", "--pidfile=", *arguments],
        cwd=directory,
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["relay", "--grace", "soon"], "--grace"),
        (["relay", "front"], "--redis"),
        (["relay", "worker", "--redis", "http://x"], "--redis"),
        (["relay", "--jobs", "no.such.module"], "--jobs"),
        (["relay", "--jobs", "relay.version"], "no handlers"),
        (["relay", "--listen", "tcp:0"], "--open"),
        (["relay", "--listen", "tcp:0:interface=0.0.0.0"], "--open"),
        (["relay", "--listen", "nonsense:1"], "--listen"),
        (["relay", "--config", "missing.toml"], "--config"),
        (["relay", "--data", "/proc/nowhere"], "--data"),
    ],
    ids=" ".join,
)
def test_wrong_settings_are_one_clear_line_and_exit_1(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    status, errors = run(tmp_path, *arguments)
    assert status == 1
    (line,) = errors.strip().splitlines()
    assert line.startswith("relay: ")
    assert said in line


def test_a_key_that_does_not_fit_its_certificate_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate, other = write_certificate(tmp_path), write_certificate(tmp_path / "other")
    text = certificate.read_text()
    certificate.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
    (tmp_path / "text.pem").write_text("no key")
    for key, said in ((other, "is not the key of"), (tmp_path / "text.pem", "is not a file in PEM")):
        listen = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        status, errors = run(tmp_path, "relay", "--listen", listen)
        assert status == 1
        (line,) = errors.strip().splitlines()
        assert line.startswith("relay: --listen ssl:")
        assert said in line


def test_a_mistake_in_a_handler_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from relay import job\n\n@job(queue='A B')\ndef f(): ...\n")
    status, errors = run(tmp_path, "relay", "--jobs", "mine")
    assert status == 1
    assert errors.count("\n") == 1
    assert "mine.f" in errors


@pytest.mark.parametrize("role", ["all", "worker"])
def test_queues_without_jobs_are_one_clear_line(tmp_path: Path, role: str) -> None:
    redis = ["--redis", "redis://127.0.0.1:1"] if role == "worker" else []
    options = [*redis, "--jobs", "tests.sample_jobs", "--queues", "typo"]
    status, errors = run(tmp_path, "relay", role, "--listen", "tcp:0:interface=127.0.0.1", *options)
    assert status == 1
    assert errors == "relay: --queues: none of the jobs is in typo; their queues are default\n"


def test_modules_of_handlers_are_not_imported_by_the_supervisor(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, subprocess, threading\n"
        "from relay import job\n"
        "open('imported', 'a').write(f'{os.getpid()}\\n')\n"
        "threading.Thread(target=threading.Event().wait).start()\n"  # one that never ends
        "outlives = subprocess.Popen(['sleep', '60'], stderr=subprocess.DEVNULL)\n"
        "open('outlives', 'w').write(str(outlives.pid))\n"
        "@job(timeout=None)\ndef f(): ...\n"
    )
    process = start(
        [TWISTD, "-n", "--pidfile=", "relay", "--listen", "tcp:0:interface=127.0.0.1", "--jobs", "mine"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = process.communicate(timeout=30)
    os.kill(int((tmp_path / "outlives").read_text()), signal.SIGTERM)
    assert process.returncode == 1
    assert said.startswith("relay: --jobs: job f (mine.f): timeout None")
    assert said.count("\n") == 1
    assert str(process.pid) not in (tmp_path / "imported").read_text().split()


def test_a_module_that_ends_its_process_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    status, errors = run(tmp_path, "relay", "--listen", "tcp:0:interface=127.0.0.1", "--jobs", "mine")
    assert (status, errors) == (
        1,
        "relay: --jobs: the process that imports the handlers ended with status -9\n",
    )


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, relay: RelayProcess) -> None:
    status, errors = run(tmp_path, "relay", "--listen", f"tcp:{relay.port}:interface=127.0.0.1")
    assert status == 1
    assert "in use" in errors


def test_two_relays_do_not_share_a_data_directory(
    tmp_path: Path, relay: RelayProcess, relay_store: Stored | None
) -> None:
    if relay_store is not None:
        pytest.skip("with --store the relay has no data directory of its own")
    data = str(relay.directory / "relay-data")
    status, errors = run(tmp_path, "relay", "--listen", "tcp:0:interface=127.0.0.1", "--data", data)
    assert status == 1
    assert "another relay" in errors


def test_help_lists_commands_and_settings(tmp_path: Path) -> None:
    done = subprocess.run([TWISTD, "relay", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for word in ("all", "front", "worker", "--heartbeat", "--listen", "--config"):
        assert word in done.stdout
