"""What is measured. Each function starts what it needs, one system at a time, and gives plain values for the report."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from bench.asking import ask_all, waiting
from bench.holding import RATE
from bench.load import load
from bench.processes import Group, free_port, wait_for_port
from bench.systems import ASYNC, HERE, HOLDERS, JOBS_A_SECOND, RELAY, TWISTD, TWO_FRONTS, System, redis, relay

WARM, MEASURED = 2.0, 5.0  # seconds
_PATIENCE = 60.0  # seconds, until a system is up
BODY = '{"message":1}'


@contextmanager
def running(system: System) -> Iterator[tuple[Group, str]]:
    """A system, and its address."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        group, port = Group(Path(directory)), free_port()
        try:
            system.start(group, Path(directory), port)
            wait_for_port(port)
            time.sleep(1.5)  # workers have no port to wait for
            if system.first:
                ask_first(f"http://127.0.0.1:{port}{system.first}")
            yield group, f"http://127.0.0.1:{port}"
        finally:
            group.stop()


def ask_first(url: str, arguments: dict[str, Any] | None = None) -> Any:
    """Submit a job that nobody waits for, and give its worker time to begin it; its envelope."""
    body = json.dumps(arguments or {}).encode()
    request = Request(url, body, {"Content-Type": "application/json", **ASYNC})
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urlopen(request, timeout=10) as answer:
                envelope = json.load(answer)
            time.sleep(1)
            return envelope
        except HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:  # else there is no worker yet
                raise
        time.sleep(0.5)


def begin(url: str) -> None:
    """Have some jobs done, as soon as Redis and a worker are there."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            ask_all(url, 10, waiting("/jobs/slow", lambda: {"seconds": 0.1}))
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


# -- jobs a second --


def jobs_a_second(rounds: int) -> dict[str, Any]:
    """Held and queued no-op jobs a second of each system, by turns."""
    held: dict[str, list[float]] = {}
    queued: dict[str, list[float]] = {}
    latency: dict[str, list[float]] = {}
    for _ in range(rounds):
        for system in JOBS_A_SECOND:
            with running(system) as (_, url):
                load(url + system.hold, WARM)
                loaded = load(url + system.hold, MEASURED)
                held.setdefault(system.name, []).append(loaded.rate if not loaded.failed else 0.0)
                latency.setdefault(system.name, []).append(loaded.p99)
                if system.queue:
                    loaded = load(url + system.queue, MEASURED, headers=dict(system.queue_headers))
                    queued.setdefault(system.name, []).append(loaded.rate)
    return {
        "held": {name: spread(rates) for name, rates in held.items()},
        "queued": {name: spread(rates) for name, rates in queued.items()},
        "p99": {name: spread(found) for name, found in latency.items()},
    }


def cpu_a_job(system: System = RELAY, connections: int = 64) -> dict[str, float]:
    """µs of CPU for one held job, by process, and jobs a second."""
    with running(system) as (group, url):
        load(url + system.hold, WARM, connections)
        before = group.cpu_by_title("relay")
        loaded = load(url + system.hold, MEASURED, connections)
        after = group.cpu_by_title("relay")
    used = {title: (after[title] - before.get(title, 0.0)) / loaded.requests for title in after}
    return {**used, "rate": loaded.rate}


def reactors() -> dict[str, dict[str, float]]:
    """µs of a worker's CPU for one held job, by reactor, and by how its handler waits."""
    found: dict[str, dict[str, float]] = {}
    for reactor in ("epoll", "asyncio", "uvloop"):
        for job in ("echo", "deferred", "coroutine", "awaits", "awaits_asyncio"):
            if (reactor, job) != ("epoll", "awaits_asyncio"):
                system = System(f"{reactor} {job}", relay("--reactor", reactor), f"/jobs/{job}")
                found.setdefault(reactor, {})[job] = cpu_a_job(system)["worker"]
    return found


def two_fronts() -> dict[str, Any]:
    """The same with one front and with two."""
    return {"one": cpu_a_job(RELAY), "two": cpu_a_job(TWO_FRONTS)}


# -- held connections --


class Holding:
    """A client process that holds connections."""

    def __init__(
        self, url: str, count: int, source: str, body: str = BODY, accept: str = "*/*", rate: float = RATE
    ) -> None:
        command = [sys.executable, "-m", "bench.holding", url, str(count), source, body, accept, str(rate)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
        )

    def counts(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        counted: dict[str, Any] = json.loads(self._process.stdout.readline())
        return counted

    def wait_for(self, what: str, count: int, seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while self.counts()[what] < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {self.counts()}")
            time.sleep(0.25)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def memory(count: int) -> dict[str, dict[str, float]]:
    """KiB that the process which holds has for itself, for each of so many connections, and afterwards."""
    found = {}
    for system in HOLDERS:
        with running(system) as (group, url):
            used = _used_by(group, system)
            body = "" if "nchan" in system.name else BODY
            _warm_up(url + system.hold, body)
            before = used()
            holding = Holding(url + system.hold, count, "127.0.0.2", body)
            holding.wait_for("connected", count)
            time.sleep(15)  # graces are over, heartbeats go
            during = used()
            holding.stop()
            time.sleep(5)
            after = used()
        found[system.name] = {
            "held": (during - before) / count / 1024,
            "after": (after - before) / count / 1024,
        }
    return found


def _warm_up(url: str, body: str) -> None:
    """Have some held, and let them go."""
    warm = Holding(url, 500, "127.0.0.2", body)
    warm.wait_for("connected", 500)
    time.sleep(6)
    warm.stop()
    time.sleep(2)


def _used_by(group: Group, system: System) -> Callable[[], int]:
    """What holds: relay's front, or all of relay, or a peer's front."""
    if system.name == "relay's front":
        return lambda: group.memory_of_title("relay", "relay front")
    return lambda: group.memory("relay" if system.hold == "/jobs/later" else "front")


def burst(count: int, seconds: float = 2.0) -> dict[str, float]:
    """KiB that a front has for itself for each of so many that come within seconds, while all are in their grace, which
    is made long here; and how long it took until all were connected."""
    options = ("--max-held", "20000", "--concurrency", "1", "--grace", "30")
    system = System("relay", relay(*options), "/jobs/later", first="/jobs/block")
    with running(system) as (group, url):
        _warm_up(url + system.hold, BODY)
        before = group.memory_of_title("relay", "relay front")
        begun = time.monotonic()
        holding = Holding(url + system.hold, count, "127.0.0.2", rate=count / seconds)
        holding.wait_for("connected", count)
        took = time.monotonic() - begun
        time.sleep(10)  # all are submitted
        during, early = group.memory_of_title("relay", "relay front"), holding.counts()["committed"]
        holding.wait_for("committed", count)
        holding.stop()
    if early:
        raise RuntimeError(f"{early} had no grace left")
    return {"count": count, "seconds": took, "held": (during - before) / count / 1024}


class Fleet:
    """A Redis, several fronts on ports of their own, and a worker that serves ``later`` but is busy with ``block``."""

    def __init__(self, group: Group, directory: Path, fronts: int, *options: str) -> None:
        self.group = group
        self._redis = redis(group, directory)
        self._worker("worker", "default")
        self._worker("blocked", "later", "--concurrency", "1")
        self.ports = [free_port() for _ in range(fronts)]
        for number, port in enumerate(self.ports):
            listen = f"tcp:{port}:interface=127.0.0.1:backlog=4096"
            given = ("--listen", listen, "--max-held", "20000", "--drain", "1", *options)
            self._twistd(f"front{number}", "front", *given)
        for port in self.ports:
            wait_for_port(port)
        time.sleep(2)
        ask_first(f"http://127.0.0.1:{self.ports[0]}/jobs/block")

    def take_later(self) -> None:
        self._worker("taker", "later")

    def front_cpu(self) -> float:
        return sum(used for name, used in self.group.cpu().items() if name.startswith("front"))

    def _worker(self, name: str, queue: str, *options: str) -> None:
        self._twistd(name, "worker", "--jobs", "bench.jobs", "--queues", queue, *options)

    def _twistd(self, name: str, role: str, *options: str) -> None:
        command = [TWISTD, "-n", "--pidfile=", "relay", role, "--redis", self._redis, *options]
        self.group.start(name, command, cwd=HERE.parent)


@contextmanager
def fleet(fronts: int, *options: str) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        group = Group(Path(directory))
        try:
            yield Fleet(group, Path(directory), fronts, *options)
        finally:
            group.stop()


def many(count: int, fronts: int = 6) -> dict[str, float]:
    """So many held at once, heartbeats on, then all answered."""
    share = -(-count // fronts)
    with fleet(fronts) as running_fleet:
        urls = [f"http://127.0.0.1:{port}/jobs/later" for port in running_fleet.ports]
        holdings = [Holding(url, share, f"127.0.1.{number + 1}") for number, url in enumerate(urls)]

        def total(what: str) -> int:
            return sum(int(holding.counts()[what]) for holding in holdings)

        for holding in holdings:
            holding.wait_for("committed", share, 600)
        beats, used, begun = total("beats"), running_fleet.front_cpu(), time.monotonic()
        time.sleep(24)
        beats, used, seconds = (
            total("beats") - beats,
            running_fleet.front_cpu() - used,
            time.monotonic() - begun,
        )
        running_fleet.take_later()
        begun = time.monotonic()
        while total("done") + total("cut") < share * fronts and time.monotonic() - begun < 300:
            time.sleep(0.5)
        took = time.monotonic() - begun
        answered, cut = total("done"), total("cut")
        for holding in holdings:
            holding.stop()
    return {
        "held": share * fronts,
        "answered": answered,
        "cut": cut,
        "seconds": took,
        "beats": beats,
        "beats_a_second": beats / seconds,
        "us_a_beat": used / max(1, beats),
    }


# -- latency, and growth --


def latency(others: int) -> dict[str, Any]:
    """A lone job's round trip over HTTP, alone and with so many others held at the same front; milliseconds."""
    with fleet(1) as running_fleet:
        url = f"http://127.0.0.1:{running_fleet.ports[0]}"
        load(url + "/jobs/echo", WARM, 1)
        alone = load(url + "/jobs/echo", MEASURED * 2, 1)
        holding = Holding(url + "/jobs/later", others, "127.0.0.3")
        holding.wait_for("committed", others)
        beside = load(url + "/jobs/echo", MEASURED * 4, 1)
        holding.stop()
    return {
        "alone": {"median": alone.median, "p99": alone.p99},
        "beside": {"median": beside.median, "p99": beside.p99, "others": others},
    }


def growth(held: int, queued: int, rounds: int = 3) -> dict[str, dict[str, float]]:
    """µs of CPU for one job, all processes together: with 100 and with many held, with none and with many queued, each
    in one and the same relay; medians of some rounds."""
    beside_held = [_cpu_beside_held(100, held) for _ in range(rounds)]
    beside_queued = [_cpu_beside_queued(queued) for _ in range(rounds)]
    names = (("100 held, by four fronts", f"{held:,} held"), ("none queued", f"{queued:,} queued"))
    return {
        what: {
            name: statistics.median(used) for name, used in zip(named, zip(*found, strict=True), strict=True)
        }
        for what, named, found in zip(("held", "queued"), names, (beside_held, beside_queued), strict=True)
    }


def _cpu_beside_held(few: int, many: int, fronts: int = 4) -> list[float]:
    with fleet(fronts, "--heartbeat", "600") as running_fleet:
        urls = [f"http://127.0.0.1:{port}" for port in running_fleet.ports]
        load(urls[0] + "/jobs/echo", WARM)
        found, holdings = [], []
        for count in (few, many - few):
            share = count // fronts
            added = [Holding(url + "/jobs/later", share, f"127.0.1.{n + 1}") for n, url in enumerate(urls)]
            for holding in added:
                holding.wait_for("committed", share, 600)
            holdings += added
            found.append(_cpu_under_load(running_fleet.group, urls[0]))
        for holding in holdings:
            holding.stop()
    return found


def _cpu_beside_queued(count: int) -> list[float]:
    options = ("--queues", "default", "--queue-limit", str(2 * count))
    with running(System("relay", relay(*options), "/jobs/echo")) as (group, url):
        load(url + "/jobs/echo", WARM)
        before = _cpu_under_load(group, url)
        while count > 0:
            count -= load(url + "/jobs/later", 10, 256, ASYNC).requests
        return [before, _cpu_under_load(group, url)]


def _cpu_under_load(group: Group, url: str) -> float:
    before = sum(group.cpu().values())
    done = sum(load(url + "/jobs/echo", MEASURED).requests for _ in range(2))
    return (sum(group.cpu().values()) - before) / done


def machine() -> dict[str, Any]:
    """Where it ran."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "cores": os.cpu_count(),
        "model": model,
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
    }
