"""Redis and relay as processes, and the faults that can be done to them. It signals only what it started."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import valkey

from tests.processes import ROOT, RedisProcess, RelayProcess, eventually

LEASE = 2.0  # seconds, so that it can be lost often
FRONTS, WORKERS = 2, 4


class Rig:
    """One relay with its Redis, restarted whenever the whole of it was killed."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.random = random.Random(seed)
        self.redis = RedisProcess(directory, "--appendfsync", "always")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.relay = self._make_relay()
        self._background: list[threading.Thread] = []
        #: how long it took: a killed worker's jobs to run again (by pid and time), Redis to be of use again
        self.killed_workers: list[tuple[int, float]] = []
        self.redis_back: list[float] = []

    def start(self) -> None:
        self.redis.start()
        self._start_relay()

    def stop(self) -> None:
        for thread in self._background:
            thread.join()
        self.redis.signal(signal.SIGCONT)
        self.relay.stop()
        self.redis.stop()

    def clients(self, seed: int, count: int) -> subprocess.Popen[bytes]:
        """A process of clients; it ends when all have their outcome, or gave up."""
        command = [sys.executable, "-m", "tests.faults.clients", str(self.port), str(seed), str(count)]
        return subprocess.Popen([*command, str(self.directory)], cwd=ROOT)

    def _make_relay(self) -> RelayProcess:
        settings = {
            "--lease": LEASE,
            "--grace": 0.3,
            "--heartbeat": 1,
            "--drain": 3,
            "--keep": 900,
            "--concurrency": 20,
        }
        settings |= {
            "--fronts": FRONTS,
            "--workers": WORKERS,
            "--jobs": "tests.faults.jobs",
            "--redis": self.redis.url,
        }
        options = [str(word) for option in settings.items() for word in option]
        environment = {"FAULTS_DIRECTORY": str(self.directory)}
        return RelayProcess(self.directory, "all", *options, environment=environment, port=self.port)

    def _start_relay(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self.relay.start()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                self.relay = self._make_relay()  # the one before still had the port
                continue
            return

    # -- faults: each returns when it is over, or goes on in the background --

    def kill_worker(self) -> None:
        pid = self._kill("relay worker")
        self.killed_workers.append((pid, time.time()))

    def kill_front(self) -> None:
        self._kill("relay front")

    def kill_supervisor(self) -> None:
        self.relay.kill()
        self.relay = self._make_relay()
        self._start_relay()

    def stop_worker(self) -> None:
        """Longer than its lease, then let it go on."""
        pid = self.random.choice(self._children("relay worker"))
        os.kill(pid, signal.SIGSTOP)
        self._later(LEASE + 1 + self.random.random(), lambda: os.kill(pid, signal.SIGCONT))

    def cut_connections(self) -> None:
        self._on_redis(lambda redis: redis.client_kill_filter(_type="normal", skipme=True))

    def pause_redis(self) -> None:
        """Longer than the lease."""
        self.redis.signal(signal.SIGSTOP)
        time.sleep(LEASE + 0.5)
        self.redis.signal(signal.SIGCONT)

    def restart_redis(self) -> None:
        self.redis.stop()
        self.redis.start()
        self.redis_back.append(time.time())

    def kill_redis(self) -> None:
        self.redis.signal(signal.SIGKILL)
        assert self.redis.process is not None
        self.redis.process.wait()
        self.redis.start()
        self.redis_back.append(time.time())

    def fill_redis(self) -> None:
        self._on_redis(lambda redis: redis.config_set("maxmemory", 1))
        time.sleep(0.7)
        self._on_redis(lambda redis: redis.config_set("maxmemory", 0))

    def forget_scripts(self) -> None:
        self._on_redis(lambda redis: redis.script_flush())

    def poison(self) -> None:
        """A job that kills its workers, until it is found out and those that were beside it are through: what befalls
        them is to be its doing, and no other fault's."""
        for thread in self._background:
            thread.join()
        path = f"/jobs/poison/{self.random.random()}"
        eventually(lambda: self._ended(path), "the poison is found out", patience=60)
        redis = self.redis.client
        eventually(lambda: not redis.exists("{r0}:trial", "{r0}:suspects"), "the others are through", 60)

    def _ended(self, path: str) -> bool:
        with contextlib.suppress(OSError, EOFError):
            answer = self.relay.call("PUT", path, {}, {"Prefer": "respond-async"})
            return answer.json().get("complete") is True
        return False

    def replace_all(self) -> None:
        """A rolling restart."""
        self.relay.signal(signal.SIGHUP)
        time.sleep(2)

    def flush(self) -> None:
        self._on_redis(lambda redis: redis.flushall())

    def _kill(self, role: str) -> int:
        pid = self.random.choice(self._children(role))
        os.kill(pid, signal.SIGKILL)
        return pid

    def _children(self, role: str) -> list[int]:
        found: list[int] = eventually(lambda: self.relay.children(role), role)
        return found

    def _on_redis(self, ask: Callable[[valkey.Valkey], object]) -> None:
        with contextlib.suppress(valkey.exceptions.ConnectionError):
            ask(self.redis.client)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            with contextlib.suppress(ProcessLookupError):
                act()

        thread = threading.Timer(seconds, run)
        thread.start()
        self._background.append(thread)


#: what can be drawn while the store keeps its history, with its weight
KEEPING: dict[str, int] = {
    "kill_worker": 20,
    "kill_front": 12,
    "kill_supervisor": 4,
    "stop_worker": 12,
    "cut_connections": 14,
    "pause_redis": 5,
    "restart_redis": 6,
    "kill_redis": 6,
    "fill_redis": 6,
    "forget_scripts": 8,
    "poison": 4,
    "replace_all": 3,
}
#: and what loses it
LOSING: dict[str, int] = {"flush": 3, "kill_worker": 1, "kill_front": 1, "cut_connections": 1}
