"""What fronts and workers that have nothing to do cost Redis.

``python -m bench.idle --processes 500``: half of them fronts, half workers, each with its links, its inbox, and the
recurring work of the store at its real pace. What is measured is the CPU time of Redis' main thread, with its
append-only file on, and which commands it went to. ``--server`` is a program such as redis-server; without it that is
the one that comes with relay.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import valkey
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from bench.scripts import _wait_for as until
from relay.front.front import SWEEP
from relay.net import descriptors
from relay.process.telemetry import REGISTER
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.embedded import find_server
from relay.redis.topology import OneServer
from relay.store.fronts import RedisFrontStore
from relay.store.inbox import RedisInbox
from relay.store.messages import JobDefinition, Turn
from relay.store.partition import Partition
from relay.store.roster import Roster
from relay.store.router import Router
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from relay.timing.recurring import recurring
from relay.worker.pace import Pace

WARM_UP = 8.0  # seconds, in which they come one after the other
TOLD = b"x" * 2000  # what a process tells of itself
TERMS = StoreSettings(keep=3600, lease=30, queue_limit=1_000_000)
JOBS = [JobDefinition(f"job{nth}", "default", 0, 3, False, None, None, {}) for nth in range(20)]


@contextmanager
def server(program: str) -> Iterator[str]:
    """A Redis of its own; the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="relay-idle-") as directory:
        path = str(Path(directory) / "redis.sock")
        options = [
            "--port",
            "0",
            "--unixsocket",
            path,
            "--dir",
            directory,
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        running = subprocess.Popen([program or find_server(), *options], stdout=subprocess.DEVNULL)
        try:
            with valkey.Valkey(unix_socket_path=path) as client:
                until(client.ping)
            yield path
        finally:
            running.terminate()
            running.wait()


class Idler:
    """A front that has nothing to do."""

    def __init__(self, reactor: Any, path: str, name: str) -> None:
        self._reactor = reactor
        self._server = OneServer(reactor, Address.parse(f"unix://{path}"))
        partition = Partition(reactor, Connection(reactor, self._server))
        self.store: Any = self._made(Router([partition]), name)
        inbox = Connection(reactor, self._server, partition.health)
        self.inbox = RedisInbox(reactor, inbox, partition.keys.inbox(name), lambda mail: None)
        self.work = [
            (recurring(reactor, self._sweep), SWEEP),
            (recurring(reactor, self._register), REGISTER),
        ]

    def _made(self, router: Router, name: str) -> Any:
        return RedisFrontStore(router, name, TERMS)

    async def _sweep(self) -> None:
        await self.store.sweep()
        self.inbox.expect()

    async def _register(self) -> None:
        await self.store.register(TOLD)

    async def start(self) -> None:
        """Begin, at some time within a few seconds."""
        await deferLater(self._reactor, random.uniform(0, WARM_UP - 2))
        self.store.start()
        self.inbox.start()
        for work, seconds in self.work:
            await deferLater(self._reactor, random.uniform(0, 0.1))
            work.start(seconds)

    async def stop(self) -> None:
        for work, _ in self.work:
            work.stop()
        await self.inbox.stop()
        await self.store.stop()


class IdleWorker(Idler):
    """A worker that has nothing to do."""

    def _made(self, router: Router, name: str) -> Any:
        self._session, self._number, self._roster = f"{name}.1", 1, Roster(JOBS)
        self.turns = recurring(self._reactor, self._turn)
        return RedisWorkerStore(router, name, TERMS)

    async def start(self) -> None:
        self.work.append((recurring(self._reactor, self._publish), Pace().publish))
        await super().start()
        await self.store.parts[0].adopt("", self._session, 1, self._roster, [])
        self.turns.start(Pace().idle)

    async def _publish(self) -> None:
        await self.store.publish(self._roster)

    async def _turn(self) -> None:
        self._number += 1
        await self.store.parts[0].turn(self._session, Turn(self._number, 100))

    async def stop(self) -> None:
        self.turns.stop()
        await super().stop()


class Spent:
    """What a server has spent until now."""

    def __init__(self, path: str) -> None:
        with valkey.Valkey(unix_socket_path=path) as client:
            cpu, self.commands = client.info("cpu"), client.info("commandstats")
        self.seconds = cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"]

    def since(self, before: Spent, seconds: float) -> Iterator[str]:
        """Lines that say what was spent since then."""
        yield f"{100 * (self.seconds - before.seconds) / seconds:.1f} % of a core"
        told = []
        for name, stat in self.commands.items():
            old = before.commands.get(name, {"calls": 0, "usec": 0})
            calls, usec = stat["calls"] - old["calls"], stat["usec"] - old["usec"]
            told.append(
                (
                    usec,
                    f"{name.removeprefix('cmdstat_'):16} {calls / seconds:8.0f}/s {usec / seconds / 1e4:6.2f} %",
                )
            )
        yield from (line for _, line in sorted(told, reverse=True)[:16])


def measure(path: str, processes: int, seconds: float) -> None:
    """Write what so many processes cost this server."""

    async def run(reactor: Any) -> None:
        kinds = [IdleWorker if nth % 2 else Idler for nth in range(processes)]
        idlers = [kind(reactor, path, f"{kind.__name__}{nth}") for nth, kind in enumerate(kinds)]
        await gatherResults([Deferred.fromCoroutine(idler.start()) for idler in idlers])
        await deferLater(reactor, WARM_UP / 4)
        before = Spent(path)
        await deferLater(reactor, seconds)
        for line in Spent(path).since(before, seconds):
            sys.stdout.write(f"{line}\n")
        await gatherResults([Deferred.fromCoroutine(idler.stop()) for idler in idlers])

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--server", default="")
    given = parser.parse_args()
    descriptors.raise_limit()
    with server(given.server) as path:
        measure(path, given.processes, given.seconds)


if __name__ == "__main__":
    main()
