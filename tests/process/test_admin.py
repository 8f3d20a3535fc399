"""Where operators are listened to, and that a relay is not opened to others by mistake."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from relay.model.settings import SettingError, Settings
from relay.model.token import digest_of, make_token
from relay.process import admin, everything, sockets
from relay.redis.embedded import NOBODY
from tests.admin.browser import ShownRelay
from tests.processes import Client, RedisProcess, RelayProcess, eventually, free_port

HERE = "tcp:0:interface=127.0.0.1"
WIDE = "tcp:0"


def settings(**given: Any) -> Settings:
    return Settings(**given)


@pytest.fixture
def taken() -> Iterator[str]:
    """An endpoint that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"


def test_all_has_a_listener_of_this_machine_and_a_process_alone_has_the_one_it_is_told() -> None:
    assert admin.endpoint_of(settings(), "all") == "tcp:8081:interface=127.0.0.1"
    assert admin.endpoint_of(settings(), "front") == admin.endpoint_of(settings(), "worker") == ""
    assert admin.endpoint_of(settings(admin=HERE), "worker") == HERE
    assert admin.bind(Mock(), settings(admin=""), "all") is None


def test_a_usual_place_that_is_taken_is_no_reason_not_to_start(
    taken: str, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setattr(admin, "USUAL", taken)
    assert admin.bind(Mock(), settings(), "all") is None
    assert any("there is no admin listener: --admin tcp:" in line for line in lines)


def test_clients_have_the_first_choice_of_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--listen tcp:8081` starts, without the admin listener that is usually there."""
    place = f"tcp:{free_port()}:interface=127.0.0.1"
    monkeypatch.setattr(admin, "USUAL", place)
    monkeypatch.setattr(
        everything, "_listening", lambda reactor, has, _: sockets.bound(reactor, has, has.listen)
    )
    (bound,), operators = everything._sockets(Mock(), settings(listen=[place]), NOBODY, None)
    bound.close()
    assert operators is None


def test_a_place_that_was_asked_for_and_is_taken_is_a_wrong_setting(taken: str) -> None:
    with pytest.raises(SettingError, match=r"^--admin tcp:.*in use"):
        admin.bind(Mock(), settings(admin=taken), "all")


def tokens(directory: Path, operator: str) -> str:
    path = directory / "tokens.toml"
    path.write_text(f'[app]\nsha256 = ["{digest_of(make_token()).hex()}"]\n{operator}')
    path.chmod(0o600)
    return str(path)


def test_what_other_machines_reach_needs_an_operators_token(tmp_path: Path) -> None:
    for given in ({}, {"tokens": tokens(tmp_path, "")}):
        with pytest.raises(SettingError, match=r"^--admin tcp:0: other machines .* --operator look"):
            admin.bind(Mock(), settings(admin=WIDE, **given), "all")
    path = tokens(tmp_path, 'operator = "look"')
    made = admin.bind(Mock(), settings(admin=WIDE, tokens=path), "all")
    assert made is not None
    made.bound.close()


def get(port: int, path: str) -> tuple[int, Any]:
    with Client(port) as client:
        client.request("GET", path)
        answer = client.response()
        return answer.status, answer.body


@pytest.mark.processes
def test_a_front_alone_shows_the_relay_where_it_is_told(redis: RedisProcess, tmp_path: Path) -> None:
    port = free_port()
    front = RelayProcess(
        tmp_path, "front", "--redis", redis.url, "--admin", f"tcp:{port}:interface=127.0.0.1"
    )
    front.start()
    try:
        front.wait_for("relay shows itself to operators")
        eventually(lambda: get(port, "/readyz")[0] == 200, "it is ready")
        with Client(port) as client:
            client.request("POST", "/api/summary", {})
            seen = client.response().json()
        assert [each["role"] for each in seen["overview"]["processes"]] == ["front"]
        assert b"relay_held_requests{" in get(port, "/metrics")[1]
    finally:
        assert front.stop() == 0


@pytest.mark.processes
@pytest.mark.long
def test_a_supervisor_that_restarts_in_place_keeps_its_listener(tmp_path: Path) -> None:
    relay = ShownRelay(tmp_path)
    relay.start()
    try:
        relay.wait_for("relay shows itself to operators")
        relay.signal(signal.SIGHUP)
        relay.wait_for("the supervisor restarts in place")
        assert get(relay.admin, "/healthz")[0] == 200  # it waits in the socket that stayed
        relay.wait_for("relay shows itself to operators", count=2)
        eventually(lambda: get(relay.admin, "/readyz")[0] == 200, "it is ready")
    finally:
        assert relay.stop() == 0


@pytest.mark.processes
@pytest.mark.long
def test_a_relay_that_stops_says_that_it_is_not_ready(tmp_path: Path) -> None:
    relay = ShownRelay(tmp_path)
    relay.start()
    relay.wait_for("relay shows itself to operators")
    assert get(relay.admin, "/readyz") == (200, b'{"ready":true}')
    id = relay.submit("patient")
    eventually(lambda: relay.state(id) == "running", "the job runs")
    relay.signal(signal.SIGTERM)
    eventually(lambda: get(relay.admin, "/readyz") == (503, b'{"ready":false,"why":"draining"}'), "it drains")
    assert get(relay.admin, "/healthz")[0] == 200
    assert relay.stop() == 0
