"""Web pages of other origins behind nginx as it is shipped: what relay answers, and what nginx answers itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.processes import Client, RelayProcess, eventually, free_port
from tests.stack.conftest import OPTIONS, Fronts
from tests.stack.proxies import Nginx, shipped_nginx

pytestmark = pytest.mark.processes

PAGE, OTHER = {"Origin": "https://app.example.com"}, {"Origin": "https://app.example.com.evil.example"}
ALLOW = "access-control-allow-origin"


@pytest.fixture(scope="module")
def front(standing: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    directory = tmp_path_factory.mktemp("front")
    options = ["--redis", standing.redis.url, *OPTIONS, "--cors", PAGE["Origin"]]
    front = RelayProcess(directory, "front", *options, port=free_port())
    front.start()
    yield front
    front.stop()


@pytest.fixture(scope="module")
def nginx(front: RelayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """As it is shipped, without TLS, and with the origin that its file has as an example."""
    named = {r"# https://app\.example\.com ": "https://app.example.com "}
    ports = [front.port, front.port]
    nginx = shipped_nginx(tmp_path_factory.mktemp("nginx"), ports, tls=False, more=named)
    nginx.start()
    yield nginx
    nginx.stop()


def head(
    client: Client, method: str, path: str, body: object, headers: dict[str, str]
) -> tuple[int, dict[str, str]]:
    client.request(method, path, body, headers)
    status, told, _ = client.head()
    return status, told


def test_a_preflight_comes_through(nginx: Nginx) -> None:
    asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    with nginx.connect() as client:
        status, told = head(client, "OPTIONS", "/jobs/patient/key", None, {**PAGE, **asking})
        assert (status, told[ALLOW]) == (204, PAGE["Origin"])
        assert "authorization" in told["access-control-allow-headers"].lower()
        status, told = head(client, "OPTIONS", "/jobs/patient/key", None, {**OTHER, **asking})
        assert (status, ALLOW in told) == (403, False)


@pytest.mark.parametrize(("origin", "shown"), [(PAGE, True), (OTHER, False)], ids=["page", "other"])
def test_a_held_answer_can_be_read_from_its_head_on(
    nginx: Nginx, front: RelayProcess, origin: dict[str, str], shown: bool
) -> None:
    with nginx.connect() as client:
        status, told = head(client, "POST", "/jobs/patient", {}, origin)
        assert (status, told["relay-outcome"], told["vary"]) == (200, "in-body", "Origin")
        assert (told.get(ALLOW) == PAGE["Origin"]) is shown
        assert client.chunk() == b"\n"
        front.call("DELETE", told["location"])
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"


def test_what_relay_refuses_can_be_read(nginx: Nginx) -> None:
    for path, body, expected in (
        ("/jobs/area", {}, 422),
        ("/jobs/area", "a" * (2 << 20), 413),
        ("/jobs/no", {}, 404),
    ):
        with nginx.connect() as client:
            status, told = head(client, "POST", path, body, PAGE)
            assert (status, told[ALLOW], told["relay-source"]) == (expected, PAGE["Origin"], "relay")


@pytest.mark.parametrize(
    ("origin", "shown"), [(PAGE, True), (OTHER, False), ({}, False)], ids=["page", "other", "none"]
)
def test_errors_of_nginx_itself_can_be_read_by_the_pages_that_its_file_names(
    nginx: Nginx, front: RelayProcess, origin: dict[str, str], shown: bool
) -> None:
    with nginx.connect() as client:
        client.send(b"POST /jobs/area HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n")
        client.send("".join(f"{name}: {value}\r\n" for name, value in origin.items()).encode() + b"\r\n")
        status, told, _ = client.head()
        assert (status, ALLOW in told) == (413, shown)
    front.kill()
    try:
        with nginx.connect() as client:
            status, told = head(client, "PUT", "/jobs/area/key", {}, origin)
            assert (status, told["retry-after"], ALLOW in told) == (502, "1", shown)
            assert told["access-control-expose-headers"] == "Retry-After"
    finally:
        front.start()
        eventually(lambda: front.call("GET", "/readyz").status == 200, "the front is ready")
