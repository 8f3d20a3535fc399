"""What it costs to tell clients what happens to their jobs, and each way to wait: ``python -m bench.events``.

The figures are kept in ``bench/events.json``, from where ``docs/events.md`` has its tables; ``--only tables`` writes
these again. Each piece of what is measured is the time at which it was put out, by the clock of this machine, so who
reads it knows how late it is. Those who are timed are a process of their own, which is never busy with others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import event_tables
from bench.asking import (
    Asked,
    Client,
    Pushed,
    ask_all,
    ends_within,
    hearing_changes,
    median_ms,
    polling,
    waiting,
)
from bench.layouts import Layout, Relay, laid_out
from bench.measures import BODY, Holding, ask_first, begin, machine, running
from bench.processes import free_port
from bench.systems import HERE, System, relay

RESULTS = HERE / "events.json"
EVENTS, LINES = "text/event-stream", "application/x-ndjson"
TIMED = 20  # listeners, beside those who are counted
PARKED = 10_000
PAUSE = 2.0  # seconds between the questions of who polls
BEGIN_IN = 10.0  # seconds, in which all listeners come
FOR_ALL: tuple[str, ...] = ("--concurrency", "5000", "--allow-private")


class Listening:
    """A client process (`bench.listening`) that listens."""

    def __init__(self, url: str, source: str, kind: str, body: str = "") -> None:
        command = [sys.executable, "-m", "bench.listening", url, source, body, kind]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
        )

    def add(self, count: int = 0) -> dict[str, Any]:
        """Make so many more connections; what all of them were told until now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def listening(url: str, *kinds: str, body: str = "") -> Iterator[list[Listening]]:
    """A process for each kind."""
    made = [Listening(url, f"127.0.4.{nth + 1}", kind, body) for nth, kind in enumerate(kinds)]
    try:
        yield made
    finally:
        for each in made:
            each.stop()


def until_ended(each: Listening, count: int, seconds: float) -> dict[str, Any]:
    """What it was told, once so many have their end."""
    deadline = time.monotonic() + seconds
    while (told := each.add())["ended"] + told["cut"] < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{told['ended']} of {count} have their end")
        time.sleep(0.5)
    return told


# -- many listeners of one job --


def one_for_all(
    listeners: int = 1000, a_second: float = 200, pieces: int = 6000, fronts: int = 2
) -> dict[str, Any]:
    """One job puts out pieces, and so many hear all of them."""
    with laid_out(Layout(fronts=fronts)) as running_relay:
        ports, id = running_relay.ports, _submit(running_relay, pieces, a_second, BEGIN_IN)
        urls = [f"http://127.0.0.1:{port}/jobs/{id}/events" for port in ports]
        began = time.monotonic()
        with listening(urls[0], "counted", "timed") as one, listening(urls[-1], "counted", "timed") as other:
            share = (listeners - TIMED) // TIMED // 2
            for _ in range(TIMED // 2):  # those who are timed are told neither first nor last
                for counted, timed in (one, other):
                    counted.add(share * 2)
                    timed.add(1)
            time.sleep(BEGIN_IN - 1 - (time.monotonic() - began))
            before = running_relay.used()
            time.sleep(1 + pieces / a_second)
            all_of_them = (*one, *other)
            told = [until_ended(each, each.add()["connected"], 60) for each in all_of_them]
            used = running_relay.used().since(before, pieces)["cpu"]
    count = sum(each["connected"] for each in told)
    late = [max(each["late"][nth] for each in told if each["late"]) for nth in range(4)]
    return {
        "listeners": count,
        "fronts": fronts,
        "a_second": a_second,
        "pieces": pieces,
        "untold": pieces * count - sum(each["pieces"] - each["twice"] for each in told),
        "twice": sum(each["twice"] for each in told),
        "cut": sum(each["cut"] for each in told),
        "late_ms": [1000 * seconds for seconds in late],
        "us": {**used, "front": used["front"] / count},
    }


def _submit(running_relay: Relay, pieces: int, a_second: float, begin_in: float) -> str:
    answer = ask_first(
        f"http://127.0.0.1:{running_relay.ports[0]}/jobs/tells",
        {"pieces": pieces, "a_second": a_second, "begin_in": begin_in},
    )
    id: str = answer["id"]
    return id


# -- a listener for each of many jobs --


def one_each(jobs: int = 200, a_second: float = 20, pieces: int = 300) -> dict[str, Any]:
    """So many jobs put out pieces, each for one listener; and the same while nobody listens."""
    body = {"pieces": pieces, "a_second": a_second, "begin_in": 3.0}
    with laid_out(Layout(), worker=FOR_ALL) as running_relay:
        url = f"http://127.0.0.1:{running_relay.ports[0]}/jobs/tells"
        with listening(url, "timed", body=json.dumps(body)) as (clients,):
            clients.add(jobs)
            used, told = _while(running_relay, lambda: until_ended(clients, jobs, 120), jobs * pieces)
        alone, _ = _while(running_relay, lambda: _unheard(url, jobs, body), jobs * pieces)
    return {
        "jobs": jobs,
        "a_second": a_second,
        "pieces": pieces,
        "untold": pieces * jobs - told["pieces"] + told["twice"],
        "twice": told["twice"],
        "late_ms": [1000 * seconds for seconds in told["late"]],
        "us": used,
        "unheard": alone,
    }


def _while(running_relay: Relay, done: Callable[[], Any], each: int) -> tuple[dict[str, float], Any]:
    """µs of CPU until it is done, divided."""
    before = running_relay.used()
    result = done()
    used: dict[str, float] = running_relay.used().since(before, each)["cpu"]
    return used, result


def _unheard(url: str, jobs: int, body: dict[str, float]) -> None:
    """Submit as many, and wait until their last pieces were put out."""
    ask_all(url.removesuffix("/jobs/tells"), jobs, polling("/jobs/tells", lambda: body, pause=5))


# -- each way to wait --


def ways(clients: int = 1000, seconds: float = 10.0) -> dict[str, Any]:
    """Clients of a job of about ten seconds; each way on a relay of its own."""

    def body() -> dict[str, float]:
        return {"seconds": ends_within(seconds, PAUSE)}

    port = free_port()
    pushed = Pushed(port, "/jobs/slow_and_pushed", body)
    asked: dict[str, Client] = {
        "held": waiting("/jobs/slow", body),
        "events": waiting("/jobs/slow", body, EVENTS),
        "lines": waiting("/jobs/slow", body, LINES),
        "changes": hearing_changes("/jobs/slow", body),
        "polling": polling("/jobs/slow", body, PAUSE),
        "push": pushed.ask,
    }
    options = (*FOR_ALL, "--set", f"push_url=http://127.0.0.1:{port}/")
    return {name: _way(System(name, relay(*options)), clients, client) for name, client in asked.items()}


def _way(system: System, count: int, client: Client) -> dict[str, Any]:
    with running(system) as (group, url):
        begin(url)
        before = group.cpu_by_title("relay")
        asked: list[Asked] = ask_all(url, count, client)
        after = group.cpu_by_title("relay")
    late = sorted(one.late for one in asked)
    return {
        "requests": sum(one.requests for one in asked) / count,
        "bytes": sum(one.bytes for one in asked) / count,
        "late_ms": median_ms(late),
        "late_p99_ms": late[int(len(late) * 0.99)] * 1000,
        "us": {name: (used - before.get(name, 0.0)) / count for name, used in after.items()},
    }


# -- who is parked --


def parked(count: int = PARKED) -> dict[str, float]:
    """Bytes that a front has for itself for each of so many clients that wait, each for a job of its own. What the
    kernel has for their sockets is not among them."""
    kinds = {"held": "*/*", "events": EVENTS, "lines": LINES}
    return {name: _parked(count, accept) for name, accept in kinds.items()}


def _parked(count: int, accept: str) -> float:
    blocked = System(
        "relay", relay("--max-held", "20000", "--concurrency", "1"), "/jobs/later", "/jobs/block"
    )
    with running(blocked) as (group, url):
        ask_first(url + "/jobs/block")
        warm = Holding(url + blocked.hold, 500, "127.0.0.2", BODY, accept)
        warm.wait_for("committed", 500)
        warm.stop()
        time.sleep(2)
        before = group.memory_of_title("relay", "relay front")
        holding = Holding(url + blocked.hold, count, "127.0.0.2", BODY, accept)
        holding.wait_for("committed", count)
        time.sleep(12)  # heartbeats go
        during = group.memory_of_title("relay", "relay front")
        holding.stop()
    return (during - before) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="*", default=[], help="machine, one_for_all, one_each, ways, parked, tables"
    )
    given = parser.parse_args()
    plan: dict[str, Callable[[], Any]] = {
        "machine": machine,
        "one_for_all": one_for_all,
        "one_each": one_each,
        "ways": ways,
        "parked": parked,
    }
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, measure in plan.items():
        if not given.only or name in given.only:
            results[name] = measure()
            sys.stdout.write(f"{name} {json.dumps(results[name])}\n")
            sys.stdout.flush()
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    event_tables.write(results)


if __name__ == "__main__":
    main()
