"""HAProxy in front of relay, as it is shipped (``deploy/haproxy.cfg``): it says in the PROXY protocol who asks."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import RedisProcess, RelayProcess, eventually
from tests.stack.conftest import OPTIONS, Fronts
from tests.stack.proxies import ProxiedFront, ShippedHAProxy

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def shipped(proxied: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedHAProxy]:
    haproxy = ShippedHAProxy(tmp_path_factory.mktemp("haproxy"), [front.proxied for front in proxied.both])
    haproxy.start()
    eventually(lambda: haproxy.answers(), "HAProxy has found the fronts")
    yield haproxy
    haproxy.stop()


@pytest.fixture
def haproxy(shipped: ShippedHAProxy, proxied: Fronts) -> Iterator[ShippedHAProxy]:
    yield shipped
    for front in proxied.both:
        if front.process is not None and front.process.poll() is not None:
            front.start()
    proxied.end_all()
    eventually(lambda: both_serve(shipped, proxied), "HAProxy has found the fronts again")


def both_serve(haproxy: ShippedHAProxy, fronts: Fronts) -> bool:
    """Whether HAProxy takes both fronts to be ready: of two requests, each gets one."""
    with haproxy.connect() as one, haproxy.connect() as other:
        for client in (one, other):
            client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        eventually(lambda: sum(front.held() for front in fronts.both) == 2, "both requests are held")
        shared = all(front.held() == 1 for front in fronts.both)
        fronts.end_all()
    return shared


def test_heartbeats_come_through_one_by_one(haproxy: ShippedHAProxy, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {})
        assert client.head()[0] == 200
        assert [client.chunk(), client.chunk(), client.chunk()] == [b"\n"] * 3
        proxied.end_all()
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"


def test_a_client_that_goes_away_is_noticed(haproxy: ShippedHAProxy, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        proxied.holding()
    for front in proxied.both:
        front.wait_until_nothing_is_held()


def test_the_clients_address_is_what_haproxy_says_and_not_what_the_client_says(
    haproxy: ShippedHAProxy, proxied: Fronts
) -> None:
    with haproxy.connect("127.0.0.88") as client:
        client.request("GET", "/tickets/forged", headers={"X-Forwarded-For": "9.9.9.9"})
        assert client.response().status == 403
    proxied.wait_for_log("a ticket from 127.0.0.88 was refused")
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
    haproxy: ShippedHAProxy, proxied: Fronts, method: str, path: str, headers: dict[str, str]
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


def test_without_a_key_nothing_is_sent_twice(haproxy: ShippedHAProxy, proxied: Fronts) -> None:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        proxied.holding().kill()
        assert client.response().status == 502
    assert proxied.jobs() == 1


def test_it_shows_what_is_served(haproxy: ShippedHAProxy) -> None:
    with haproxy.connect() as client:
        client.request("GET", "/openapi.json")
        assert "/jobs/{id}" in client.response().json()["paths"]
        for path in ("/docs", "/docs/docs.js", "/docs/swagger-ui-bundle.js"):
            client.request("GET", path)
            assert gzip.decompress(client.response().body)


def test_only_this_machine_is_told_how_the_fronts_are(haproxy: ShippedHAProxy) -> None:
    for path in ("/readyz", "/healthz"):
        for source, status in (("127.0.0.1", 200), ("127.0.0.77", 404)):
            with haproxy.connect(source) as client:
                client.request("GET", path)
                assert client.response().status == status


@pytest.mark.long
def test_a_front_that_misses_its_store_gets_nothing_while_another_one_is_ready(
    standing: Fronts, server: RedisProcess, tmp_path: Path
) -> None:
    """When none is, clients hear from relay itself what is wrong."""
    fronts = [ProxiedFront(tmp_path, "--redis", url, *OPTIONS) for url in (server.url, standing.redis.url)]
    worker = RelayProcess(tmp_path, "worker", "--redis", server.url, "--jobs", "tests.sample_jobs")
    for process in (worker, *fronts):
        process.start()
    for front in fronts:
        eventually(lambda front=front: front.call("GET", "/readyz").status == 200, "the front is ready")
    haproxy = ShippedHAProxy(tmp_path, [front.proxied for front in fronts])
    haproxy.start()
    server.signal(signal.SIGSTOP)
    haproxy.wait_for("Server relay/one is DOWN")
    for _ in range(4):
        assert submitted(haproxy) == (200, "succeeded")
    fronts[1].kill()
    haproxy.wait_for("Server relay/other is DOWN")
    assert submitted(haproxy) == (503, "/problems/store-away")
    haproxy.stop()
    server.signal(signal.SIGCONT)
    for process in (fronts[0], worker):
        process.stop()


def submitted(haproxy: ShippedHAProxy) -> tuple[int, str]:
    with haproxy.connect() as client:
        client.request("POST", "/jobs/area", {"box": {"width": 2, "height": 3}}, {"Idempotency-Key": '"a"'})
        answer = client.response()
        return answer.status, answer.json().get("state") or answer.json()["type"]


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


def test_haproxy_speaks_tls_with_a_front_behind_its_header(standing: Fronts, tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    pem = write_certificate(tmp_path / "front")
    front = ProxiedFront(tmp_path, "--redis", standing.redis.url, *OPTIONS, certificate=pem)
    front.start()
    ports = [front.proxied, front.proxied]
    haproxy = ShippedHAProxy(tmp_path, ports, f"ssl verify required ca-file {pem} alpn http/1.1")
    haproxy.start()
    eventually(haproxy.answers, "HAProxy has found the front")
    with haproxy.connect("127.0.0.89") as client:
        client.request("GET", "/tickets/forged")
        assert client.response().status == 403
    front.wait_for("a ticket from 127.0.0.89 was refused")
    haproxy.stop()
    front.stop()
    assert front.tracebacks() == 0, front.log_tail()


def asked_through(front: ProxiedFront, header: bytes) -> tuple[int, str]:
    front.port, plain = front.proxied, front.port
    try:
        with front.connect() as client:
            client.send(header)
            client.request("GET", "/healthz")
            answer = client.response()
    finally:
        front.port = plain
    return answer.status, answer.json().get("detail", "")
