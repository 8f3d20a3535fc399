"""relay as processes, and the faults that can be done to it and its Redis. It signals only what it started."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import valkey

from relay.store.keys import Keys
from relay.store.scripts import script
from tests.faults.servers import LEASE, Servers
from tests.processes import ROOT, RedisProcess, RelayProcess, eventually, free_port
from tests.started import start

FRONTS, WORKERS = 2, 4


CROWD = 1500  # jobs at once


class Rig:
    """One relay with its Redis, restarted whenever the whole of it was killed."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.random = random.Random(seed)
        self.servers = Servers(directory, self.random)
        self.port = free_port()
        self.relay = self._make_relay()
        self._background: list[threading.Thread] = []
        #: by pid and time: how long it took their jobs to run again
        self.killed_workers: list[tuple[int, float]] = []

    @property
    def redis(self) -> RedisProcess:
        """The present server."""
        return self.servers.redis

    def fault(self, name: str) -> None:
        """Do what is named."""
        of = self if hasattr(self, name) else self.servers
        getattr(of, name)()

    def start(self) -> None:
        self.servers.start()
        self._start_relay()

    def stop(self) -> None:
        for thread in self._background:
            thread.join()
        self.redis.signal(signal.SIGCONT)
        self.relay.stop()
        self.servers.stop()

    def clients(self, seed: int, count: int) -> subprocess.Popen[bytes]:
        """A process of clients; it ends when all have their outcome, or gave up."""
        place = f"127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "tests.faults.clients", place, str(seed), str(count)]
        return start([*command, str(self.directory)], cwd=ROOT)

    def _make_relay(self) -> RelayProcess:
        settings = {
            "--lease": LEASE,
            "--grace": 0.3,
            "--heartbeat": 1,
            "--drain": 3,
            "--keep": 900,
            "--concurrency": 10_000,
        }
        settings |= {
            "--fronts": FRONTS,
            "--workers": WORKERS,
            "--jobs": "tests.faults.jobs",
            "--redis": self.servers.url,
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
        self.killed_workers.append((pid, time.monotonic()))

    def kill_front(self) -> None:
        self._kill("relay front")

    def kill_supervisor(self) -> None:
        self.relay.kill()
        self.relay = self._make_relay()
        self._start_relay()

    def kill_rack(self) -> None:
        """All workers at once."""
        for pid in self._children("relay worker"):
            os.kill(pid, signal.SIGKILL)

    def stop_worker(self) -> None:
        """Longer than its lease, then let it go on."""
        pid = self.random.choice(self._children("relay worker"))
        os.kill(pid, signal.SIGSTOP)
        self._later(LEASE + 1 + self.random.random(), lambda: os.kill(pid, signal.SIGCONT))

    def crowd(self) -> None:
        """More jobs at once than a script takes, and the death of a worker that holds a share of them."""
        body, prefer = {"seconds": 1.5, "number": -1}, {"Prefer": "respond-async"}
        with contextlib.suppress(OSError, EOFError), self.relay.connect() as client:
            for _ in range(CROWD):
                client.request("POST", "/jobs/work", body, prefer)
                if client.response().status >= 500:
                    break
        self.kill_worker()

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

    def stop_a_name(self) -> None:
        """No job of a name begins for a while, or none of the queue."""
        what = self.random.choice(["name work", "name family", "queue default"])
        self._say_stop(what, on=True)
        self._later(0.5 + self.random.random(), lambda: self._say_stop(what, on=False))

    def _say_stop(self, what: str, on: bool) -> None:
        """As an operator does it, until Redis has heard."""
        keys = Keys()

        def said() -> bool:
            own = valkey.Valkey(unix_socket_path=self.redis.socket)
            with (
                contextlib.suppress(valkey.exceptions.ValkeyError, OSError),
                contextlib.closing(own) as redis,
            ):
                words = keys.tag, redis.get(f"{keys.tag}epoch") or b"", what, int(on)
                answer = redis.eval(script("stop").text, len(keys.declared), *keys.declared, *words)
                return bool(answer[0] == b"OK")
            return False

        eventually(said, f"{what} is stopped: {on}", patience=60)

    def replace_all(self) -> None:
        """A rolling restart."""
        self.relay.signal(signal.SIGHUP)
        time.sleep(2)

    def replace_workers(self) -> None:
        self.relay.signal(signal.SIGUSR2)

    def signal_at_random(self) -> None:
        """All that ends nothing, to the supervisor and to its children, while one takes effect or not."""
        numbers = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP]
        self.random.shuffle(numbers)
        for number in numbers:
            for pid in (*self._children("relay front"), *self._children("relay worker")):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            self.relay.signal(number)

    def stop_group(self) -> None:
        """A signal to all processes at once, as of a service manager, and a start."""
        assert self.relay.process is not None
        for pid in (*self._children("relay worker"), self.relay.process.pid, *self._children("relay front")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.relay.process.wait(60)
        self.relay = self._make_relay()
        self._start_relay()

    def _kill(self, role: str) -> int:
        pid = self.random.choice(self._children(role))
        os.kill(pid, signal.SIGKILL)
        return pid

    def _children(self, role: str) -> list[int]:
        found: list[int] = eventually(lambda: self.relay.children(role), role)
        return found

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
    "kill_rack": 2,
    "kill_front": 12,
    "kill_supervisor": 4,
    "stop_worker": 12,
    "cut_connections": 14,
    "pause_redis": 5,
    "restart_redis": 6,
    "kill_redis": 6,
    "fill_redis": 6,
    "fill_the_disk": 4,
    "pause_clients": 3,
    "run_a_long_script": 5,
    "crowd": 3,
    "fail_over": 4,
    "forget_scripts": 8,
    "lose_mail": 6,
    "poison": 4,
    "stop_a_name": 6,
    "replace_all": 3,
    "replace_workers": 3,
    "signal_at_random": 2,
    "stop_group": 2,
}
#: and what loses it
LOSING: dict[str, int] = {
    "flush": 3,
    "fail_over_lagging": 3,
    "fail_over_split": 3,
    "kill_worker": 1,
    "kill_front": 1,
    "cut_connections": 1,
}
