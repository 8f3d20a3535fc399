"""HAProxy in front of relay, as it is shipped (``deploy/haproxy.cfg``): it says in the PROXY protocol who asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import ROOT, RelayProcess, eventually, free_port
from tests.stack.conftest import OPTIONS, Fronts
from tests.stack.proxies import HAProxy, SecureClient, changed


class Shipped(HAProxy):
    """HAProxy with ``deploy/haproxy.cfg``, but for ports and paths."""

    def __init__(self, directory: Path, fronts: list[int]) -> None:
        port, self._certificate = free_port(), write_certificate(directory)
        changes = {
            r"maxconn 40000": "maxconn 1000",
            r"bind :443 ssl crt /etc/ssl/relay/both.pem": f"bind 127.0.0.1:{port} ssl crt {self._certificate}",
            r"127\.0\.0\.1:8080 send": f"127.0.0.1:{fronts[0]} send",
            r"127\.0\.0\.1:8081 send": f"127.0.0.1:{fronts[1]} send",
        }
        super().__init__(directory, changed((ROOT / "deploy/haproxy.cfg").read_text(), changes), port)

    def connect(self, source: str = "127.0.0.1") -> SecureClient:
        return SecureClient(self.port, self._certificate, source)


class ProxiedFront(RelayProcess):
    """A front that reads the PROXY protocol; `inner` takes plain requests."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.proxied = free_port()
        endpoint = f"haproxy:tcp:{self.proxied}:interface=127.0.0.1"
        super().__init__(directory, "front", "--listen", endpoint, *options, port=free_port())

    def start(self) -> None:
        super().start()
        self.wait_for(rf"listens on http://127\.0\.0\.1:{self.proxied}")
        self.port = int(self._command[-1].split(":")[1])


@pytest.fixture(scope="module")
def proxied(standing: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    directory = tmp_path_factory.mktemp("proxied")
    options = ["--redis", standing.redis.url, *OPTIONS, "--ticket-secrets", str(standing.secrets)]
    fronts = [ProxiedFront(directory, *options) for _ in range(2)]
    for front in fronts:
        front.start()
    yield Fronts(standing.redis, *fronts, standing.secrets)
    for front in fronts:
        front.stop()


@pytest.fixture(scope="module")
def shipped(proxied: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    haproxy = Shipped(tmp_path_factory.mktemp("haproxy"), [front.proxied for front in proxied.both])
    haproxy.start()
    eventually(lambda: answers(haproxy), "HAProxy has found the fronts")
    yield haproxy
    haproxy.stop()


def answers(haproxy: Shipped) -> bool:
    try:
        with haproxy.connect() as client:
            client.request("GET", "/problems/forbidden")
            return client.response().status == 200
    except OSError:
        return False


@pytest.fixture
def haproxy(shipped: Shipped, proxied: Fronts) -> Iterator[Shipped]:
    yield shipped
    for front in proxied.both:
        if front.process is not None and front.process.poll() is not None:
            front.start()
    proxied.end_all()


def test_heartbeats_come_through_one_by_one(haproxy: Shipped, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {})
        assert client.head()[0] == 200
        assert [client.chunk(), client.chunk(), client.chunk()] == [b"\n"] * 3
        proxied.end_all()
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"


def test_a_client_that_goes_away_is_noticed(haproxy: Shipped, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        proxied.holding()
    for front in proxied.both:
        front.wait_until_nothing_is_held()


def test_the_clients_address_is_what_haproxy_says_and_not_what_the_client_says(
    haproxy: Shipped, proxied: Fronts
) -> None:
    with haproxy.connect("127.0.0.88") as client:
        client.request("GET", "/tickets/forged", headers={"X-Forwarded-For": "9.9.9.9"})
        assert client.response().status == 403
    proxied.wait_for_log("a ticket of 127.0.0.88 was refused")
    haproxy.wait_for('"GET /tickets/- HTTP/1.1"')
    assert "forged" not in haproxy.log_tail()
    assert not any("forged" in front.log_tail() for front in proxied.both)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "/jobs/patient/killed-behind-haproxy", {}),
        ("POST", "/jobs/patient", {"Idempotency-Key": '"killed-behind-haproxy-too"'}),
    ],
)
def test_a_killed_front_costs_no_client_with_a_key_its_answer(
    haproxy: Shipped, proxied: Fronts, method: str, path: str, headers: dict[str, str]
) -> None:
    with haproxy.connect() as client:
        client.request(method, path, {}, {**headers, "Prefer": "heartbeat=0"})
        holding = proxied.holding()
        holding.kill()
        assert proxied.holding() is not holding
        assert proxied.jobs() == 1
        proxied.end_all()
        answer = client.response()
    assert (answer.status, answer.json()["state"]) == (409, "cancelled")


def test_without_a_key_nothing_is_sent_twice(haproxy: Shipped, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        proxied.holding().kill()
        assert client.response().status == 502
    assert proxied.jobs() == 1


def test_a_closed_front_refuses_whom_the_proxy_names_and_whom_it_does_not_trust(
    standing: Fronts, tmp_path: Path
) -> None:
    trusting = ProxiedFront(tmp_path, "--redis", standing.redis.url, "--trusted-proxy", "127.0.0.1")
    doubting = ProxiedFront(tmp_path, "--redis", standing.redis.url)
    said = []
    for front in (trusting, doubting):
        front.start()
        for header in (
            b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n",
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n",
        ):
            said.append(asked_through(front, header))
        front.stop()
    assert said == [
        (403, "the request was forwarded for 203.0.113.9"),
        (200, ""),
        (403, "the request was forwarded (PROXY)"),
        (403, "the request was forwarded (PROXY)"),
    ]


def asked_through(front: ProxiedFront, header: bytes) -> tuple[int, str]:
    front.port, plain = front.proxied, front.port
    try:
        with front.connect() as client:
            client.send(header)
            client.request("GET", "/readyz")
            answer = client.response()
    finally:
        front.port = plain
    return answer.status, answer.json().get("detail", "")
