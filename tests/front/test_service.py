"""A front by what its operator set: where it listens, for whom, with which limits."""

from __future__ import annotations

import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import StrictRedis

from tests.certificates import write_certificate
from tests.processes import Client, RedisProcess, RelayProcess, eventually

pytestmark = pytest.mark.processes

QUICK = ("--grace", "0.3", "--heartbeat", "1", "--drain", "1")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A server with a worker, for one front after the other."""
    directory = tmp_path_factory.mktemp("served")
    redis = RedisProcess(directory)
    worker = RelayProcess(directory, "worker", "--redis", redis.url, "--jobs", "relay.jobs", *QUICK)
    for process in (redis, worker):
        process.start()
    yield redis
    for process in (worker, redis):
        process.stop()


def start_front(redis: RedisProcess, directory: Path, *options: str) -> RelayProcess:
    front = RelayProcess(directory, "front", "--redis", redis.url, *QUICK, *options)
    front.start()
    return front


class Wrapped(Client):
    """A client on a socket that is connected already."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = b""


def hold(client: Client) -> None:
    """A held request from its head to its envelope."""
    client.request("POST", "/jobs/sleep", {"seconds": 1})
    _, headers, _ = client.head()
    assert headers["relay-outcome"] == "in-body"
    *beats, envelope = client.chunks()
    assert beats
    assert b'"slept":1.0' in envelope
    assert client.is_closed()


def test_past_max_held_clients_get_202_at_once(served: RedisProcess, tmp_path: Path) -> None:
    front = start_front(served, tmp_path, "--max-held", "2")
    clients = [front.connect() for _ in range(2)]
    for number, client in enumerate(clients):
        client.request("PUT", f"/jobs/sleep/full-{number}", {"seconds": 2})
    front.wait_until_held(2)
    answer = front.call("POST", "/jobs/sleep", {"seconds": 2})
    assert answer.status == 202
    for client in clients:
        assert client.response().json()["complete"] is True
    assert (
        front.call("GET", answer.headers["location"], headers={"Prefer": "wait=9"}).json()["state"]
        == "succeeded"
    )
    front.stop()


def test_a_job_that_no_worker_serves_any_more_is_503_for_who_would_wait(
    redis: RedisProcess, tmp_path: Path
) -> None:
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, "--jobs", "relay.jobs", *QUICK)
    worker.start()
    worker.stop()
    redis.client.zadd("{r0}:served", {"echo": time.time() * 1000 - 1})  # as after half a minute
    front = start_front(redis, tmp_path)
    answer = front.call("POST", "/jobs/echo")
    assert answer.status == 503
    assert answer.json()["type"] == "/problems/no-worker"
    assert front.call("POST", "/jobs/echo", headers={"Prefer": "respond-async"}).status == 202
    front.stop()


def test_before_the_first_worker_has_come_no_job_is_unknown(redis: RedisProcess, tmp_path: Path) -> None:
    front = start_front(redis, tmp_path)
    for headers in ({}, {"Prefer": "respond-async"}):
        answer = front.call("POST", "/jobs/echo", headers=headers)
        assert (answer.status, answer.json()["type"]) == (503, "/problems/no-worker")
        assert answer.headers["retry-after"] == "5"
    front.stop()


def test_a_prefix_is_in_locations_and_problem_types(served: RedisProcess, tmp_path: Path) -> None:
    front = start_front(served, tmp_path, "--prefix", "/v1")
    eventually(lambda: front.call("POST", "/jobs/echo").status == 200, "the job is known")
    assert front.call("POST", "/jobs/echo").headers["location"].startswith("/v1/jobs/0-")
    assert front.call("GET", "/nothing").json()["type"] == "/v1/problems/no-such-page"
    front.stop()


def test_jobs_that_are_not_for_this_client_are_unknown(served: RedisProcess, tmp_path: Path) -> None:
    closed = start_front(served, tmp_path)
    eventually(lambda: closed.call("POST", "/jobs/echo").status == 200, "the jobs are known")
    internal = closed.call("POST", "/jobs/webhook", {"outcome": {}})
    assert (internal.status, internal.json()["type"]) == (404, "/problems/unknown-job")
    closed.stop()
    front = start_front(served, tmp_path, "--open")
    eventually(lambda: front.call("POST", "/jobs/fetch").status == 422, "the jobs are known")
    for name in ("echo", "sleep"):
        local = front.call("POST", f"/jobs/{name}", {"seconds": 1})
        assert (local.status, local.json()["type"]) == (404, "/problems/unknown-job")
    front.stop()


def test_submissions_without_a_key_can_be_refused(served: RedisProcess, tmp_path: Path) -> None:
    front = start_front(served, tmp_path, "--require-key")
    eventually(lambda: front.call("PUT", "/jobs/echo/known").status == 200, "the jobs are known")
    refused = front.call("POST", "/jobs/echo")
    assert (refused.status, refused.json()["type"]) == (400, "/problems/key-required")
    assert front.call("POST", "/jobs/echo", headers={"Idempotency-Key": "a"}).status == 200
    front.stop()


def test_a_delay_has_the_limit_that_is_set(served: RedisProcess, tmp_path: Path) -> None:
    front = start_front(served, tmp_path, "--max-delay", "60")
    eventually(lambda: front.call("POST", "/jobs/echo").status == 200, "the jobs are known")
    for header in ("Relay-Delay", "Relay-Deadline"):
        assert front.call("POST", "/jobs/echo", headers={header: "60"}).status in (200, 202)
        refused = front.call("POST", "/jobs/echo", headers={header: "61"})
        assert (refused.status, "up to 60" in refused.json()["detail"]) == (400, True)
    front.stop()


def test_a_client_may_have_a_shorter_grace_and_no_longer_one(served: RedisProcess, tmp_path: Path) -> None:
    front = start_front(served, tmp_path, "--grace", "2")
    eventually(lambda: front.call("POST", "/jobs/echo").status == 200, "the jobs are known")
    for grace, applied in (("0", "grace=0"), ("9", None)):
        with front.connect() as client:
            client.request("POST", "/jobs/sleep", {"seconds": 3}, {"Prefer": f"grace={grace}"})
            status, headers, _ = client.head()
            assert (status, headers.get("preference-applied")) == (200, applied)
            assert headers["relay-outcome"] == "in-body"
    front.stop()


def test_the_data_of_an_embedded_redis_is_nobody_elses(tmp_path: Path) -> None:
    old = tmp_path / "relay-data" / "appendonlydir"
    old.mkdir(parents=True, mode=0o755)
    (old / "old.aof").touch(0o644)
    relay = RelayProcess(tmp_path, "all", "--redis-memory", "50000000")
    relay.start()
    eventually(lambda: relay.call("POST", "/jobs/echo").status == 200, "the jobs are known")
    assert (tmp_path / "relay-data").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "relay-data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    with StrictRedis(unix_socket_path=str(tmp_path / "relay-data" / "redis.sock")) as client:
        assert client.config_get("maxmemory")["maxmemory"] == "50000000"
    relay.stop()


def test_a_command_line_shows_no_secret(redis: RedisProcess, tmp_path: Path) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--set", "webhook_secret=hidden")
    front.start()
    front.wait_for("relay front listens")
    assert front.process is not None
    assert b"hidden" not in Path(f"/proc/{front.process.pid}/cmdline").read_bytes()
    front.stop()


def test_open_answers_anyone(redis: RedisProcess, tmp_path: Path) -> None:
    front = start_front(redis, tmp_path, "--open")
    headers = {"Host": "example.com", "X-Forwarded-For": "1.2.3.4", "Origin": "https://example.com"}
    assert front.call("GET", "/healthz", headers=headers).status == 200
    front.stop()


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_front_that_stops_answers_one_more_request_on_each_connection(
    redis: RedisProcess, tmp_path: Path
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, *QUICK)
    front.start()
    with front.connect() as fresh, front.connect() as idle:
        idle.request("GET", "/problems/no-worker")
        answer = idle.response()
        assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")
        front.signal(signal.SIGTERM)
        eventually(lambda: not is_served(front.port), "it listens no more")
        for client in (idle, fresh):
            client.request("GET", "/problems/no-worker")
            answer = client.response()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert client.is_closed()
    front.stop()


def test_an_idle_connection_is_closed_after_keepalive(redis: RedisProcess, tmp_path: Path) -> None:
    front = start_front(redis, tmp_path, "--keepalive", "0.5")
    with front.connect() as client:
        client.request("GET", "/healthz")
        assert client.response().status == 200
        assert client.is_closed()
    front.stop()


def test_requests_are_held_over_unix_tls_and_proxy_endpoints(served: RedisProcess, tmp_path: Path) -> None:
    pem = write_certificate(tmp_path)
    path = tmp_path / "front.sock"
    listen = (
        *("--listen", f"unix:{path}"),
        *("--listen", f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"),
        *("--listen", "haproxy:tcp:0:interface=127.0.0.1", "--trusted-proxy", "127.0.0.1"),
    )
    front = start_front(served, tmp_path, *listen)
    front.wait_for("relay front listens", count=4)
    front.wait_for(rf"listens on unix:{path}$")
    tls_port = int(front.wait_for(r"listens on https://127\.0\.0\.1:(\d+)$")[1])
    proxy_port = int(front.wait_for(r":(\d+) \(a PROXY header is expected\)$")[1])
    front.port = int(front.wait_for(r"listens on http://127\.0\.0\.1:(\d+)$")[1])

    over_unix = socket.socket(socket.AF_UNIX)
    over_unix.connect(str(path))
    context = ssl.create_default_context(cafile=str(pem))
    over_tls = context.wrap_socket(
        socket.create_connection(("127.0.0.1", tls_port)), server_hostname="localhost"
    )
    over_proxy = socket.create_connection(("127.0.0.1", proxy_port))
    over_proxy.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 1000 80\r\n")
    for connected in (over_unix, over_tls, over_proxy):
        connected.settimeout(20)
        with Wrapped(connected) as client:
            hold(client)
    front.wait_until_nothing_is_held()
    front.stop()
    assert front.tracebacks() == 0, front.log_tail()


@pytest.mark.parametrize(
    ("head", "late", "seconds"),
    [
        ("HTTP/1.0", b"\r\n", 0),
        ("HTTP/1.1\r\nConnection: close", b"GET /readyz HTTP/1.1\r\n\r\n", 0),
        ("HTTP/1.1", b"what is this?\r\n\r\n", 0),
        ("HTTP/1.1", b"GET /readyz HTTP/1.1\r\n\r\n", 1),
    ],
)
def test_what_a_client_sends_too_late_does_not_cost_it_its_answer(
    relay: RelayProcess, head: str, late: bytes, seconds: int
) -> None:
    """Neither a whole answer nor one that was committed."""
    body = b'{"size": 99000, "seconds": %d}' % seconds
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", relay.port))
        request = f"POST /jobs/large {head}\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(request.encode() + body)
        read = client.recv(1)
        client.sendall(late)
        while piece := client.recv(1000):
            read += piece
            client.sendall(b"\r\n") if len(read) < 50_000 else None
            if read.count(b"x") >= 99_000:
                break
    assert read.count(b"x") >= 99_000
