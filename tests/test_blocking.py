"""A handler that blocks its worker, on real processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually

pytestmark = pytest.mark.processes

LINE = 1 + next(
    number
    for number, line in enumerate((Path(__file__).parent / "blocking_jobs.py").read_text().splitlines())
    if "this line is named" in line
)
PLACE = rf"blocking_jobs\.py:{LINE} in block"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


def options(ran: Path) -> tuple[str, ...]:
    return ("--jobs", "tests.blocking_jobs", "--set", f"ran={ran}", "--grace", "0.3", "--drain", "1")


@pytest.fixture
def workers(server: RedisProcess, tmp_path: Path, ran: Path) -> Iterator[list[RelayProcess]]:
    made = [
        RelayProcess(tmp_path, "worker", "--redis", server.url, "--lease", "2", *options(ran))
        for _ in range(2)
    ]
    for worker in made:
        worker.start()
    yield made
    for worker in made:
        worker.stop()


def test_a_handler_that_blocks_for_longer_than_the_lease_runs_once(
    server: RedisProcess, workers: list[RelayProcess], tmp_path: Path, ran: Path
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", server.url, "--grace", "0.3")
    front.start()
    eventually(lambda: front.call("GET", "/readyz").status == 200, "the front is ready")
    answer = front.call("POST", "/jobs/block", {"seconds": 4}, {"Prefer": "wait=30, heartbeat=0"}).json()
    assert (answer["state"], answer["attempts"]) == ("succeeded", 1)
    assert [line.split()[0] for line in ran.read_text().splitlines()] == ["began", "ended"]
    (worker,) = [worker for worker in workers if "has been blocked" in worker.log_tail()]
    worker.wait_for(rf"job {answer['id']} \(block\) blocks it, at .*{PLACE}")
    worker.wait_for(r"goes on after it was blocked for \d\.\d s")
    assert "void" not in worker.log_tail()
    assert front.stop() == 0


@pytest.mark.parametrize(
    "at_last", [False, pytest.param(True, marks=pytest.mark.long)], ids=["once", "at last"]
)
def test_a_handler_that_blocks_for_ever_ends_its_worker_and_not_what_runs_beside_it(
    server: RedisProcess, tmp_path: Path, ran: Path, at_last: bool
) -> None:
    """It is not to blame, and runs again. The job itself is a dead letter at last."""
    relay = RelayProcess(tmp_path, "all", "--redis", server.url, "--stall", "1", *options(ran))
    relay.start()
    later = {"Prefer": "respond-async"}
    beside = relay.call("POST", "/jobs/beside", None, later).json()["id"]
    eventually(ran.exists, "it runs")
    blocks = relay.call("POST", "/jobs/block", {"seconds": 600}, later).json()["id"]
    eventually(lambda: server.client.hexists("{r0}:crash", blocks), "its worker has died under it")
    assert not server.client.hexists("{r0}:crash", beside)
    relay.wait_for(
        rf"\[worker 1 .*#critical\] .*and is ended: job {blocks} \(block\) blocks it, at .*{PLACE}"
    )
    relay.wait_for(r"#error.* worker 1 ended \(.*exit code 70")
    relay.wait_for(
        rf"its process ended: 2 jobs are returned to the queue, or have ended with it: .*block {blocks}"
    )
    Path(f"{ran}.end").touch()
    wait = {"Prefer": "wait=60, heartbeat=0"}
    if at_last:
        answer = relay.call("GET", f"/jobs/{blocks}", None, wait).json()
        assert answer["error"]["type"] == "/problems/worker-died"
        assert ran.read_text().splitlines().count(f"began {blocks}") == 5
    else:
        relay.call("DELETE", f"/jobs/{blocks}")
    assert relay.call("GET", f"/jobs/{beside}", None, wait).json()["state"] == "succeeded"
    relay.stop()


@pytest.mark.long
def test_a_worker_whose_interpreter_is_stuck_is_killed(tmp_path: Path, ran: Path) -> None:
    """Nothing within the process can notice."""
    relay = RelayProcess(tmp_path, "all", "--stall", "1", *options(ran))
    relay.start()
    (stuck,) = relay.children("relay worker")
    relay.call("POST", "/jobs/backtrack", None, {"Prefer": "respond-async"})
    eventually(ran.exists, "it runs")
    relay.wait_for(r"worker 1 \(\w+\) is killed: it gave no sign of life for 6\.0 s")
    eventually(lambda: stuck not in relay.children("relay worker"), "it is gone")
    relay.wait_for("its process ended: 1 jobs are returned to the queue, or have ended with it: backtrack")
    relay.stop()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("in_the_pool", "1 threads of handlers still run", marks=pytest.mark.long),
        ("in_the_reactors_pool", "the process ends without its threads: .*twisted.internet.reactor"),
        pytest.param(
            "in_a_thread_of_its_own",
            "the process ends without its threads: .*endless",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_worker_that_is_stopped_ends_whatever_its_threads_do(
    server: RedisProcess, tmp_path: Path, ran: Path, name: str, said: str
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", server.url, "--grace", "0.3")
    worker = RelayProcess(tmp_path, "worker", "--redis", server.url, *options(ran))
    for process in (front, worker):
        process.start()
    later = {"Prefer": "respond-async"}
    eventually(lambda: front.call("POST", f"/jobs/{name}", None, later).status == 202, "it is submitted")
    eventually(ran.exists, "it runs")
    worker.signal(signal.SIGTERM)
    assert worker.process is not None
    assert worker.process.wait(10) == 0
    worker.wait_for(said)
    assert front.stop() == 0


@pytest.mark.long
def test_names_are_found_while_handlers_fill_the_reactors_threads(
    server: RedisProcess, tmp_path: Path, ran: Path
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", server.url, "--grace", "0.3")
    worker = RelayProcess(
        tmp_path, "worker", "--redis", server.url, "--allow-private", "--jobs", "relay.jobs", *options(ran)
    )
    for process in (front, worker):
        process.start()
    front.wait_until_jobs_are_known()
    for _ in range(10):
        front.call("POST", "/jobs/in_the_reactors_pool", None, {"Prefer": "respond-async"})
    eventually(lambda: ran.exists() and len(ran.read_text().splitlines()) == 10, "they run")
    url = f"http://localhost:{front.port}/readyz"
    assert front.call("POST", "/jobs/fetch", {"url": url}).json()["result"]["status"] == 200
    assert worker.stop() == 0
    assert front.stop() == 0


@pytest.mark.long
def test_no_restart_leaves_a_process_behind(tmp_path: Path, ran: Path) -> None:
    relay = RelayProcess(tmp_path, "all", *options(ran), "--drain-limit", "0")
    relay.start()
    former = relay.children("relay worker")
    relay.call("POST", "/jobs/in_the_pool", None, {"Prefer": "respond-async"})
    eventually(ran.exists, "it runs")
    relay.signal(signal.SIGHUP)
    relay.wait_for("relay worker serves", count=2)
    eventually(lambda: not set(former) & set(relay.children("relay worker")), "it has gone")
    relay.stop()
