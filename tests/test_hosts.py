"""relay, nginx, Django and phones on hosts of their own: network namespaces, which only root can make."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.handover import Handover
from tests.processes import ROOT, Client, RedisProcess, RelayProcess, Response

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="only root, with `ip`, can make network namespaces",
)

RELAY, NGINX, DJANGO, PHONE = "10.99.0.5", "10.99.0.1", "10.99.0.2", "10.99.0.9"
SECRET = "a secret that django and relay share"
SUBMIT = """
import sys
from relay.handover import Handover, HandoverError
try:
    print(Handover(sys.argv[1], sys.argv[2]).enqueue("area", {"box": {"width": 2, "height": 3}}))
except HandoverError as error:
    print(error.status, error.problem.get("detail"))
"""
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


class Hosts:
    """Two namespaces, one for relay and one for all others, each of whom has an address there."""

    def __init__(self) -> None:
        self.relay, self.others = (f"relay-test-{os.getpid()}-{name}" for name in ("a", "b"))

    def make(self) -> None:
        for name in (self.relay, self.others):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip(
            "-n",
            self.relay,
            "link",
            "add",
            "wire",
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            self.others,
        )
        for name, addresses in ((self.relay, [RELAY]), (self.others, [DJANGO, NGINX, PHONE])):
            for address in addresses:
                ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")

    def remove(self) -> None:
        for name in (self.relay, self.others):
            ip("netns", "del", name)

    def connect(self, source: str, target: str = RELAY) -> Client:
        """A client at one of the others' addresses."""
        made: list[Client] = []

        def enter() -> None:
            with open(f"/run/netns/{self.others}") as namespace:
                ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK)
            made.append(Away(target, source))

        thread = threading.Thread(target=enter)  # a thread has a namespace of its own
        thread.start()
        thread.join()
        return made[0]

    def call(self, source: str, method: str, path: str, **headers: str) -> Response:
        with self.connect(source) as client:
            given = {
                "Host": f"{RELAY}:8080",
                **{name.replace("_", "-"): said for name, said in headers.items()},
            }
            client.request(method, path, headers=given)
            return client.response()

    def submit(self, secret: str, url: str = f"http://{RELAY}:8080") -> str:
        """What `Handover` at Django's host says: a job's id, or why not."""
        command = ["ip", "netns", "exec", self.others, sys.executable, "-c", SUBMIT, url, secret]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()


class Away(Client):
    """A client on another host than relay."""

    def __init__(self, target: str, source: str) -> None:
        self.socket = socket.create_connection((target, 8080), 20, (source, 0))
        self._buffer = b""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def redis_process(one_redis: RedisProcess) -> RedisProcess:
    """All hosts reach its socket."""
    return one_redis


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    hosts = Hosts()
    hosts.make()
    yield hosts
    hosts.remove()


@pytest.fixture
def fronts() -> Iterator[list[RelayProcess]]:
    """The fronts of a test, to be ended with it."""
    started: list[RelayProcess] = []
    yield started
    for front in started:
        front.stop()
        assert front.tracebacks() == 0, front.log_tail()


@pytest.fixture
def worker(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    jobs = ("--jobs", "tests.sample_jobs", "--jobs", "relay.jobs")
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, *jobs, "--drain", "1")
    worker.start()
    yield worker
    worker.stop()


def start_front(
    fronts: list[RelayProcess], hosts: Hosts, redis: RedisProcess, directory: Path, *options: str
) -> RelayProcess:
    """A front on relay's host, and a port there for this test to look at it."""
    (directory / "secrets").write_text(f"{SECRET}\nthe secret before\n")
    (directory / "secrets").chmod(0o600)
    listen = ("--listen", f"tcp:8080:interface={RELAY}")
    front = RelayProcess(directory, "front", "--redis", redis.url, "--drain", "1", *listen, *options)
    front._command = ["ip", "netns", "exec", hosts.relay, *front._command]
    front.start()
    fronts.append(front)
    front.wait_for(rf"relay front listens on http://{RELAY}:8080")
    return front


def refusal(answer: Response) -> str:
    return f"{answer.status} {answer.json().get('detail', '')}".strip()


def test_programs_on_allowed_hosts_may_call_a_closed_relay(
    hosts: Hosts, redis: RedisProcess, worker: RelayProcess, fronts: list[RelayProcess], tmp_path: Path
) -> None:
    start_front(fronts, hosts, redis, tmp_path, "--allow", f"{DJANGO}/32", "--trusted-proxy", NGINX)

    def asks(source: str, path: str = "/jobs/area/none", **headers: str) -> str:
        return refusal(hosts.call(source, "GET", path, **headers))

    assert asks(DJANGO).startswith("404")
    assert asks(DJANGO, Host="relay:8080").startswith("404")
    assert asks(DJANGO, Host="evil.example") == "403 the Host is evil.example"
    assert asks(DJANGO, Origin="http://evil.example") == "403 the Origin is http://evil.example"
    assert asks(PHONE) == f"403 the request comes from {PHONE}"
    assert asks(PHONE, X_Forwarded_For=DJANGO) == "403 the request was forwarded (x-forwarded-for)"
    assert asks(NGINX, X_Forwarded_For=DJANGO).startswith("404")
    assert asks(NGINX, X_Forwarded_For="203.0.113.9") == "403 the request was forwarded for 203.0.113.9"
    assert "does not say for whom" in asks(NGINX)
    assert hosts.call(NGINX, "GET", "/healthz").status == 200
    assert hosts.call(PHONE, "GET", "/healthz").status == 403
    for name, status in (("area", 422), ("echo", 404)):  # `echo` is for the same machine only
        assert hosts.call(DJANGO, "POST", f"/jobs/{name}").status == status
    assert hosts.submit("whichever; there are none here").startswith("0-")


def test_django_on_another_host_submits_by_its_secret_and_phones_wait_by_their_tickets(
    hosts: Hosts, redis: RedisProcess, worker: RelayProcess, fronts: list[RelayProcess], tmp_path: Path
) -> None:
    """Neither ``--open`` nor ``--allow``."""
    options = ("--ticket-secrets", "secrets", "--trusted-proxy", NGINX)
    front = start_front(fronts, hosts, redis, tmp_path, *options)
    assert refusal(hosts.call(DJANGO, "GET", "/jobs/area/none")) == f"403 the request comes from {DJANGO}"
    assert hosts.submit(SECRET).startswith("0-")
    assert hosts.submit("the secret before").startswith("0-")
    assert hosts.submit("not the secret of this relay").startswith("403 the proof was not made")
    front.wait_for(f"a proof from {DJANGO} was refused")
    path = Handover("http://x", SECRET).headers(hosts.submit(SECRET))["X-Accel-Redirect"]
    answer = hosts.call(NGINX, "GET", path, X_Forwarded_For="203.0.113.9", Host="api.example.com")
    assert (answer.status, json.loads(answer.body)["result"]) == (200, 6)
