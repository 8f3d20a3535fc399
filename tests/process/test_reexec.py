"""A supervisor that goes on as itself anew: new code and settings, the same sockets, children and Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.process import pidfile, reexec
from tests.processes import ROOT, Client, RelayProcess, eventually, free_port

CONFIG = "grace = 0.2\nheartbeat = 0.3\ndrain = 5\n"
STARTED = r"twistd [\d.]+ \(.*\) starting up"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    (tmp_path / "relay.toml").write_text(CONFIG)
    relay = RelayProcess(tmp_path, "all", "--config", "relay.toml", "--set", "given=yes")
    relay.start()
    yield relay
    assert relay.stop() == 0
    assert relay.tracebacks() == 0, relay.log_tail()


def configure(relay: RelayProcess, more: str) -> None:
    (relay.directory / "relay.toml").write_text(CONFIG + more)


def replaced(relay: RelayProcess, role: str, before: list[int], count: int) -> list[int]:
    """The processes of a role, once none of the former is left."""

    def now() -> list[int]:
        found = relay.children(role)
        return found if len(found) == count and not set(found) & set(before) else []

    return eventually(now, f"there are {count} new {role}", 60)  # type: ignore[no-any-return]


@pytest.mark.processes
def test_it_is_another_program_with_other_settings_and_what_runs_stays(relay: RelayProcess) -> None:
    assert relay.process is not None
    redis = relay.children("valkey-server")
    fronts, workers = relay.children("relay front"), relay.children("relay worker")
    running = relay.call("POST", "/jobs/sleep", {"seconds": 4}, {"Prefer": "respond-async"}).json()["id"]
    kept = relay.call("PUT", "/jobs/echo/before", {"message": "before"}).json()
    configure(relay, "workers = 2\nfronts = 2\nprefix = '/v2'\n")
    relay.signal(signal.SIGHUP)
    while set(relay.children("relay front")) & set(fronts):  # nobody is refused meanwhile
        assert relay.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1
    relay.wait_for(STARTED, count=2)
    fronts = replaced(relay, "relay front", fronts, 2)
    replaced(relay, "relay worker", workers, 2)
    assert relay.children("valkey-server") == redis
    assert relay.call("POST", "/jobs/echo", {}).headers["location"].startswith("/v2/")
    assert relay.call("GET", "/jobs/echo/before").json() == kept
    answer = relay.call("GET", f"/jobs/{running}", None, {"Prefer": "wait=20"}).json()
    assert (answer["result"], answer["attempts"]) == ({"slept": 4.0}, 1)
    os.kill(fronts[0], signal.SIGKILL)  # what was taken over is looked after as well
    replaced(relay, "relay front", fronts[:1], 2)


@pytest.mark.processes
@pytest.mark.long
def test_with_fewer_places_those_left_over_leave(relay: RelayProcess) -> None:
    configure(relay, "workers = 3\n")
    before = relay.children("relay worker")
    relay.signal(signal.SIGHUP)
    before = replaced(relay, "relay worker", before, 3)
    configure(relay, "workers = 1\n")
    relay.signal(signal.SIGHUP)
    before = replaced(relay, "relay worker", before, 1)
    os.kill(before[0], signal.SIGKILL)
    replaced(relay, "relay worker", before, 1)


MISTAKES = {
    "heartbaet = 3\n": "did you mean heartbeat",
    "jobs = ['no_such_module']\n": "no_such_module",
    "data = 'elsewhere'\n": "--data has changed: stop relay and start it again",
    "ticket_secrets = 'missing'\n": "--ticket-secrets: .*missing",
}


@pytest.mark.processes
def test_a_mistake_changes_nothing(relay: RelayProcess) -> None:
    before = relay.children("relay front"), relay.children("relay worker")
    for wrong, said in MISTAKES.items():
        configure(relay, wrong)
        relay.signal(signal.SIGHUP)
        relay.wait_for(f"nothing is replaced: .*{said}")
    assert relay.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1
    assert (relay.children("relay front"), relay.children("relay worker")) == before


@pytest.mark.processes
@pytest.mark.long
def test_again_and_again(relay: RelayProcess) -> None:
    """Also while it is at it."""
    before = relay.children("relay front")
    relay.signal(signal.SIGHUP)
    relay.wait_for(STARTED, count=2)
    relay.signal(signal.SIGHUP)
    relay.wait_for(STARTED, count=3)
    relay.signal(signal.SIGHUP)
    relay.wait_for(STARTED, count=4)
    replaced(relay, "relay front", before, 1)
    relay.wait_for("worker 1 is replaced")
    assert relay.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1


@pytest.mark.processes
@pytest.mark.long
def test_a_daemon_stays_one(tmp_path: Path) -> None:
    port, twistd = free_port(), Path(sys.executable).parent / "twistd"
    listen = f"tcp:{port}:interface=127.0.0.1"
    command = [str(twistd), "--pidfile=here.pid", "--logfile=here.log", "relay", "--listen", listen]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=60)
    log, pid_file = tmp_path / "here.log", tmp_path / "here.pid"
    pid = int(eventually(lambda: pid_file.exists() and pid_file.read_text(), "the pid file"))
    eventually(lambda: log.read_text().count("relay worker serves") == 1, "it serves")
    os.kill(pid, signal.SIGHUP)
    eventually(lambda: log.read_text().count("relay worker serves") == 2, "it serves again", 60)
    assert log.read_text().count("starting up") == 2
    assert int(pid_file.read_text()) == pid
    with Client(port) as client:
        client.request("POST", "/jobs/echo", {"message": 1})
        assert client.response().json()["result"] == 1
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "it has ended")
    assert "Traceback" not in log.read_text()
    assert not pid_file.exists()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (["twistd", "-n", "relay"], "twistd.pid"),
        (["twistd", "--pidfile=", "relay"], ""),
        (["twistd", "--pidfile", "/run/one.pid", "relay"], "/run/one.pid"),
        (["twistd", "--pid=two.pid", "-n"], "two.pid"),
    ],
)
def test_the_pid_file_is_where_twistd_was_told(given: list[str], path: str) -> None:
    assert reexec.pid_file(given) == Path(reexec.DIRECTORY, path)


def test_a_pid_file_of_an_earlier_life_is_removed(tmp_path: Path) -> None:
    """In a container the first process has the same number each time."""
    path = tmp_path / "twistd.pid"
    path.write_text(str(os.getpid()))
    pidfile.remove_stale(path)
    assert not path.exists()
    path.write_text(str(os.getppid()))
    pidfile.remove_stale(path)
    assert path.exists()
    os.utime(path, (0, 0))
    pidfile.remove_stale(path)
    assert not path.exists()
    path.write_text("what is this?")
    pidfile.remove_stale(path)
    assert path.exists()
    pidfile.remove_stale(tmp_path / "missing")


def test_where_another_program_can_not_be_started_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "twistd.pid"
    path.write_text(str(os.getpid()))
    monkeypatch.setattr(sys, "argv", ["twistd", "--pidfile", str(path)])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="missing"):
        reexec.go_on(reexec.Inherited([], [], []))
    assert path.read_text() == str(os.getpid())
    assert os.listdir("/proc/self/fd") == before


def test_what_is_left_may_be_long_and_has_the_beginnings_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable holds 128 KiB."""
    child = reexec.ChildState("w1", 1, 3, 4, {}, True, False, None, -1, {1: b"\xff half a l"}, {"7": '{"a'})
    left = reexec.Inherited([], [reexec.ManagedState("worker", 1, True, 5.0, [child] * 2000)], [])
    found: list[reexec.Inherited | None] = []

    def execve(program: str, arguments: list[str], environment: dict[str, str]) -> None:
        assert max(map(len, environment.values())) < 100_000
        found.append(
            reexec.inherited(environment | {reexec.VARIABLE: str(os.dup(int(environment[reexec.VARIABLE])))})
        )
        raise OSError("for now")

    monkeypatch.setattr(os, "execve", execve)
    with pytest.raises(OSError, match="for now"):
        reexec.go_on(left)
    assert found == [left]


@pytest.mark.long
@pytest.mark.processes
def test_half_a_line_and_half_a_record_outlive_the_program(relay: RelayProcess) -> None:
    """What a child had begun to write is put together with what comes later."""
    (relay.directory / "slow_writer.py").write_text(
        "import os, sys, time\nfrom relay import job\n"
        "@job(thread=True)\ndef write() -> int:\n"
        "    os.write(1, b'the first half, ')\n    print('begun', file=sys.stderr)\n"
        "    from pathlib import Path\n"
        "    while not Path('go').exists(): time.sleep(0.05)\n"
        "    os.write(1, b'the second half\\n')\n    return 1\n"
    )
    configure(relay, "jobs = ['slow_writer']\n")
    before = relay.children("relay worker")
    relay.signal(signal.SIGHUP)
    replaced(relay, "relay worker", before, 1)
    with relay.connect() as client:
        client.request("POST", "/jobs/write", {})
        relay.wait_for("begun")
        relay.signal(signal.SIGHUP)
        relay.wait_for(STARTED, count=3)
        (relay.directory / "go").touch()
        assert json.loads(client.response().body)["result"] == 1
    relay.wait_for("the first half, the second half$")
