"""What a move to relay changes, for the guides: the same clients before and after, by turns."""

from __future__ import annotations

import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.asking import PAUSE, Asked, ask_all, ends_within, median_ms, polling, probe, waiting
from bench.measures import Holding, begin, running
from bench.processes import Group, free_port, wait_for_port
from bench.systems import HERE, System, gunicorn, program, redis, relay

_SECRET = "shared by those who are measured"
_EXAMPLE = HERE.parent / "examples/django/nginx.conf"


# -- next to Django and Celery --


@contextmanager
def _stack() -> Iterator[tuple[Group, str]]:
    """nginx, gunicorn with two synchronous workers, Celery, relay; the address of nginx."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        group, ports = Group(Path(directory)), [free_port() for _ in range(3)]
        try:
            _start_stack(group, Path(directory), *ports)
            yield group, f"http://127.0.0.1:{ports[0]}"
        finally:
            group.stop()


def _start_stack(group: Group, directory: Path, nginx: int, views: int, front: int) -> None:
    given = {"REDIS": redis(group, directory), "RELAY": f"http://127.0.0.1:{front}", "SECRET": _SECRET}
    given["PYTHONPATH"] = str(HERE.parent)
    (directory / "secrets").touch(0o600)
    (directory / "secrets").write_text(_SECRET)
    options = ("--ticket-secrets", str(directory / "secrets"), "--concurrency", "5000")
    relay(*options, jobs="bench.celery_jobs", environment=given)(group, directory, front)
    command = [program("celery", "gunicorn"), "view_app:app", "-b", f"127.0.0.1:{views}", "-w", "2"]
    group.start("gunicorn", command, given, HERE / "peers")
    worker = [program("celery", "celery"), "-A", "slow_task", "worker", "-P", "gevent", "-c", "2000"]
    group.start("celery", worker, given, HERE / "peers")
    text = _EXAMPLE.read_text().replace("/tmp/relay-example/", f"{directory}/nginx-")
    for old, new in ((8000, nginx), (8001, views), (8080, front)):
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    (directory / "nginx.conf").write_text(text)
    group.start("nginx", ["/usr/sbin/nginx", "-p", str(directory), "-c", str(directory / "nginx.conf")])
    for port in (nginx, views, front):
        wait_for_port(port)
    time.sleep(5)  # Celery has no port to wait for


def django(few: int = 40, many: int = 2000) -> dict[str, Any]:
    """Clients of a task of two seconds: seconds until all have its result, and for another page meanwhile."""
    with _stack() as (group, url):
        ask_all(url, 4, waiting("/wait"))
        ask_all(url, 4, waiting("/hand-over"))
        found: dict[str, Any] = {
            "before": _busy(url, few, "/wait"),
            "after": _busy(url, few, "/hand-over"),
            "many": _busy(url, many, "/hand-over"),
            "view": group.memory("gunicorn") / 2,
        }
    return found


def _busy(url: str, count: int, path: str) -> dict[str, float]:
    pages: list[float] = []

    def look() -> None:
        time.sleep(1.5)  # all have asked
        pages.extend(probe(url, "/hello", 5))

    other = threading.Thread(target=look)
    other.start()
    began = time.monotonic()
    asked = ask_all(url, count, waiting(path))
    seconds = time.monotonic() - began
    other.join()
    return {
        "clients": count,
        "seconds": seconds,
        "median": statistics.median(one.seconds for one in asked),
        "page_ms": max(pages) * 1000,
    }


# -- from gunicorn with gevent --


def gevent(count: int = 1200) -> dict[str, dict[str, Any]]:
    """So many clients that wait, another page, and a restart: who was told something, who was cut, who waits on."""
    old = System("gunicorn", gunicorn("gevent_hold_app", worker=False, connections=1000, graceful=3))
    new = System("relay", relay("--concurrency", "2000", "--drain", "3"), "/jobs/slow")
    return {
        "gunicorn": _crowded(old, "front", "/hello", count),
        "relay": _crowded(new, "relay", "/readyz", count),
    }


def _crowded(system: System, name: str, page: str, count: int) -> dict[str, Any]:
    with running(system) as (group, url):
        holding = Holding(
            url + system.hold, count, "127.0.0.2", '{"seconds": 55}'
        )  # longer than all this takes
        holding.wait_for("connected", count)
        time.sleep(7)
        answered = _answers_within(url, page, 10)
        group.signal(name, signal.SIGHUP)
        deadline = time.monotonic() + 30
        while (counts := holding.counts())["done"] + counts["cut"] < count and time.monotonic() < deadline:
            time.sleep(0.5)
        holding.stop()
    told, cut = counts["done"], counts["cut"]
    return {"page_ms": answered, "whole": told, "cut": cut, "waiting": count - told - cut}


def _answers_within(url: str, page: str, seconds: float) -> float | None:
    """Milliseconds for a page; None if it takes longer than that."""
    found: list[float] = []
    asking = threading.Thread(target=lambda: found.extend(probe(url, page, 1)), daemon=True)
    asking.start()
    asking.join(seconds)
    return found[0] * 1000 if found else None


# -- from polling --


def poll(count: int = 1000, seconds: float = 10.0) -> dict[str, dict[str, float]]:
    """Clients of a job of about ten seconds that poll, and that wait."""

    def body() -> dict[str, float]:
        return {"seconds": ends_within(seconds, PAUSE)}

    system = System("relay", relay("--concurrency", "5000"))
    return {
        "polling": _asking(system, count, polling("/jobs/slow", body, PAUSE)),
        "waiting": _asking(system, count, waiting("/jobs/slow", body)),
    }


def _asking(system: System, count: int, client: Callable[..., Any]) -> dict[str, float]:
    with running(system) as (group, url):
        begin(url)
        before = group.cpu_by_title("relay")
        asked: list[Asked] = ask_all(url, count, client)
        after = group.cpu_by_title("relay")
    late = sorted(one.late for one in asked)
    used = sum(after.values()) - sum(before.values())
    return {
        "requests": sum(one.requests for one in asked) / count,
        "late_ms": median_ms(late),
        "late_p99_ms": late[int(len(late) * 0.99)] * 1000,
        "us": used / count,
    }
