"""Fronts and workers on hosts of their own, whose clocks differ: clients come to any front, and hosts come and go."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.handover import Handover
from tests.processes import ROOT, Host, RelayProcess, eventually
from tests.topologies.network import Network, can_have_hosts
from tests.topologies.one import One
from tests.topologies.stepped import LIBRARY, SteppedClock

pytestmark = [
    pytest.mark.processes,
    pytest.mark.long,
    pytest.mark.skipif(LIBRARY is None, reason="needs Debian's package libfaketime"),
]

SECRET = "a secret that all fronts share"
DRAIN = 3
WRONG = 180  # seconds by which the clocks of the first two hosts are wrong, one ahead and one behind
LATER = {"Prefer": "respond-async"}
WAIT = {"Prefer": "wait=30"}


class Machine:
    """A host with a clock of its own, and what runs there."""

    def __init__(self, site: Site, host: Host) -> None:
        self._site = site
        self.host = host
        self.clock = SteppedClock(site.directory / f"clock-{host.address}")

    def front(self, *options: str) -> RelayProcess:
        return self._start("front", "--open", "--ticket-secrets", "secrets", "--heartbeat", "1", *options)

    def worker(self) -> RelayProcess:
        noted = f"noted={self._site.noted}"
        jobs = ("tests.sample_jobs", "tests.hosts_jobs")
        return self._start("worker", *(w for name in jobs for w in ("--jobs", name)), "--set", noted)

    def _start(self, role: str, *options: str) -> RelayProcess:
        words = (role, "--redis", self._site.redis.url(), "--grace", "0.3", "--drain", str(DRAIN), *options)
        process = RelayProcess(
            self._site.directory, *words, environment=self.clock.environment, host=self.host
        )
        process.start()
        self._site.running.append(process)
        return process

    def relay(self, *words: str) -> str:
        """What the command `relay` prints there."""
        command = self.host.command([sys.executable, "-m", "relay.commands.main", *words])
        environment = {
            **os.environ,
            **self.clock.environment,
            "PYTHONPATH": str(ROOT),
            "RELAY_REDIS": self._site.redis.url(),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    def status(self) -> Any:
        """What ``relay status`` says there; the machine of the tests may be too busy for an answer in time."""

        def answered() -> Any:
            said = self.relay("status", "--json")
            return json.loads(said) if said.startswith("{") else None

        return eventually(answered, "the command has an answer", 60)


class Site:
    """Redis on a host of its own, and three machines for relay."""

    def __init__(self, directory: Path, network: Network) -> None:
        self.directory = directory
        self.noted = directory / "noted"
        write_secret(directory / "secrets", SECRET)
        first, *others = network.hosts
        self.redis = One(directory, hosts=(first,))
        self.running: list[RelayProcess] = []
        self.machines = [Machine(self, host) for host in others]

    def notes(self, word: str) -> list[list[str]]:
        lines = self.noted.read_text().splitlines() if self.noted.exists() else []
        return [rest for first, *rest in map(str.split, lines) if first == word]


def write_secret(path: Path, secret: str) -> None:
    path.write_text(f"{secret}\n")
    path.chmod(0o600)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if not can_have_hosts():
        pytest.skip("it takes root and Linux to make network namespaces")
    with Network(4) as network:
        site = Site(tmp_path, network)
        site.redis.start()
        yield site
        for process in site.running:
            if process.process is not None and process.process.poll() is None:
                assert process.stop() == 0
            assert process.tracebacks() == 0, process.log_tail()
        site.redis.stop()


@pytest.fixture
def fronts(site: Site) -> tuple[RelayProcess, RelayProcess]:
    """One on each of the first two machines, beside a worker; their clocks are wrong."""
    one, two, _ = site.machines
    one.clock.set(WRONG)
    two.clock.set(-WRONG)
    made = one.front(), two.front()
    one.worker(), two.worker()
    for front in made:
        wait_until_jobs_are_known(front)
    return made


def wait_until_jobs_are_known(front: RelayProcess) -> None:
    eventually(lambda: front.call("POST", "/jobs/say", {"message": 1}).status == 200, "the jobs are known")


def test_any_front_serves_any_job_whatever_the_clocks_say(
    site: Site, fronts: tuple[RelayProcess, RelayProcess]
) -> None:
    one, two = fronts
    for here, there in ((one, two), (two, one)):
        submitted = here.call("POST", "/jobs/nap", {"seconds": 1}, {**LATER, "Relay-Deadline": "20"}).json()
        attached = there.call("GET", f"/jobs/{submitted['id']}", None, WAIT).json()
        assert attached["result"] == 1.0
        key = f"/jobs/say/{here.port}"
        assert here.call("PUT", key, {"message": 1}).json() == there.call("PUT", key, {"message": 1}).json()
        with here.connect() as held:
            held.request("POST", "/jobs/nap", {"seconds": 60}, WAIT)
            _, headers, _ = held.head()
            assert there.call("DELETE", headers["location"]).status == 202
            assert json.loads(b"".join(held.chunks()))["state"] == "cancelled"
        url = f"http://{here.host.address}:{here.port}"
        ticket = Handover(url, SECRET).submit("area", {"box": {"width": 2, "height": 3}})
        assert there.call("GET", ticket["X-Accel-Redirect"]).json()["result"] == 6
        delayed = {**LATER, "Relay-Delay": "1", "Relay-Deadline": "20"}
        later = here.call("POST", "/jobs/say", {"message": 2}, delayed).json()
        assert there.call("GET", f"/jobs/{later['id']}", None, WAIT).json()["result"] == 2
    fired = Counter(second for (second,) in site.notes("ticked"))
    assert set(fired.values()) == {1}
    assert sorted(map(int, fired)) == list(range(min(map(int, fired)), max(map(int, fired)) + 1))
    assert abs(max(map(int, fired)) - time.time()) < 5  # by Redis' clock


def test_nobody_notices_that_clocks_are_set(site: Site, fronts: tuple[RelayProcess, RelayProcess]) -> None:
    one, two = fronts
    with one.connect() as here, two.connect() as there:
        for client in (here, there):
            client.request("POST", "/jobs/nap", {"seconds": 5}, WAIT)
            assert client.head()[0] == 200
        site.machines[0].clock.set(3600)
        site.machines[1].clock.set(-3600)
        for client in (here, there):
            *beats, end = client.chunks()
            assert (json.loads(end)["result"], json.loads(end)["attempts"]) == (5.0, 1)
            assert 4 <= len(beats) <= 6
    assert not any("void" in process.log_tail(1000) for process in site.running)
    said = site.machines[2].status()
    assert not [each for each in said["findings"] if "has said nothing" in each["what"]]
    assert all(0 < each["seen"] - each["began"] < 120_000 for each in said["overview"]["processes"])


def test_the_command_on_a_third_host_says_that_fronts_take_different_tickets(site: Site) -> None:
    one, two, three = site.machines
    write_secret(site.directory / "others", "a secret of somebody else")
    one.front(), two.front("--ticket-secrets", "others"), one.worker()
    eventually(lambda: "have no ticket secret in common" in three.relay("status"), "the command says it")


class Callers(threading.Thread):
    """A client that wants jobs done, one after the other, at any front, as the rule for clients has it."""

    def __init__(self, fronts: list[RelayProcess], first: int, ended: threading.Event) -> None:
        super().__init__()
        self._fronts = fronts
        self._number = first
        self._ended = ended
        self.results: dict[int, Any] = {}
        self.longest = 0.0

    def run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self.results[self._number] = self._done(self._number)
            self.longest = max(self.longest, time.monotonic() - began)
            self._number += 1

    def _done(self, number: int) -> Any:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for front in list(self._fronts):
                with contextlib.suppress(OSError, AssertionError, ValueError):
                    answer = front.call(
                        "PUT", f"/jobs/work/{number}", {"number": number, "seconds": 0.5}, WAIT
                    )
                    if answer.json().get("complete"):
                        return answer.json()["result"]
        return None


def test_hosts_join_and_leave_under_load_and_nobody_waits_longer_than_for_a_drain(
    site: Site, fronts: tuple[RelayProcess, RelayProcess]
) -> None:
    known, ended = list(fronts), threading.Event()
    callers = [Callers(known, first, ended) for first in range(0, 8_000, 1_000)]
    for caller in callers:
        caller.start()
    try:
        eventually(lambda: len(site.notes("worked")) > 10, "jobs are done")
        third = site.machines[2]
        worker, front = third.worker(), third.front()
        wait_until_jobs_are_known(front)
        known.append(front)
        for leaving in (fronts[0], next(each for each in site.running if each.role == "worker")):
            assert leaving.stop() == 0
        assert worker.process is not None
        joined = str(worker.process.pid)
        eventually(lambda: joined in {pid for _, pid in site.notes("worked")}, "the worker that joined works")
        before = len(site.notes("worked"))
        eventually(lambda: len(site.notes("worked")) > before + 20, "jobs go on")
    finally:
        ended.set()
        for caller in callers:
            caller.join()
    for caller in callers:
        assert caller.results
        assert all(result == number for number, result in caller.results.items())
        assert caller.longest < DRAIN + 2
    runs = Counter(number for number, _ in site.notes("worked"))
    assert set(runs.values()) == {1}
