"""relay as systemd runs it, with the unit, the socket, and the settings of relay and Redis that are shipped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.redis.embedded import find_server
from tests.deploy.units import Service
from tests.processes import ROOT, Client, LoggedProcess, Response, eventually, free_port
from tests.stack.proxies import changed

pytestmark = pytest.mark.processes

PASSWORD = "the password of relay"
JOBS = """
from twisted.internet.task import deferLater
from relay import Context, job

@job
async def slow(context: Context, seconds: float) -> int:
    from twisted.internet import reactor
    await deferLater(reactor, seconds)
    return context.attempt
"""


def shipped(name: str, changes: dict[str, str]) -> str:
    return changed((ROOT / "deploy" / name).read_text(), changes)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """A Redis with the shipped settings; its port."""
    port = free_port()
    changes = {
        r"port 6379": f"port {port}",
        r"/var/lib/redis/relay": str(tmp_path),
        r"/run/redis-relay|/var/log/redis": str(tmp_path),
        r"the-password-in-relay\.toml": PASSWORD.replace(" ", "-"),
    }
    (tmp_path / "redis.conf").write_text(shipped("redis.conf", changes))
    server = LoggedProcess([find_server(), str(tmp_path / "redis.conf")], {}, tmp_path)
    server.start()
    eventually(lambda: listens(port), "Redis listens")
    yield port
    server.stop()


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def service(redis: int, tmp_path: Path) -> Iterator[Service]:
    changes = {
        r"the-password-in-redis\.conf@127\.0\.0\.1:6379": f"{PASSWORD.replace(' ', '-')}@127.0.0.1:{redis}",
        r"/etc/relay": str(tmp_path),
        r'"relay\.jobs"': '"shop"',
        r"(fronts|workers) = 2": "",
    }
    for name, text in (
        ("relay.toml", shipped("relay.toml", changes)),
        ("ticket-secrets", "a secret that django and relay share\n"),
        ("shop.py", JOBS),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    service = Service(
        tmp_path,
        shipped("relay.service", {}),
        shipped("relay.socket", {r"127\.0\.0\.1:8080": ""}),
        free_port(),
    )
    service.start()
    yield service
    if service.process is not None and service.process.poll() is None:
        service.stop()
    service.close()


def call(service: Service, method: str, path: str, body: object = None, **headers: str) -> Response:
    with Client(service.port) as client:
        client.request(method, path, body, headers)
        return client.response(method)


def wait(service: Service, id: str) -> dict[str, object]:
    """Its outcome, as a client that attaches again gets it."""
    for _ in range(5):
        answer: dict[str, object] = call(service, "GET", f"/jobs/{id}", Prefer="wait=10").json()
        if answer["complete"]:
            return answer
    raise AssertionError(f"{answer} after five waits")


def begin(service: Service, seconds: float) -> str:
    answer = call(service, "POST", "/jobs/slow", {"seconds": seconds}, Prefer="respond-async")
    return str(answer.json()["id"])


def test_it_answers_who_came_before_it_did(service: Service) -> None:
    """The socket is systemd's: who connects while relay starts, waits."""
    assert call(service, "GET", "/healthz").status == 200


def test_a_reload_is_noticed_by_nobody(service: Service) -> None:
    service.wait_for("relay worker serves")
    id = begin(service, 3)
    service.reload()
    assert service.process is not None
    for _ in range(20):
        assert call(service, "GET", "/healthz").status == 200
    assert wait(service, id)["result"] == 1
    assert service.process.poll() is None


@pytest.mark.long
def test_a_stop_leaves_nothing_behind_and_a_start_goes_on(service: Service) -> None:
    service.wait_for("relay worker serves")
    running, waiting = begin(service, 2), begin(service, 0.1)
    assert service.stop() == 0
    service.start()
    assert (wait(service, running)["result"], wait(service, waiting)["result"]) == (1, 1)


@pytest.mark.long
def test_a_service_that_was_killed_starts_again(service: Service) -> None:
    service.wait_for("relay worker serves")
    id = begin(service, 1)
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    service.wait_until_all_are_gone()
    service.start()
    assert wait(service, id)["state"] == "succeeded"
