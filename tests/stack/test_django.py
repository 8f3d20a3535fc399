"""The example of Django (``examples/django``): nginx, gunicorn with two synchronous workers, relay, Celery."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import ROOT, Client, LoggedProcess, RedisProcess, RelayProcess, eventually, free_port
from tests.stack.proxies import HAProxy, Nginx, changed

pytestmark = pytest.mark.processes

EXAMPLE = ROOT / "examples/django"
ANNA = {"Authorization": "Bearer anna's token"}
#: clients that wait at once: the many are for the longer suite
WAITING = [300, pytest.param(2_000, marks=pytest.mark.long)]


@dataclass
class Shop:
    """The whole example, running."""

    nginx: Nginx
    gunicorn: LoggedProcess
    relay: RelayProcess
    celery: LoggedProcess

    def ask(self, number: int = 7, source: str = "127.0.0.1", **headers: str) -> Client:
        """A client that has asked for an invoice."""
        client = self.nginx.connect(source)
        given = {**ANNA, **{name.replace("_", "-"): value for name, value in headers.items()}}
        client.request("POST", f"/orders/{number}/invoice", {}, given)
        return client

    def say_hello(self) -> bytes:
        with self.nginx.connect() as client:
            client.request("GET", "/hello")
            return client.response().body

    @contextmanager
    def paused(self) -> Iterator[None]:
        """relay's worker does nothing."""
        (worker,) = self.relay.children("relay worker")
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("django")
    (directory / "ticket-secrets").write_text("the secret of this example\n")
    (directory / "ticket-secrets").chmod(0o600)
    redis = RedisProcess(directory)
    ports = {"django": free_port(), "relay": free_port(), "nginx": free_port()}
    path = redis.url.removeprefix("unix://")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLE)]),
        "RELAY_URL": f"http://127.0.0.1:{ports['relay']}",
        "BRIDGE_BROKER": redis.url,
        "BRIDGE_BACKEND": f"{redis.url}?db=1",
        "CELERY_BROKER": f"redis+socket://{path}?virtual_host=0",
        "CELERY_BACKEND": f"redis+socket://{path}?virtual_host=1",
    }
    options = ["--jobs", "handlers", "--jobs", "celery_handlers", "--ticket-secrets", "ticket-secrets"]
    options += ["--set", "seconds=1.5", "--grace", "1", "--heartbeat", "1", "--concurrency", "1000"]
    relay = RelayProcess(directory, "all", *options, environment=environment, port=ports["relay"])
    gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{ports['django']}"]
    django = LoggedProcess([*gunicorn, "shop.wsgi"], environment, directory)
    worker = [sys.executable, "-m", "celery", "-A", "shop.tasks", "worker", "-c", "2", "-l", "INFO"]
    celery = LoggedProcess([*worker, "--without-mingle"], environment, directory)
    changes = {
        r"\n +\w+_temp_path .*": "",
        r"daemon off;\npid nginx\.pid;\nerror_log stderr notice;\n": "",
        r"127\.0\.0\.1:8000": f"127.0.0.1:{ports['nginx']}",
        r"127\.0\.0\.1:8001": f"127.0.0.1:{ports['django']}",
        r"127\.0\.0\.1:8080": f"127.0.0.1:{ports['relay']}",
    }
    nginx = Nginx(directory, changed((EXAMPLE / "nginx.conf").read_text(), changes), ports["nginx"])
    started = [redis, relay, django, celery, nginx]
    for process in started:
        process.start()
    django.wait_for("Booting worker", 2)
    celery.wait_for(r"celery@.* ready")
    yield Shop(nginx, django, relay, celery)
    for process in reversed(started):
        process.stop()


@pytest.fixture
def shop(running: Shop) -> Iterator[Shop]:
    yield running
    running.relay.wait_until_nothing_is_held()


def test_a_client_is_handed_over_and_gets_its_invoice(shop: Shop) -> None:
    with shop.ask() as client:
        status, headers, raw = client.head()
        assert (status, headers["relay-outcome"]) == (200, "in-body")
        assert raw.lower().count(b"cache-control: no-store, no-transform\r\n") == 1
        assert raw.lower().count(b"cache-control:") == 1
        assert headers["content-type"] == "application/json"
        assert "location" not in headers
        assert "public" not in headers["cache-control"]
        assert client.chunk() == b"\n"
        assert b'"url":"https://shop.example.com/invoices/7.pdf"' in b"".join(client.chunks())


def test_what_the_client_prefers_comes_along(shop: Shop) -> None:
    with shop.ask(Prefer="wait=0") as client:
        assert client.response().status == 202
    with shop.ask(Prefer="heartbeat=0") as client:
        answer = client.response()
        assert (answer.status, answer.headers["preference-applied"]) == (200, "heartbeat=0")
        assert "content-length" in answer.headers


def test_who_may_not_never_gets_to_relay(shop: Shop) -> None:
    with shop.ask(Authorization="Bearer nobody's") as client:
        assert client.response().status == 401
    with shop.nginx.connect() as client:
        client.request("GET", "/tickets/guessed")
        assert client.response().status == 404  # internal
    assert shop.relay.call("POST", "/jobs/invoice", {}, {"Host": "shop.example.com"}).status == 403


def test_a_client_that_sends_again_finds_its_job_again(shop: Shop) -> None:
    ids = []
    for _ in range(2):
        with shop.ask(Idempotency_Key="again") as client:
            ids.append(client.response().json()["id"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize("waiting", WAITING)
def test_hundreds_wait_behind_two_synchronous_workers(shop: Shop, waiting: int) -> None:
    with shop.paused():
        clients = [shop.ask(number, f"127.0.1.{number % 4 + 1}") for number in range(waiting)]
        shop.relay.wait_until_held(waiting)
        assert shop.say_hello() == b"hello\n"
    for number, client in enumerate(clients):
        assert client.response().json()["result"]["url"].endswith(f"/{number}.pdf")
        client.close()


# -- something is killed --


def test_gunicorn_is_not_needed_by_those_who_were_handed_over(shop: Shop) -> None:
    with shop.ask() as client:
        shop.relay.wait_until_held(1)
        assert shop.gunicorn.process is not None
        os.killpg(shop.gunicorn.process.pid, signal.SIGKILL)
        shop.gunicorn.process.wait()
        assert client.response().json()["state"] == "succeeded"
    shop.gunicorn.start()
    shop.gunicorn.wait_for("Booting worker", 2)


def test_a_killed_front_costs_nobody_in_grace_its_answer(shop: Shop) -> None:
    with shop.ask(Prefer="heartbeat=0") as client:
        shop.relay.wait_until_held(1)
        (front,) = shop.relay.children("relay front")
        os.kill(front, signal.SIGKILL)
        assert client.response().json()["state"] == "succeeded"


def test_a_killed_worker_costs_nobody_its_answer(shop: Shop) -> None:
    with shop.ask() as client:
        shop.relay.wait_until_held(1)
        (worker,) = shop.relay.children("relay worker")
        os.kill(worker, signal.SIGKILL)
        answer = client.response().json()
        assert (answer["state"], answer["attempts"]) == ("succeeded", 2)


@pytest.mark.long
def test_relay_as_a_whole_is_away(shop: Shop, tmp_path: Path) -> None:
    """Django says so, in relay's form."""
    shop.relay.stop()
    with shop.ask() as client:
        answer = client.response()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    shop.relay.start()


# -- through all of them --


@pytest.fixture
def outermost(shop: Shop, tmp_path: Path) -> Iterator[HAProxy]:
    """HAProxy in front of nginx."""
    port = free_port()
    timeouts = "timeout connect 2s\n timeout client 60s\n timeout server 60s"
    haproxy = HAProxy(
        tmp_path,
        f"defaults\n mode http\n {timeouts}\n"
        f"listen nginx\n bind 127.0.0.1:{port}\n server nginx 127.0.0.1:{shop.nginx.port}\n",
        port,
    )
    haproxy.start()
    eventually(lambda: listens(port), "HAProxy listens")
    yield haproxy
    haproxy.stop()


def listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), Client(port):
        return True
    return False


def test_a_report_comes_back_from_celery_through_all_of_them(outermost: HAProxy) -> None:
    """Client, HAProxy, nginx, gunicorn, Django, relay, Celery, and back."""
    with Client(outermost.port) as client:
        client.request("POST", "/report", {}, ANNA)
        assert client.response().json()["result"] == "the report of anna"
