"""What is done to a relay in a soak. One front and one worker are hit; the others live from beginning to end, so that
what grows shows in them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Container
from pathlib import Path

from tests.processes import RedisProcess, RelayProcess

_PAUSE = 3.0  # seconds for which Redis stands still
_AWAY = 12.0  # seconds for which a worker does, longer than its lease


class Faults:
    """Draws them."""

    def __init__(self, relay: RelayProcess, redis: RedisProcess, spared: Container[int], seed: int) -> None:
        self._relay = relay
        self._spared = spared
        self._redis = redis
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()

    def one(self) -> None:
        """Draw one and do it; returns when it is over."""
        fault = self._random.choice(
            (self.kill_worker, self.kill_front, self.stop_worker, self.cut, self.pause_redis, self.forget)
        )
        with contextlib.suppress(ProcessLookupError):
            fault()
            self.done[fault.__name__] += 1

    def kill_worker(self) -> None:
        os.kill(self._victim("relay worker"), signal.SIGKILL)

    def kill_front(self) -> None:
        os.kill(self._victim("relay front"), signal.SIGKILL)

    def stop_worker(self) -> None:
        """For longer than its lease."""
        pid = self._victim("relay worker")
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(_AWAY)
        finally:
            os.kill(pid, signal.SIGCONT)

    def cut(self) -> None:
        """All connections to Redis."""
        self._redis.client.client_kill_filter(_type="normal", skipme=True)

    def pause_redis(self) -> None:
        self._redis.signal(signal.SIGSTOP)
        try:
            time.sleep(_PAUSE)
        finally:
            self._redis.signal(signal.SIGCONT)

    def forget(self) -> None:
        """The scripts that Redis knows."""
        self._redis.client.script_flush()

    def _victim(self, role: str) -> int:
        """Raises `ProcessLookupError` while the one that was hit before has no successor yet."""
        for pid in self._relay.children(role):
            if pid not in self._spared:
                return pid
        raise ProcessLookupError(role)


def began(pid: int) -> int:
    """When a process has begun, in ticks since the machine has (proc(5))."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
