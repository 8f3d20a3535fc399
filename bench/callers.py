"""What callers cost, what one at its limit does to another, and whether an answer's time tells of another's job."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.asking import Connection
from bench.load import load
from bench.measures import WARM, running
from bench.processes import Group
from bench.systems import ASYNC, HERE, System, relay
from relay.model.ids import random_name
from relay.model.tickets import Ticket, sign
from relay.model.token import digest_of, make_token

SECRET = "a secret of the benchmark"
TOKENS = {name: make_token() for name in ("free", "limited", "other", "greedy")}
FILE = f"""
[free]
sha256 = ["{digest_of(TOKENS["free"]).hex()}"]
[limited]
sha256 = ["{digest_of(TOKENS["limited"]).hex()}"]
rate = "10000/s"
held = 10000
queued = 1000000
[other]
sha256 = ["{digest_of(TOKENS["other"]).hex()}"]
[greedy]
sha256 = ["{digest_of(TOKENS["greedy"]).hex()}"]
rate = "100/s"
"""
#: requests a second of the one who is measured, and of the greedy one: ten times its rate
PACE, FLOOD = 100, 1000
CLIENTS = 20  # of the greedy one


@contextmanager
def with_tokens(*options: str) -> Iterator[tuple[Group, str]]:
    """A relay whose callers have tokens, and its address."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        tokens, secrets = Path(directory) / "tokens.toml", Path(directory) / "secrets"
        tokens.write_text(FILE)
        secrets.write_text(SECRET + "\n")
        secrets.chmod(0o600)
        given = ("--tokens", str(tokens), "--ticket-secrets", str(secrets), *options)
        with running(System("relay", relay(*given))) as found:
            yield found


def as_(caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[caller]}"}


# -- what they cost --


def cpu(rounds: int = 12, connections: int = 64) -> dict[str, float]:
    """µs of CPU of a held job, all processes together, of relays that run side by side and are asked by turns; medians.
    A relay without tokens is asked with the header, too, because that is read whatever it is for."""
    with ExitStack() as stack:
        plain = stack.enter_context(running(System("relay", relay())))
        known = stack.enter_context(with_tokens())
        fair = stack.enter_context(with_tokens("--fair"))
        cases = {
            "without tokens": (plain, {}),
            "without tokens, the same request": (plain, as_("free")),
            "with a token": (known, as_("free")),
            "with a token that has limits": (known, as_("limited")),
            "with limits and fair shares": (fair, as_("limited")),
        }
        used: dict[str, list[float]] = {name: [] for name in cases}
        for (_, url), headers in cases.values():
            load(url + "/jobs/echo", WARM, connections, headers)
        for _ in range(rounds):
            for name, ((group, url), headers) in cases.items():
                used[name].append(_used(group, url, headers, connections))
    return {name: statistics.median(times) for name, times in used.items()}


def _used(group: Group, url: str, headers: dict[str, str], connections: int) -> float:
    before = sum(group.cpu_by_title("relay").values())
    loaded = load(url + "/jobs/echo", WARM, connections, headers)
    return (sum(group.cpu_by_title("relay").values()) - before) / loaded.requests


# -- what one does to another --


def neighbours(rounds: int = 5, seconds: float = 6.0) -> dict[str, float]:
    """Milliseconds of a caller's held jobs: alone; while somebody asks another relay of this machine for ten times its
    rate, which takes up as much of the machine; and while somebody asks the same relay for that. By turns."""
    took: dict[str, list[float]] = {"alone": [], "elsewhere": [], "beside": []}
    counted: dict[str, int] = {}
    with with_tokens() as (_, url), with_tokens() as (_, other):
        asyncio.run(_paced(url, "other", PACE, WARM))
        for _ in range(rounds):
            took["alone"] += asyncio.run(_paced(url, "other", PACE, seconds))
            for name, flooded in (("elsewhere", other), ("beside", url)):
                greedy = _start_flood(flooded, seconds + 2)
                time.sleep(1.0)
                took[name] += asyncio.run(_paced(url, "other", PACE, seconds))
                counted = json.loads(greedy.communicate()[0])
    found = {f"{name}_median": statistics.median(times) for name, times in took.items()}
    found |= {f"{name}_p99": _p99(times) for name, times in took.items()}
    return found | {f"greedy_{name}_a_second": count / (seconds + 2) for name, count in counted.items()}


def _start_flood(url: str, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.callers", url, TOKENS["greedy"], str(seconds)]
    return subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True)


def _p99(found: list[float]) -> float:
    return statistics.quantiles(found, n=100)[98]


async def _paced(url: str, caller: str, pace: float, seconds: float) -> list[float]:
    """Jobs of one caller at random times, so many a second: how long each took."""
    took: list[float] = []
    idle = [Connection(url, "127.0.0.1") for _ in range(8)]

    async def ask() -> None:
        connection = idle.pop() if idle else Connection(url, "127.0.0.1")
        began = time.monotonic()
        with suppress(RuntimeError):  # refused
            await connection.call("POST", "/jobs/echo", {"message": 1}, as_(caller))
            took.append((time.monotonic() - began) * 1000)
        idle.append(connection)

    asking, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        asking.append(asyncio.ensure_future(ask()))
        await asyncio.sleep(random.expovariate(pace))
    await asyncio.gather(*asking)
    return took


def flood(url: str, token: str, seconds: float) -> None:
    """Ask for ten times what this token may; print how often that was accepted and refused."""
    counted = {"accepted": 0, "refused": 0}

    async def ask_on(number: int) -> None:
        connection, until = Connection(url, f"127.0.4.{number + 1}"), time.monotonic() + seconds
        due = time.monotonic() + random.random() * CLIENTS / FLOOD
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            status = await connection.status("POST", "/jobs/echo", {"Authorization": f"Bearer {token}"})
            counted["accepted" if status == 200 else "refused"] += 1
            due = time.monotonic() + random.expovariate(FLOOD / CLIENTS)

    async def all_of_them() -> None:
        await asyncio.gather(*(ask_on(number) for number in range(CLIENTS)))

    asyncio.run(all_of_them())
    sys.stdout.write(json.dumps(counted))


# -- what the time of an answer tells --


def guesses(times: int = 1000) -> dict[str, dict[str, float]]:
    """Median ms of a 404 for another's job of a megabyte, and for one that does not exist, by turns."""
    with with_tokens("--body-limit", "2000000", "--concurrency", "1") as (_, url):
        return asyncio.run(_guess(url, times))


async def _guess(url: str, times: int) -> dict[str, dict[str, float]]:
    client = Connection(url, "127.0.0.1")
    await client.call("POST", "/jobs/block", {}, {**as_("free"), **ASYNC})
    body = {"message": "x" * 1_000_000}
    _, answer = await client.call("PUT", "/jobs/later/key", body, {**as_("free"), **ASYNC})
    theirs = json.loads(answer)["id"]
    none = f"{theirs.rpartition('-')[0]}-{random_name(10)}zzzzz"
    found = {}
    for name, method, paths, headers in (
        ("look", "GET", (f"/jobs/{theirs}", f"/jobs/{none}"), {}),
        ("HEAD", "HEAD", (f"/jobs/{theirs}", f"/jobs/{none}"), {}),
        ("wait", "GET", (f"/jobs/{theirs}", f"/jobs/{none}"), {"Prefer": "wait=5"}),
        ("cancel", "DELETE", (f"/jobs/{theirs}", f"/jobs/{none}"), {}),
        ("key", "GET", ("/jobs/later/key", "/jobs/later/kez"), {}),
        ("ticket", "GET", (_ticket(theirs), _ticket(none)), {}),
    ):
        took: tuple[list[float], list[float]] = ([], [])
        for nth in range(2 * times):
            which = nth % 2
            took[which].append(await _refused(client, method, paths[which], {**as_("other"), **headers}))
        found[name] = {"theirs": statistics.median(took[0]), "none": statistics.median(took[1])}
    client.close()
    return found


def _ticket(id: str) -> str:
    return f"/tickets/{sign(SECRET, Ticket(id, time.time() + 600, '', False, 'token:other'))}"


async def _refused(client: Connection, method: str, path: str, headers: dict[str, str]) -> float:
    """Milliseconds until a 404."""
    began = time.perf_counter()
    status = await client.status(method, path, headers)
    took = (time.perf_counter() - began) * 1000
    if status != 404:
        raise RuntimeError(f"{method} {path} was answered with {status}")
    return took


def measure() -> dict[str, Any]:
    """All of it."""
    return {"cpu": cpu(), "neighbours": neighbours(), "guesses": guesses()}


if __name__ == "__main__":
    flood(sys.argv[1], sys.argv[2], float(sys.argv[3]))
