"""Fronts, workers and Redis as separate processes, each of which goes away."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.processes import PATIENCE, RedisProcess, RelayProcess, eventually

QUICK = ("--grace", "0.3", "--heartbeat", "1", "--drain", "2")


@pytest.fixture
def front(server: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", server.url, *QUICK)
    front.start()
    yield front
    assert front.stop() == 0
    assert front.tracebacks() == 0, front.log_tail()


def start_worker(server: RedisProcess, directory: Path, *options: str) -> RelayProcess:
    jobs = ("--jobs", "relay.jobs", "--jobs", "tests.sample_jobs", "--allow-private")
    worker = RelayProcess(directory, "worker", "--redis", server.url, *jobs, *QUICK, *options)
    worker.start()
    return worker


@pytest.fixture
def worker(server: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    worker = start_worker(server, tmp_path)
    yield worker
    worker.stop()


class Pages(BaseHTTPRequestHandler):
    """A local web server."""

    stalled, closed = Event(), Event()

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/page")
            self.end_headers()
            return
        if self.path == "/stalls":
            self.stalled.set()
            with contextlib.suppress(ConnectionResetError):
                assert self.connection.recv(1) == b""  # until the client closes
            self.closed.set()
            return
        body = ("<p>é</p>" * (1 if self.path == "/page" else 100_000)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pages() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fetch_runs_end_to_end(relay: RelayProcess, pages: str) -> None:
    for path in ("/page", "/moved"):
        answer = relay.call("POST", "/jobs/fetch", {"url": pages + path})
        assert answer.status == 200
        assert answer.json()["result"] == {
            "status": 200,
            "url": pages + "/page",
            "type": "text/html",
            "size": 9,
            "text": "<p>é</p>",
        }
    large = relay.call("POST", "/jobs/fetch", {"url": pages + "/large", "max_bytes": 1000})
    assert large.json()["error"]["status"] == 502
    assert large.json()["error"]["type"] == "/problems/upstream-too-large"


def test_a_running_job_that_is_cancelled_takes_its_upstream_call_along(
    relay: RelayProcess, pages: str
) -> None:
    begun = relay.call("POST", "/jobs/fetch", {"url": pages + "/stalls"}, {"Prefer": "respond-async"})
    assert Pages.stalled.wait(10)
    assert relay.call("DELETE", begun.headers["location"]).status == 202
    assert Pages.closed.wait(10)
    done = relay.call("GET", begun.headers["location"], headers={"Prefer": "wait=9"})
    assert done.json()["state"] == "cancelled"


def test_fetch_says_what_is_wrong_with_an_upstream(relay: RelayProcess) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        answer = relay.call("POST", "/jobs/fetch", {"url": url})
    assert answer.json()["error"]["type"] == "/problems/upstream-unreachable"
    assert answer.json()["error"]["retryable"] is True
    assert relay.call("POST", "/jobs/fetch", {"url": "ftp://x"}).status == 422
    bad = relay.call("POST", "/jobs/fetch", {"url": "http://a..b/"})
    assert bad.json()["error"]["type"] == "/problems/bad-url"


def test_private_addresses_are_out_of_reach_unless_the_operator_says_so(
    server: RedisProcess, front: RelayProcess, tmp_path: Path, pages: str
) -> None:
    options = ("worker", "--redis", server.url, *QUICK)
    guarded = RelayProcess(tmp_path, *options)
    guarded.start()
    for url in (pages, pages.replace("127.0.0.1", "localhost"), "http://169.254.169.254/"):
        answer = front.call("POST", "/jobs/fetch", {"url": url})
        assert answer.status == 403, answer
        assert answer.json()["error"]["type"] == "/problems/private-address"
    assert guarded.stop() == 0


def stops(server: RedisProcess) -> None:
    server.signal(signal.SIGSTOP)


def goes_on(server: RedisProcess) -> None:
    server.signal(signal.SIGCONT)


AWAY = [
    pytest.param(stops, goes_on, id="hangs"),
    pytest.param(RedisProcess.stop, RedisProcess.start, id="ends", marks=pytest.mark.long),
]
Does = Callable[[RedisProcess], object]


@pytest.mark.parametrize(("goes", "comes"), AWAY)
def test_a_redis_that_is_away_is_503_within_2_seconds_and_all_resumes(
    server: RedisProcess, front: RelayProcess, worker: RelayProcess, goes: Does, comes: Does
) -> None:
    assert front.call("POST", "/jobs/echo", {"message": 1}).status == 200
    goes(server)
    for method, path in (("POST", "/jobs/echo"), ("GET", "/jobs/echo/key"), ("PUT", "/jobs/echo/key")):
        began = time.monotonic()
        answer = front.call(method, path)
        assert answer.status == 503, answer
        assert answer.json()["type"] == "/problems/store-away"
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() - began < PATIENCE / 2  # and not whenever it is back
    comes(server)
    eventually(lambda: front.call("POST", "/jobs/echo", {"message": 2}).status == 200, "it resumes")


def test_a_held_request_outlives_a_redis_that_was_restarted(
    server: RedisProcess, front: RelayProcess, worker: RelayProcess
) -> None:
    with front.connect() as client:
        client.request("PUT", "/jobs/sleep/outlives", {"seconds": 3})
        assert client.head()[0] == 200
        server.stop()
        server.start()
        envelope = json.loads(b"".join(client.chunks()))
    assert envelope["result"] == {"slept": 3.0}
    assert envelope["attempts"] == 1


def test_a_front_that_is_stopped_sends_its_clients_elsewhere(
    server: RedisProcess, worker: RelayProcess, tmp_path: Path
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", server.url, *QUICK)
    front.start()
    other = RelayProcess(tmp_path, "front", "--redis", server.url, *QUICK)
    other.start()
    with front.connect() as committed, front.connect() as silent:
        committed.request("POST", "/jobs/sleep", {"seconds": 4})
        _, headers, _ = committed.head()
        silent.request("POST", "/jobs/sleep", {"seconds": 4}, {"Prefer": "heartbeat=0"})
        front.wait_until_held(2)
        front.signal(signal.SIGTERM)
        envelope = json.loads(b"".join(committed.chunks()))
        assert (envelope["complete"], envelope["reattach"]) == (False, True)
        answer = silent.response()
        assert answer.status == 202
        assert answer.json()["reattach"] is True
    assert front.process is not None
    assert front.process.wait(10) == 0
    assert front.tracebacks() == 0
    done = other.call("GET", headers["location"], headers={"Prefer": "wait=20"})
    assert done.json()["result"] == {"slept": 4.0}
    other.stop()


def test_a_worker_that_is_stopped_finishes_what_it_can_and_gives_the_rest_back(
    server: RedisProcess, front: RelayProcess, tmp_path: Path
) -> None:
    worker = start_worker(server, tmp_path, "--drain", "1")
    with front.connect() as short, front.connect() as long:
        short.request("PUT", "/jobs/sleep/short", {"seconds": 0.8})
        long.request("PUT", "/jobs/sleep/long", {"seconds": 3})
        for key in ("short", "long"):
            eventually(
                lambda key=key: front.call("GET", f"/jobs/sleep/{key}").json().get("state") == "running", key
            )
        assert worker.stop() == 0
        assert worker.tracebacks() == 0, worker.log_tail()
        assert json.loads(short.response().body)["attempts"] == 1
        waiting = front.call("GET", "/jobs/sleep/long").json()
        assert (waiting["state"], waiting["position"]) == ("queued", 1)
        successor = start_worker(server, tmp_path)
        assert json.loads(long.response().body)["result"] == {"slept": 3.0}
        successor.stop()


def test_new_handlers_are_deployed_by_restarting_workers_only(
    server: RedisProcess, front: RelayProcess, tmp_path: Path
) -> None:
    module = tmp_path / "deployed.py"
    for version in (1, 2):
        module.write_text(f"from relay import job\n\n@job\ndef version(a{version}: int): return {version}\n")
        worker = RelayProcess(
            tmp_path,
            "worker",
            "--redis",
            server.url,
            "--jobs",
            "deployed",
            *QUICK,
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
        )
        worker.start()
        argument = {f"a{version}": 1}
        eventually(lambda: front.call("POST", "/jobs/version", argument).status == 200, "the new handler")  # noqa: B023
        assert front.call("POST", "/jobs/version", argument).json()["result"] == version
        assert front.call("POST", "/jobs/version", {"other": 1}).status == 422
        worker.stop()


# -- everything on one machine --


@pytest.fixture
def everything(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RelayProcess]:
    """A whole relay, with further options as the fixture's parameter."""
    options = getattr(request, "param", ())
    relay = RelayProcess(tmp_path, "all", "--fronts", "2", "--workers", "2", *QUICK, *options)
    relay.start()
    relay.wait_for("relay front listens", count=2)
    relay.wait_for("relay worker serves", count=2)
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def lasting_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    options = ("--fronts", "2", "--workers", "2", "--lease", "60", *QUICK)
    relay = RelayProcess(tmp_path_factory.mktemp("lasting"), "all", *options)
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def lasting(lasting_process: RelayProcess) -> RelayProcess:
    """A whole relay for tests of what it survives: all of its processes are there again."""

    def is_whole() -> bool:
        counts = [said(lasting_process, line) for line in ("relay front listens", "relay worker serves")]
        ended = [said(lasting_process, rf"{role} \d ended") for role in ("front", "worker")]
        return all(count - gone >= 2 for count, gone in zip(counts, ended, strict=True))

    eventually(is_whole, "two fronts and two workers work")
    return lasting_process


def said(relay: RelayProcess, pattern: str) -> int:
    """How many lines of its log match."""
    return sum(bool(re.search(pattern, line)) for line in list(relay._lines))


@pytest.mark.processes
def test_the_processes_show_their_role_and_run_in_their_own_sessions(lasting: RelayProcess) -> None:
    fronts, workers = lasting.children("relay front"), lasting.children("relay worker")
    (redis,) = lasting.children("valkey-server")
    assert (len(fronts), len(workers)) == (2, 2)
    for pid in (*fronts, *workers, redis):
        assert os.getsid(pid) == pid


@pytest.mark.processes
@pytest.mark.parametrize("role", ["relay front", "relay worker"])
def test_a_process_that_dies_is_started_again(lasting: RelayProcess, role: str) -> None:
    before = lasting.children(role)
    line = "relay front listens" if role == "relay front" else "relay worker serves"
    seen = said(lasting, line)
    os.kill(before[0], signal.SIGKILL)
    lasting.wait_for(line, count=seen + 1)
    assert len(lasting.children(role)) == 2
    assert lasting.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1


@pytest.mark.processes
def test_a_front_that_dies_refuses_nobody(lasting: RelayProcess) -> None:
    for pid in lasting.children("relay front"):
        os.kill(pid, signal.SIGKILL)
    assert lasting.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_nothing_outlives_the_supervisor(everything: RelayProcess, number: int) -> None:
    roles = ("relay front", "relay worker", "valkey-server")
    pids = [pid for role in roles for pid in everything.children(role)]
    assert len(pids) == 5
    with everything.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 30})
        assert client.head()[0] == 200
        everything.kill(number)
        envelope = json.loads(b"".join(client.chunks()))
        assert envelope["reattach"] is True
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "they are gone")


@pytest.mark.long
@pytest.mark.processes
def test_sighup_replaces_every_process_while_requests_are_answered(everything: RelayProcess) -> None:
    before = everything.children("relay front") + everything.children("relay worker")
    with everything.connect() as held:
        held.request("PUT", "/jobs/sleep/replaced", {"seconds": 6})
        assert held.head()[0] == 200
        everything.signal(signal.SIGHUP)
        while set(before) & set(everything.children("relay front") + everything.children("relay worker")):
            answered = everything.call("POST", "/jobs/echo", {"message": 1})
            envelope = answered.json()
            assert answered.status < 300
            while not envelope["complete"]:  # its front was told to stop in the very moment, and sends us on
                assert envelope["reattach"] is True
                envelope = everything.call(
                    "GET", f"/jobs/{envelope['id']}", None, {"Prefer": "wait=20"}
                ).json()
            assert envelope["result"] == 1
        answer = json.loads(b"".join(held.chunks()))
    while not answer["complete"]:  # as the rule for clients has it
        assert answer["reattach"] is True
        answer = json.loads(everything.call("PUT", "/jobs/sleep/replaced", {"seconds": 6}).body)
    assert answer["result"] == {"slept": 6.0}
    assert len(everything.children("relay front")) == len(everything.children("relay worker")) == 2


@pytest.mark.processes
@pytest.mark.parametrize("everything", [("--drain", "20")], indirect=True)
def test_a_child_that_is_told_to_stop_has_a_successor_before_it_leaves(everything: RelayProcess) -> None:
    workers = everything.children("relay worker")
    headers = {"Prefer": "respond-async"}
    jobs = [  # one for each worker
        everything.call("POST", "/jobs/sleep", {"seconds": 20}, headers).headers["location"] for _ in workers
    ]
    eventually(
        lambda: all(everything.call("GET", job).json()["state"] == "running" for job in jobs), "they run"
    )
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    everything.wait_for("relay worker serves", count=4)
    assert set(workers) & set(everything.children("relay worker"))  # still draining
    for job in jobs:
        assert everything.call("DELETE", job).status == 202
    eventually(lambda: not set(workers) & set(everything.children("relay worker")), "they have gone")
    assert len(everything.children("relay worker")) == 2


@pytest.mark.processes
def test_a_killed_workers_job_runs_again_long_before_its_lease_ends(lasting: RelayProcess) -> None:
    with lasting.connect() as client:
        client.request("PUT", "/jobs/sleep/again", {"seconds": 2})
        eventually(
            lambda: lasting.call("GET", "/jobs/sleep/again").json().get("state") == "running", "it runs"
        )
        for pid in lasting.children("relay worker"):
            os.kill(pid, signal.SIGKILL)
        envelope = json.loads(b"".join(client.chunks())) if client.head()[0] == 200 else {}
    assert envelope["result"] == {"slept": 2.0}
    assert envelope["attempts"] in (2, 3)  # the second worker may have taken it before it was killed, too
    assert envelope["elapsed_ms"] < 20_000  # of a lease of 60 s


def goes_away(front: RelayProcess) -> None:
    """A client whose job is for itself only goes away, and the job is cancelled."""
    client = front.connect()
    client.request("PUT", "/jobs/patient/alone", headers={"Relay-On-Disconnect": "cancel"})
    front.wait_until_held(1)
    client.close()
    front.wait_until_nothing_is_held()
    eventually(
        lambda: front.call("GET", "/jobs/patient/alone").json()["state"] == "cancelled", "it is cancelled"
    )


def test_a_client_that_goes_away_can_take_its_running_job_along(relay: RelayProcess) -> None:
    goes_away(relay)


@pytest.mark.long
def test_a_client_that_goes_away_can_take_its_waiting_job_along(
    front: RelayProcess, server: RedisProcess, tmp_path: Path
) -> None:
    worker = start_worker(server, tmp_path)
    front.wait_until_jobs_are_known()
    worker.stop()
    goes_away(front)


def test_a_client_that_comes_back_keeps_its_job(relay: RelayProcess) -> None:
    client = relay.connect()
    client.request("PUT", "/jobs/sleep/back", {"seconds": 4}, {"Relay-On-Disconnect": "cancel"})
    relay.wait_until_held(1)
    client.close()
    relay.wait_until_nothing_is_held()
    answer = relay.call("PUT", "/jobs/sleep/back", {"seconds": 4}, {"Relay-On-Disconnect": "cancel"})
    assert answer.json()["result"] == {"slept": 4.0}


def test_a_redis_that_was_flushed_is_told_again_what_is_held_and_running(
    server: RedisProcess, front: RelayProcess, worker: RelayProcess
) -> None:
    front.wait_until_jobs_are_known()
    async_id = front.call("POST", "/jobs/echo", headers={"Relay-Delay": "60"}).json()["id"]
    with front.connect() as running:
        running.request("PUT", "/jobs/sleep/flushed", {"seconds": 4}, {"Prefer": "wait=15"})
        assert running.head()[0] == 200
        server.client.flushall()
        envelope = json.loads(b"".join(running.chunks()))
    assert envelope["result"] == {"slept": 4.0}
    assert envelope["attempts"] == 1
    gone = front.call("GET", f"/jobs/{async_id}")
    assert gone.status == 410
    assert gone.json()["type"] == "/problems/store-reset"


@pytest.mark.long
def test_a_job_that_was_waiting_when_redis_was_flushed_is_submitted_again(
    server: RedisProcess, front: RelayProcess, tmp_path: Path
) -> None:
    """Also by a front whose client only attached to it, when the one that submitted it has gone."""
    worker = start_worker(server, tmp_path, "--concurrency", "1")
    other = RelayProcess(tmp_path, "front", "--redis", server.url, *QUICK)
    other.start()
    for each in (front, other):
        each.wait_until_jobs_are_known()
    blocking, submitted, gone = front.connect(), front.connect(), front.connect()
    blocking.request("POST", "/jobs/sleep", {"seconds": 3})
    front.wait_until_held(1)
    submitted.request("PUT", "/jobs/echo/here", {"message": "still here"}, {"Prefer": "wait=15"})
    gone.request("PUT", "/jobs/echo/gone", {"message": "attached"})
    front.wait_until_held(3)
    attached = other.connect()
    attached.request("PUT", "/jobs/echo/gone", {"message": "attached"}, {"Prefer": "wait=15"})
    other.wait_until_held(1)
    gone.close()
    front.wait_until_held(2)
    server.client.flushall()
    assert blocking.response().json()["result"] == {"slept": 3.0}
    assert submitted.response().json()["result"] == "still here"
    assert attached.response().json()["result"] == "attached"
    for client in (blocking, submitted, attached):
        client.close()
    for process in (other, worker):
        process.stop()


def test_a_history_that_lost_its_end_is_completed(
    server: RedisProcess, front: RelayProcess, tmp_path: Path
) -> None:
    """As after a crash or a failover: another run of the server, and what came last is missing."""
    worker = start_worker(server, tmp_path, "--concurrency", "1")
    front.wait_until_jobs_are_known()
    with front.connect() as running, front.connect() as waiting:
        running.request("PUT", "/jobs/sleep/first", {"seconds": 3})
        eventually(lambda: front.call("GET", "/jobs/sleep/first").json().get("state") == "running", "it runs")
        waiting.request("PUT", "/jobs/echo/last", {"message": "missing"}, {"Prefer": "wait=15"})
        front.wait_until_held(2)
        id = front.call("GET", "/jobs/echo/last").json()["id"]
        server.client.hdel("{r0}:job", id)
        server.client.zrem("{r0}:ready:echo", id)
        server.client.set("{r0}:server", "the run before")
        server.client.client_kill_filter(_type="normal", skipme=True)
        assert running.response().json()["attempts"] == 1
        assert waiting.response().json()["result"] == "missing"
    worker.stop()


@pytest.mark.long
@pytest.mark.processes
def test_a_worker_that_can_not_start_does_not_turn_the_machine_round(tmp_path: Path) -> None:
    """The pause between starts grows: a handful of starts in a second, not hundreds."""
    (tmp_path / "moody.py").write_text(
        "import os, sys\nfrom relay import job\n"
        "if 'relay.process.child' in sys.orig_argv: os._exit(3)\n\n@job\ndef f(): ...\n"
    )
    relay = RelayProcess(tmp_path, "all", "--jobs", "moody")
    super(RelayProcess, relay).start()
    eventually(lambda: said(relay, r"worker 1 ended .* again in 0\.2 s"), "it was started three times", 60)
    assert sum("worker 1 ended" in line for line in relay._lines) <= 3
    relay.stop()


@pytest.mark.processes
def test_data_survives_a_restart_of_everything(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, "all", *QUICK)
    relay.start()
    done = relay.call("PUT", "/jobs/echo/kept", {"message": "kept"}).json()
    relay.stop()
    again = RelayProcess(tmp_path, "all", *QUICK)
    again.start()
    assert again.call("GET", f"/jobs/{done['id']}").json() == done
    assert again.call("PUT", "/jobs/echo/kept", {"message": "kept"}).json() == done
    again.stop()
