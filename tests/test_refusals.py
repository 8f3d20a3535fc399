"""A Redis that says no for a while: relay says so, and goes on as soon as it says yes again."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey

from tests.processes import RedisProcess, RelayProcess, eventually
from tests.test_twistd import ROOT, TWISTD

pytestmark = pytest.mark.processes

QUICK = ("--grace", "0.3", "--heartbeat", "1", "--drain", "2")
_LOOP = "local n = 0 while true do n = n + 1 end"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("refusing"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def roles(server: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RelayProcess]]:
    """A front and a worker that outlive every trouble of this module."""
    directory = tmp_path_factory.mktemp("relay")
    front = RelayProcess(directory, "front", "--redis", server.url, *QUICK)
    worker = RelayProcess(directory, "worker", "--redis", server.url, "--jobs", "relay.jobs", *QUICK)
    for process in (front, worker):
        process.start()
    front.wait_until_jobs_are_known()
    yield [front, worker]
    for process in (front, worker):
        assert process.stop() == 0
        assert process.tracebacks() == 0, process.log_tail()


def set_to(name: str, value: Any) -> Callable[[valkey.Valkey], Any]:
    return lambda client: client.config_set(name, value)


def allow(*rules: str) -> Callable[[valkey.Valkey], Any]:
    return lambda client: client.execute_command("ACL", "SETUSER", "default", *rules)


def loop(client: valkey.Valkey) -> None:
    """A script without end, of a connection of its own."""
    client.config_set("busy-reply-threshold", 50)
    path = client.connection_pool.connection_kwargs["path"]

    def run() -> None:
        with pytest.raises(valkey.exceptions.ResponseError):
            valkey.Valkey(unix_socket_path=path).eval(_LOOP, 0)

    threading.Thread(target=run, daemon=True).start()


def others_policy(client: valkey.Valkey) -> None:
    """As of a replica that was promoted, and is configured otherwise."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.client_kill_filter(_type="normal", skipme=True)


TROUBLES: dict[str, tuple[Callable[[valkey.Valkey], Any], Callable[[valkey.Valkey], Any], str]] = {
    "no replicas": (
        set_to("min-replicas-to-write", 1),
        set_to("min-replicas-to-write", 0),
        "refuses: NOREPLICAS",
    ),
    "no rights to scripts": (allow("-evalsha", "-eval", "-fcall"), allow("+@all"), "refuses: NOPERM"),
    "no rights to streams": (allow("-xread"), allow("+@all"), "refuses: NOPERM .*xread"),
    "a script without end": (loop, lambda client: client.script_kill(), "refuses: BUSY"),
    "another policy": (others_policy, set_to("maxmemory-policy", "noeviction"), "is not used: maxmemory"),
}


def test_an_outage_is_a_line_when_redis_goes_and_one_when_it_is_back(
    server: RedisProcess, roles: list[RelayProcess]
) -> None:
    front, _ = roles
    before = [len(process._lines) for process in roles]
    server.stop()
    assert front.call("POST", "/jobs/echo").status == 503
    server.start()
    for process, count in zip(roles, before, strict=True):

        def said(process: RelayProcess = process, count: int = count) -> list[str]:
            told = [line for line in process._lines[count:] if not re.search(r"relay\.(request|job)#", line)]
            return [line for line in told if "data set has changed" not in line]

        eventually(lambda said=said: len(said()) >= 2, "Redis is back")
        gone, back = said()
        assert "is away" in gone
        assert "is back after" in back
    eventually(lambda: front.call("POST", "/jobs/echo", {"message": 1}).status == 200, "jobs go on")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_jobs_go_on_after(trouble: str, server: RedisProcess, roles: list[RelayProcess]) -> None:
    front, _ = roles
    breaks, mends, said = TROUBLES[trouble]
    with front.connect() as client:
        key = trouble.replace(" ", "-")
        client.request("PUT", f"/jobs/sleep/{key}", {"seconds": 0.5}, {"Prefer": "wait=20"})
        front.wait_until_held(1)
        breaks(server.client)
        try:
            for process in roles:
                process.wait_for(said)
            answer = front.call("POST", "/jobs/echo", headers={"Prefer": "wait=0"})
        finally:
            mends(server.client)
        assert answer.status == (202 if "streams" in trouble else 503), answer
        assert client.response().json()["result"] == {"slept": 0.5}
    eventually(lambda: front.call("POST", "/jobs/echo", {"message": 1}).status == 200, "jobs go on")
    front.wait_until_nothing_is_held()


@pytest.mark.parametrize("role", ["front", pytest.param("worker", marks=pytest.mark.long), "all"])
def test_a_password_that_is_wrong_ends_the_program_with_one_clear_line(role: str, tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, "--requirepass", "right")
    server.client = valkey.Valkey(unix_socket_path=server.socket, password="right")
    server.start()
    listen = () if role == "worker" else ("--listen", "tcp:0:interface=127.0.0.1")
    url = server.url.replace("unix://", "unix://:wrong@")
    done = subprocess.run(
        [TWISTD, "-n", "--pidfile=", "relay", role, "--redis", url, *listen],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    server.stop()
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if "WRONGPASS" in line]
    assert told
    assert "relay: --redis: unix://" in told[0]
    assert role == "all" or len(told) == 1
