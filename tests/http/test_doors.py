"""Who may be connected to a front."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from relay.http.doors import REMIND, Doors
from relay.http.forwarding import UNIX
from relay.net import descriptors
from tests.front.test_hold import TERMS, Scene
from tests.processes import Client, RedisProcess, RelayProcess, eventually


@pytest.fixture
def warnings(no_logged_failures: list[Any]) -> Iterator[list[Any]]:
    yield no_logged_failures
    no_logged_failures.clear()


def enter(doors: Doors, *addresses: str) -> list[bool]:
    return [doors.enter(address) for address in addresses]


def test_so_many_come_in_and_whoever_leaves_makes_room() -> None:
    doors = Doors(Clock().seconds, 3, 0, lambda address: False)
    assert enter(doors, "a", "a", "b", "b") == [True, True, True, False]
    doors.leave("a")
    assert enter(doors, "b", "b") == [True, False]
    assert len(doors) == 3


def test_so_many_come_from_one_address_unless_it_is_many_clients() -> None:
    doors = Doors(Clock().seconds, 100, 2, lambda address: address == "proxy")
    assert enter(doors, *["a"] * 3, *["b"] * 3) == [True, True, False] * 2
    assert enter(doors, *["proxy"] * 5, *[UNIX] * 5) == [True] * 10
    doors.leave("a")
    assert enter(doors, "a", "a") == [True, False]


def test_it_is_said_once_a_minute_that_clients_are_turned_away() -> None:
    clock = Clock()
    doors = Doors(clock.seconds, 0, 0, lambda address: False)
    told: list[str] = []
    doors._log = type("Log", (), {"warn": lambda self, text, **_: told.append(text)})()  # type: ignore[misc]
    enter(doors, *"aaaa")
    clock.advance(REMIND)
    enter(doors, *"aaaa")
    assert len(told) == 2


@pytest.mark.parametrize("seconds", [0, 1, 6])
def test_a_held_client_counts_until_its_connection_has_closed(seconds: int) -> None:
    scene = Scene(TERMS)
    scene.pass_time(seconds)
    assert len(scene.doors) == 1
    scene.disconnect()
    assert len(scene.doors) == 0


def test_a_refused_client_counts_until_its_connection_has_closed() -> None:
    scene = Scene(TERMS, b"\x16\x03\x01\r\n\r\n")
    assert len(scene.doors) == 1
    scene.disconnect()
    assert len(scene.doors) == 0


def test_the_limit_of_descriptors_is_raised_and_some_are_kept() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert descriptors.raise_limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [descriptors.for_clients(limit) for limit in (20_000, 200, 150, 20)] == [19_900, 100, 75, 10]


def test_a_front_that_is_full_of_idle_clients_still_has_redis(redis: RedisProcess, tmp_path: Path) -> None:
    """With 200 descriptors: clients beyond 100 are turned away at once, and Redis is found again after it was gone."""
    front = RelayProcess(tmp_path, "front", "--redis", redis.url)
    front._command = ["/bin/sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *front._command]
    front.start()
    front.wait_for("--max-held 15000 is more than the 100 connections")
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url)
    worker.start()
    eventually(lambda: front.call("POST", "/jobs/echo").status == 200, "the jobs are known")
    served = front.connect()
    tried = [connected(front) for _ in range(300)]
    idle = [client for client in tried if client is not None and not has_closed(client)]
    assert 0 < len(idle) <= 100
    redis.client.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: asked(served) == 200, "Redis is there")
    front.wait_for("others are turned away")
    for client in (served, *idle):
        client.close()
    eventually(lambda: is_let_in(front), "there is room")
    worker.stop()
    front.stop()


def connected(front: RelayProcess) -> Client | None:
    """A client, unless it was turned away at once."""
    try:
        return front.connect()
    except ConnectionError:
        return None


def has_closed(client: Client) -> bool:
    client.socket.settimeout(0.02)
    try:
        return client.socket.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def is_let_in(front: RelayProcess) -> bool:
    try:
        return front.call("POST", "/jobs/echo").status == 200
    except (ConnectionError, EOFError):
        return False


def asked(client: Client) -> int:
    client.request("POST", "/jobs/echo")
    return client.response().status


def test_so_many_connect_from_one_address(redis: RedisProcess, tmp_path: Path) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--max-per-address", "2")
    front.start()
    with front.connect(), front.connect(), socket.create_connection(("127.0.0.1", front.port)) as third:
        third.settimeout(20)
        with pytest.raises(ConnectionError):
            assert third.recv(1) != b""
        with Client(front.port, "127.0.0.9") as other:
            other.request("GET", "/healthz")
            assert other.response().status == 200
    front.stop()
