"""Where relay listens: sockets of systemd, what the log says, fronts that can't."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.defer import ensureDeferred, fail
from twisted.internet.task import Clock

from relay.front.credentials import Credentials
from relay.front.front import Front, FrontTools
from relay.model.settings import Settings
from relay.process.sockets import BoundEndpoint, shown
from tests.certificates import write_certificate
from tests.processes import ROOT, LoggedProcess, RedisProcess, RelayProcess, eventually, free_port

ACTIVATE = shutil.which("systemd-socket-activate")
TWISTD = str(Path(sys.executable).parent / "twistd")
JOBS = """
import os, subprocess
from relay import job

@job(thread=True)
def variables() -> list[str]:
    said = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if line.startswith("LISTEN_")]
"""

needs_systemd = pytest.mark.skipif(
    ACTIVATE is None, reason="there is no systemd-socket-activate on this machine"
)


class Activated(RelayProcess):
    """``twistd relay …`` as systemd starts it when somebody connects; `sockets` are what systemd listens on."""

    def __init__(self, directory: Path, sockets: list[str], names: str, *options: str) -> None:
        super().__init__(directory, *options)
        (directory / "mine.py").write_text(JOBS)
        listen = [word for at in sockets for word in ("-l", at)]
        del self._command[-2:]  # the plain endpoint
        self._command = [str(ACTIVATE), f"--fdname={names}", *listen, *self._command]
        self._environment["PYTHONPATH"] += f"{os.pathsep}{directory}"
        self.port = int(next(at for at in sockets if at.startswith("127")).rpartition(":")[2])

    def start(self) -> None:
        LoggedProcess.start(self)
        self.wait_for("Listening on")


def variables(relay: RelayProcess) -> list[str]:
    eventually(lambda: relay.call("POST", "/jobs/variables").status == 200, "the job is known")
    result: list[str] = relay.call("POST", "/jobs/variables").json()["result"]
    return result


@pytest.mark.processes
@needs_systemd
@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param("systemd:domain=INET:index=1", marks=pytest.mark.long),
        pytest.param("systemd:domain=INET:name=relay", marks=pytest.mark.long),
        "haproxy:systemd:domain=INET:name=relay",
    ],
    ids=["index", "name", "haproxy"],
)
def test_all_serves_a_socket_of_systemd_through_every_front(tmp_path: Path, endpoint: str) -> None:
    is_proxied = endpoint.startswith("haproxy:")
    port, unused = free_port(), tmp_path / "unused.sock"
    options = ("all", "--jobs", "mine", "--fronts", "2", "--drain", "1", "--listen", endpoint)
    relay = Activated(tmp_path, [str(unused), f"127.0.0.1:{port}"], "unused:relay", *options)
    relay.start()
    with relay.connect() as first:
        if is_proxied:
            first.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n")
        first.request("GET", "/healthz")
        assert first.response().status == (403 if is_proxied else 200)  # no proxy is trusted
    relay.wait_for(
        rf"relay listens on http://127\.0\.0\.1:{port}{' .a PROXY header is expected' if is_proxied else '$'}"
    )
    if not is_proxied:
        assert variables(relay) == []
        for child in relay.children(""):
            assert b"LISTEN_" not in Path(f"/proc/{child}/environ").read_bytes()
        relay.signal(signal.SIGHUP)
        relay.wait_for("relay front listens", count=4)
        assert variables(relay) == []
    assert relay.stop() == 0
    assert relay.tracebacks() == 0, relay.log_tail()


@needs_systemd
def test_a_lone_front_serves_sockets_of_systemd(redis: RedisProcess, tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "relay.sock"
    listen = ("--listen", "systemd:domain=UNIX:name=inside", "--listen", "systemd:domain=INET:name=outside")
    front = Activated(
        tmp_path, [f"127.0.0.1:{port}", str(path)], "outside:inside", "front", "--redis", redis.url, *listen
    )
    front.start()
    assert front.call("GET", "/healthz").status == 200
    front.wait_for(rf"relay front listens on unix:{path}")
    assert is_healthy(path)
    assert front.stop() == 0
    assert path.is_socket()  # systemd serves it
    assert front.tracebacks() == 0, front.log_tail()


@pytest.mark.processes
@pytest.mark.long
def test_a_unix_socket_stays_with_its_mode_when_fronts_are_replaced(tmp_path: Path) -> None:
    """Each time a front begins and ends to serve it. It goes with relay."""
    path = tmp_path / "relay.sock"
    relay = RelayProcess(
        tmp_path, "all", "--fronts", "2", "--drain", "5", "--listen", f"unix:{path}:mode=600"
    )
    relay.start()
    before = set(relay.children("relay front"))
    for _ in range(2):
        assert path.stat().st_mode & 0o777 == 0o600
        assert is_healthy(path)
        relay.signal(signal.SIGHUP)
        eventually(lambda: not before & set(relay.children("relay front")), "the old fronts have gone")  # noqa: B023
        before = set(relay.children("relay front"))
    assert is_healthy(path)
    assert relay.stop() == 0
    assert not path.exists()
    assert relay.tracebacks() == 0, relay.log_tail()


def test_a_unix_socket_goes_with_a_lone_front(redis: RedisProcess, tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--listen", f"unix:{path}:mode=600")
    front.start()
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_healthy(path)
    assert front.stop() == 0
    assert not path.exists()


def is_healthy(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(20)
        connected.connect(str(path))
        connected.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return b" 200 OK\r\n" in connected.recv(65536)


@pytest.mark.processes
@needs_systemd
@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("systemd:domain=INET:index=5", "systemd handed over no such socket"),
        ("systemd:domain=INET:name=typo", "systemd handed over no such socket ('typo')"),
        ("systemd:domain=INET", "exactly one of descriptor index or name"),
    ],
)
def test_a_socket_that_was_not_handed_over_is_one_clear_line(
    tmp_path: Path, endpoint: str, said: str
) -> None:
    options = ("all", "--jobs", "mine", "--listen", endpoint)
    relay = Activated(tmp_path, [f"127.0.0.1:{free_port()}"], "relay", *options)
    relay.start()
    with relay.connect():
        assert said in relay.wait_for("^relay: --listen").string
        assert relay.process is not None
        assert relay.process.wait(20) == 1
    assert relay.tracebacks() == 0, relay.log_tail()


@pytest.mark.processes
@pytest.mark.parametrize("role", ["all", "front"])
def test_a_socket_of_systemd_where_there_is_none_is_one_clear_line(tmp_path: Path, role: str) -> None:
    options = [] if role == "all" else ["--redis", "redis://127.0.0.1:1"]
    command = [TWISTD, "-n", "--pidfile=", "relay", role, *options, "--listen", "systemd:domain=INET:index=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "systemd handed over no such socket" in done.stderr


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("tcp:0:interface=127.0.0.1", r"http://127\.0\.0\.1:\d+"),
        ("ssl:0:interface=127.0.0.1", r"https://127\.0\.0\.1:\d+"),
        ("haproxy:tcp:0", r"http://127\.0\.0\.1:\d+ \(a PROXY header is expected\)"),
        ("haproxy:ssl:0", r"https://127\.0\.0\.1:\d+ \(a PROXY header is expected\)"),
        ("systemd:domain=INET:name=a", r"http://127\.0\.0\.1:\d+"),
    ],
)
def test_the_log_says_what_is_spoken_where(description: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert re.fullmatch(said, shown(listening, description))


def test_the_log_shows_other_sockets_by_their_names(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as named, socket.socket(socket.AF_UNIX) as abstract:
        named.bind(str(tmp_path / "a"))
        abstract.bind("\0relay-test")
        assert shown(named, "unix:a") == f"unix:{tmp_path}/a"
        assert shown(abstract, "systemd:domain=UNIX:index=0") == "unix:@relay-test"
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        assert shown(listening, "tcp6:0") == f"http://[::1]:{listening.getsockname()[1]}"


@pytest.mark.processes
def test_relay_says_that_it_listens_when_it_answers(tmp_path: Path) -> None:
    pem = write_certificate(tmp_path)
    endpoint = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    relay = RelayProcess(tmp_path, "all", "--jobs", "relay.jobs", "--listen", endpoint)
    relay.start()
    relay.wait_for(r"relay listens on https://127\.0\.0\.1:\d+$")
    relay.wait_for(r"relay listens on http://127\.0\.0\.1:\d+$")
    said = [line for line in relay._lines if "listens on" in line]
    assert ["front 1" in line for line in said] == [True, True, False, False]
    assert relay.call("GET", "/healthz").status == 200
    relay.stop()


def test_a_front_that_cannot_listen_gives_up() -> None:
    class Deaf:
        def listen(self, factory: Any) -> Any:
            return fail(OSError(24, "Too many open files"))

        def __str__(self) -> str:
            return "http://127.0.0.1:1"

    reasons: list[str] = []
    tools = FrontTools(
        Clock(), Mock(inbox="f", partitions=1), Mock(), [Deaf()], Credentials(), reasons.append
    )  # type: ignore[list-item]
    front = Front(tools, Settings())
    ensureDeferred(front._listen())
    assert reasons == ["the front can't listen on http://127.0.0.1:1: [Errno 24] Too many open files"]
    assert not front.ready.called


@pytest.fixture
def deaf(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    """A front whose socket fails when it is to serve it."""
    code = (
        "import sys; from relay.process import sockets; from twisted.internet.defer import fail; "
        "sockets.BoundEndpoint.listen = lambda self, factory: fail(OSError(24, 'Too many open files')); "
        "from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    )
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--drain", "1")
    front._command = [sys.executable, "-c", code, *front._command[1:]]
    LoggedProcess.start(front)
    yield front
    if front.process and front.process.poll() is None:
        front.kill()


def test_a_front_that_cannot_listen_ends_with_an_error(deaf: RelayProcess) -> None:
    assert (
        "critical" in deaf.wait_for("the front can't listen on http://127.0.0.1:.*Too many open files").string
    )
    assert deaf.process is not None
    assert deaf.process.wait(20) == 1
    assert deaf.tracebacks() == 0, deaf.log_tail()


def test_an_endpoint_that_can_not_be_read_any_more_is_a_wrong_setting(tmp_path: Path) -> None:
    from relay.model.settings import SettingError

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(SettingError, match="--listen ssl"),
    ):
        BoundEndpoint(Mock(), f"ssl:0:privateKey={tmp_path}/gone.pem", listening)
