"""relay and its peers: how each is set up, started, and asked.

A peer is set as its docs recommend, and where they leave a choice, as it was fastest here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Group, free_port, wait_for_port
from relay.redis.embedded import find_server

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"
TWISTD = str(Path(sys.executable).parent / "twistd")
ASYNC = {"Prefer": "respond-async"}


@dataclass(frozen=True)
class System:
    """`start` brings it up in a group; the URLs are paths, "" for what it can't do."""

    name: str
    start: Callable[[Group, Path, int], None]
    hold: str = "/hold"
    queue: str = ""
    #: what is asked first, without waiting
    first: str = ""
    queue_headers: tuple[tuple[str, str], ...] = ()


def set_up(wanted: str = "*") -> None:
    """An environment for each peer, or for the one that is wanted, from its own locked requirements."""
    for requirements in sorted((HERE / "requirements").glob(f"{wanted}.txt")):
        environment = ENVIRONMENTS / requirements.stem
        stamp = environment / "stamp"
        if stamp.exists() and stamp.read_text() == requirements.read_text():
            continue
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run(
            [environment / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", requirements],
            check=True,
        )
        stamp.write_text(requirements.read_text())


def program(environment: str, name: str) -> str:
    return str(ENVIRONMENTS / environment / "bin" / name)


def redis(group: Group, directory: Path) -> str:
    """A server for a peer, as relay's own is: with an append-only file. Its URL."""
    port = free_port()
    options = (
        "--dir",
        str(directory),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--maxmemory-policy",
        "noeviction",
    )
    group.start("redis", [find_server(), "--port", str(port), *options])
    wait_for_port(port)
    return f"redis://127.0.0.1:{port}/0"


def relay(
    *options: str,
    jobs: str = "bench.jobs",
    environment: Mapping[str, str] | None = None,
    tree: Path = HERE.parent,
) -> Callable[[Group, Path, int], None]:
    """What is started is the relay of a checkout."""

    def start(group: Group, directory: Path, port: int) -> None:
        listen = f"tcp:{port}:interface=127.0.0.1:backlog=1024"
        command = [TWISTD, "-n", "--pidfile=", "relay", "all", "--data", str(directory / "data")]
        command += ["--listen", listen, "--jobs", jobs, "--drain", "1", *options]
        group.start("relay", command, {"PYTHONPATH": str(tree), **(environment or {})}, tree)

    return start


def uvicorn(environment: str, app: str, **given: str) -> Callable[[Group, Path, int], None]:
    """One process, as two were slower beside the others on two cores."""

    def start(group: Group, directory: Path, port: int) -> None:
        settings = {**given, "REDIS": redis(group, directory)}
        options = ("--port", str(port), "--log-level", "warning", "--no-access-log", "--backlog", "2048")
        group.start(
            "front", [program(environment, "uvicorn"), f"{app}:app", *options], settings, HERE / "peers"
        )
        if environment == "arq" and app == "arq_app":
            group.start("worker", [program("arq", "arq"), "arq_app.WorkerSettings"], settings, HERE / "peers")
        elif environment == "saq":
            group.start("worker", [program("saq", "saq"), "saq_app.settings"], settings, HERE / "peers")

    return start


def gunicorn(
    app: str, worker: bool, connections: int = 20000, graceful: int = 30
) -> Callable[[Group, Path, int], None]:
    def start(group: Group, directory: Path, port: int) -> None:
        settings = {"REDIS": redis(group, directory)}
        options = ("-k", "gevent", "-w", "1", "--worker-connections", str(connections), "--backlog", "2048")
        options += ("--graceful-timeout", str(graceful))
        group.start(
            "front",
            [program("celery", "gunicorn"), f"{app}:app", "-b", f"127.0.0.1:{port}", *options],
            settings,
            HERE / "peers",
        )
        if worker:
            celery = [program("celery", "celery"), "-A", "celery_app", "worker", "-P", "prefork", "-c", "2"]
            group.start("worker", celery, settings, HERE / "peers")

    return start


def twisted(kind: str) -> Callable[[Group, Path, int], None]:
    def start(group: Group, directory: Path, port: int) -> None:
        group.start("front", [sys.executable, str(HERE / "peers/twisted_app.py"), kind, str(port)])

    return start


def nchan(group: Group, directory: Path, port: int) -> None:
    configuration = directory / "nchan.conf"
    configuration.write_text((HERE / "peers/nchan.conf").read_text().replace("PORT", str(port)))
    group.start("front", ["/usr/sbin/nginx", "-p", str(directory), "-c", str(configuration)])


RELAY = System("relay", relay(), "/jobs/echo", "/jobs/echo", queue_headers=tuple(ASYNC.items()))
TWO_FRONTS = System("relay, two fronts", relay("--fronts", "2"), "/jobs/echo")
ARQ = System("uvicorn + Starlette + arq", uvicorn("arq", "arq_app", POLL="0.02", JOBS="100"), queue="/queue")
SAQ = System("uvicorn + Starlette + SAQ", uvicorn("saq", "saq_app", JOBS="100"), queue="/queue")
CELERY = System("gunicorn + gevent + Flask + Celery", gunicorn("flask_app", worker=True), queue="/queue")
BARE = System("twisted.web alone, answering at once", twisted("twisted"), "/echo")
KLEIN = System("Klein alone, answering at once", twisted("klein"), "/echo")

JOBS_A_SECOND = (RELAY, ARQ, SAQ, CELERY, BARE, KLEIN)

_HOLDING = relay("--max-held", "20000", "--concurrency", "1")
#: who holds, and which process' memory counts
HOLDERS = (
    System("relay's front", _HOLDING, "/jobs/later", first="/jobs/block"),
    System("all of relay, with a job for each in Redis", _HOLDING, "/jobs/later", first="/jobs/block"),
    System("uvicorn + Starlette, no heartbeats", uvicorn("arq", "hold_app")),
    System("uvicorn + Starlette, heartbeats", uvicorn("arq", "hold_app", BEATS="1")),
    System("gunicorn + gevent + Flask, no heartbeats", gunicorn("gevent_hold_app", worker=False)),
    System("nginx + nchan, no heartbeats", nchan),
    System("twisted.web, no heartbeats", twisted("twisted")),
    System("Klein, a LoopingCall for each", twisted("klein")),
)
