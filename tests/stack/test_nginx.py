"""nginx in front of relay: as it is shipped (``deploy/nginx.conf``), and with nginx's defaults."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PATIENCE, Client, Response, eventually, free_port
from tests.stack.conftest import Fronts
from tests.stack.proxies import Nginx, SecureClient, executable, shipped_nginx
from tests.started import start

pytestmark = pytest.mark.processes

#: clients that are held at once: the many are for the longer suite
HELD = [1_000, pytest.param(10_000, marks=pytest.mark.long)]
SOURCES = 10  # loopback addresses that they come from


@pytest.fixture(scope="module")
def shipped(standing: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    nginx = shipped_nginx(tmp_path_factory.mktemp("nginx"), standing.ports)
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture
def nginx(shipped: Nginx, fronts: Fronts) -> Nginx:
    return shipped


@pytest.fixture
def plain(fronts: Fronts, tmp_path: Path) -> Iterator[Nginx]:
    """As it is shipped, but without TLS."""
    nginx = shipped_nginx(tmp_path, fronts.ports, tls=False)
    nginx.start()
    yield nginx
    nginx.stop()


def secure(nginx: Nginx) -> SecureClient:
    return SecureClient(nginx.port, nginx.directory / "localhost.pem")


def call(
    nginx: Nginx, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> Response:
    with secure(nginx) as client:
        client.request(method, path, body, headers)
        return client.response(method)


# -- heartbeats --


def test_heartbeats_come_through_one_by_one(nginx: Nginx, fronts: Fronts) -> None:
    with secure(nginx) as client:
        client.request("POST", "/jobs/patient", {})
        status, headers, _ = client.head()
        assert (status, headers["relay-outcome"]) == (200, "in-body")
        assert "content-encoding" not in headers
        assert [client.chunk(), client.chunk(), client.chunk()] == [b"\n"] * 3
        fronts.one.call("DELETE", headers["location"])
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"


def test_heartbeats_come_through_one_by_one_over_http_2(nginx: Nginx, fronts: Fronts) -> None:
    command = [
        executable("curl"),
        "-sS",
        "-N",
        "-i",
        "--http2",
        "--cacert",
        str(nginx.directory / "localhost.pem"),
    ]
    command += ["--max-time", str(PATIENCE), "-H", "Accept-Encoding: gzip"]
    command += [
        "-H",
        "Content-Type: application/json",
        "-d",
        "{}",
        f"https://localhost:{nginx.port}/jobs/patient",
    ]
    with start(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        head = b"".join(iter(curl.stdout.readline, b"\r\n"))
        assert head.startswith(b"HTTP/2 200")
        assert b"content-encoding" not in head
        beats = [curl.stdout.read(1) for _ in range(3)]
        assert beats == [b"\n"] * 3
        fronts.end_all()
        assert json.loads(curl.stdout.read())["state"] == "cancelled"


def test_heartbeats_come_through_one_by_one_with_the_defaults_of_nginx(
    fronts: Fronts, tmp_path: Path
) -> None:
    port = free_port()
    proxy = f"location / {{ proxy_pass http://127.0.0.1:{fronts.one.port}; }}"
    nginx = Nginx(
        tmp_path,
        f"events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port}; {proxy} }} }}",
        port,
    )
    nginx.start()
    with nginx.connect() as client:
        client.request("POST", "/jobs/patient", {})
        status, headers, _ = client.head()
        assert status == 200
        assert [client.chunk(), client.chunk(), client.chunk()] == [b"\n"] * 3
        fronts.one.call("DELETE", headers["location"])
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"
    nginx.stop()


def test_a_client_that_goes_away_is_noticed_behind_nginx(nginx: Nginx, fronts: Fronts) -> None:
    with secure(nginx) as client:
        client.request("POST", "/jobs/patient", {})
        fronts.holding()
    for front in fronts.both:
        front.wait_until_nothing_is_held()


# -- fronts that die --


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "/jobs/patient/killed-put", {}),
        ("POST", "/jobs/patient", {"Idempotency-Key": '"killed-post"'}),
    ],
)
def test_a_killed_front_costs_no_client_with_a_key_its_answer(
    nginx: Nginx, fronts: Fronts, method: str, path: str, headers: dict[str, str]
) -> None:
    with secure(nginx) as client:
        client.request(method, path, {}, {**headers, "Prefer": "heartbeat=0"})
        holding = fronts.holding()
        holding.kill()
        assert fronts.holding() is not holding
        assert fronts.jobs() == 1
        fronts.end_all()
        answer = client.response()
    assert (answer.status, answer.json()["state"]) == (409, "cancelled")


def test_without_a_key_nothing_is_sent_twice(nginx: Nginx, fronts: Fronts) -> None:
    with secure(nginx) as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": "heartbeat=0"})
        fronts.holding().kill()
        answer = client.response()
    assert answer.status == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" not in answer.headers  # nobody knows whether it was queued
    assert answer.json()["status"] == 502
    assert fronts.jobs() == 1


def test_who_was_committed_sees_the_cut_and_finds_its_job_again(nginx: Nginx, fronts: Fronts) -> None:
    with secure(nginx) as client:
        client.request("PUT", "/jobs/patient/cut", {})
        _, headers, _ = client.head()
        assert client.chunk() == b"\n"
        fronts.holding().kill()
        with pytest.raises((EOFError, OSError)):
            b"".join(client.chunks())
    with secure(nginx) as client:
        client.request("PUT", "/jobs/patient/cut", {})
        assert client.head()[1]["relay-job-id"] == headers["relay-job-id"]
        assert fronts.jobs() == 1


def test_no_front_at_all_is_a_problem_of_the_usual_form(nginx: Nginx, fronts: Fronts) -> None:
    for front in fronts.both:
        front.kill()
    for method, path, headers, again in (
        ("POST", "/jobs/area", {}, None),  # it may have been queued
        ("POST", "/jobs/area", {"Idempotency-Key": "a"}, "1"),
        ("PUT", "/jobs/area/a", {}, "1"),
        ("GET", "/tickets/a", {}, "1"),
    ):
        answer = call(nginx, method, path, {"box": {"width": 1, "height": 1}}, headers)
        assert (answer.status, answer.json()["status"]) == (502, 502)
        assert answer.headers.get("retry-after") == again
        assert answer.headers["content-type"] == "application/problem+json"


def test_no_log_of_nginx_has_a_ticket(nginx: Nginx, fronts: Fronts) -> None:
    assert call(nginx, "GET", "/tickets/hidden?a=b").status == 403
    assert call(nginx, "GET", "/jobs/0-shown").status == 404
    for front in fronts.both:
        front.kill()
    assert call(nginx, "GET", "/tickets/hidden").status == 502
    written = (nginx.directory / "access.log").read_text() + nginx.log_tail()
    errors = nginx.directory / "error.log"
    written += errors.read_text() if errors.exists() else ""
    assert '"GET /tickets/- HTTP' in written
    assert '"GET /jobs/0-shown HTTP' in written
    assert "hidden" not in written


# -- many requests --


def test_back_to_back_requests_over_kept_alive_connections_all_succeed(plain: Nginx) -> None:
    clients = [plain.connect(f"127.0.1.{number}") for number in range(1, 21)]
    box = {"box": {"width": 2, "height": 3}}
    statuses = []
    for _ in range(60):
        for client in clients:
            client.request("POST", "/jobs/area", box)
        statuses += [client.response().status for client in clients]
    for client in clients:
        client.close()
    assert statuses == [200] * 1200


def test_a_body_reaches_the_front_on_either_way(nginx: Nginx) -> None:
    box = {"box": {"width": 2, "height": 3}, "scale": 7}
    for headers in ({}, {"Idempotency-Key": '"with a body"'}):
        assert call(nginx, "POST", "/jobs/area", box, headers).json()["result"] == 42
    assert call(nginx, "PUT", "/jobs/area/with-a-body", box).json()["result"] == 42


@pytest.fixture
def strict(fronts: Fronts, tmp_path: Path) -> Iterator[Nginx]:
    """As it is shipped, but for TLS, with a tenth of the rate: tests are slow clients on a busy machine."""
    rates = {"rate=500r/s": "rate=50r/s", "burst=1000 ": "burst=100 "}
    nginx = shipped_nginx(tmp_path, fronts.ports, tls=False, more=rates)
    nginx.start()
    yield nginx
    nginx.stop()


def test_floods_and_large_bodies_are_refused_in_the_usual_form(strict: Nginx) -> None:
    with strict.connect() as client:
        client.request("POST", "/jobs/area", b" " * (9 << 20))
        answer = client.response()
        assert (answer.status, answer.json()["type"]) == (413, "/problems/too-large")
    answer = flood(strict)
    assert (answer.status, answer.json()["title"]) == (429, "Too many requests")
    assert answer.headers["retry-after"] == "1"


def flood(nginx: Nginx) -> Response:
    """Ask as quickly as possible; the first answer that is no 200, or the last one."""
    for _ in range(5):
        with nginx.connect() as client:
            for _ in range(900):  # nginx closes a connection after a thousand
                client.request("GET", "/problems/forbidden")
                answer = client.response()
                if answer.status != 200:
                    return answer
    return answer


@pytest.mark.parametrize("held", HELD)
def test_thousands_are_held_through_it(plain: Nginx, fronts: Fronts, held: int) -> None:
    clients = []
    for number in range(held):
        client = plain.connect(f"127.0.1.{number % SOURCES + 1}")
        client.request("PUT", f"/jobs/patient/{number}", {})
        clients.append(client)
    eventually(lambda: sum(front.held() for front in fronts.both) == held, "all are held", 60)
    assert min(front.held() for front in fronts.both) > held / 3  # least_conn
    fronts.end_all()
    read_all(clients)


def read_all(clients: list[Client]) -> None:
    for client in clients:
        answer = client.response()
        assert answer.json()["state"] == "cancelled"
        client.close()


# -- who asks --


def test_the_clients_address_is_what_nginx_says_and_not_what_the_client_says(
    plain: Nginx, fronts: Fronts
) -> None:
    with plain.connect("127.0.0.77") as client:
        client.request("GET", "/tickets/forged", headers={"X-Forwarded-For": "9.9.9.9"})
        answer = client.response()
    assert (answer.status, answer.json()["type"]) == (403, "/problems/forbidden")
    fronts.wait_for_log("a ticket from 127.0.0.77 was refused")


def test_only_what_is_for_clients_is_reached(nginx: Nginx) -> None:
    for path in ("/readyz/", "/", "/nonsense"):
        assert call(nginx, "GET", path).status == 404


def test_it_shows_what_is_served(nginx: Nginx) -> None:
    assert "/jobs/{id}" in call(nginx, "GET", "/openapi.json").json()["paths"]
    for path in ("/docs", "/docs/docs.js", "/docs/swagger-ui-bundle.js"):
        assert gzip.decompress(call(nginx, "GET", path).body)


def test_only_this_machine_is_told_how_the_fronts_are(plain: Nginx, fronts: Fronts) -> None:
    for path in ("/readyz", "/healthz"):
        for source, status in (("127.0.0.1", 200), ("127.0.0.77", 403)):
            with plain.connect(source) as client:
                client.request("GET", path)
                assert client.response().status == status


# -- what it says --


def test_its_log_says_which_job_that_was_and_what_the_front_took(nginx: Nginx, fronts: Fronts) -> None:
    id = call(nginx, "POST", "/jobs/area", {"box": {"width": 2, "height": 3}}).json()["id"]

    def logged() -> str | None:
        lines = (nginx.directory / "access.log").read_text().splitlines()
        return next((line for line in lines if id in line), None)

    line = eventually(logged, "the request is logged")
    port = r"127\.0\.0\.1:\d+"
    assert re.search(
        rf'"POST /jobs/area HTTP/1\.1" 200 \d+ [\d.]+ job={id} front={port} status=200 head=', line
    )


def test_its_log_says_that_another_front_was_asked(nginx: Nginx, fronts: Fronts) -> None:
    fronts.one.kill()

    def logged() -> bool:
        call(nginx, "PUT", "/jobs/area/logged", {"box": {"width": 2, "height": 3}})
        return "status=502, 200" in (nginx.directory / "access.log").read_text()

    eventually(logged, "a request went to the front that is gone, and then to the other")


def test_without_tls_it_leads_to_its_own_name_whatever_the_client_calls_it(
    nginx: Nginx, fronts: Fronts
) -> None:
    with Client(nginx.plain) as client:
        client.request("GET", "/jobs/0-a?b", headers={"Host": "elsewhere.example"})
        answer = client.response()
    assert (answer.status, answer.headers["location"]) == (308, "https://api.example.com/jobs/0-a?b")
    assert answer.headers["server"] == "nginx"
