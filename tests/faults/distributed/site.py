"""A front and a worker on one host."""

from __future__ import annotations

import time
from pathlib import Path

from tests.processes import Host, RelayProcess, free_port
from tests.topologies.stepped import LIBRARY, SteppedClock

LEASE = 2.0  # seconds, so that it can be lost often
SETTINGS = {
    "--lease": LEASE,
    "--grace": 0.3,
    "--heartbeat": 1,
    "--drain": 2,
    "--keep": 120,
    "--concurrency": 1000,
    "--jobs": "tests.faults.jobs",
}


class Site:
    """A host with relay on it, and what was done to it; times are of the monotonic clock."""

    def __init__(self, directory: Path, number: int, url: str, host: Host, partitions: int = 1) -> None:
        self.number = number
        self.host = host
        self.clock = SteppedClock(directory / f"clock{number}") if LIBRARY else None
        self._directory = directory
        self._settings = SETTINGS | {"--redis": url, "--partitions": partitions}
        self._port = free_port()
        self._tracebacks = 0
        self.front = self._make("front")
        self.worker = self._make("worker")
        #: when its front was ended, and when there was one again
        self.gone: list[tuple[float, float]] = []

    @property
    def place(self) -> tuple[str, int]:
        return self.host.address, self._port

    def _make(self, role: str) -> RelayProcess:
        options = [str(word) for pair in self._settings.items() for word in pair]
        options.append("--open")
        environment = {"FAULTS_DIRECTORY": str(self._directory)}
        environment = {"FAULTS_DIRECTORY": str(self._directory)}
        if self.clock is not None:
            environment |= self.clock.environment
        return RelayProcess(
            self._directory, role, *options, environment=environment, port=self._port, host=self.host
        )

    def start(self) -> None:
        self.front.start()
        self.worker.start()

    def restart_front(self) -> None:
        """Its clients are told to attach elsewhere."""
        begun = time.monotonic()
        self._tracebacks += self.front.tracebacks()
        self.front.stop()
        self.front.start()
        self.gone.append((begun, time.monotonic()))

    def restart_worker(self) -> None:
        self._tracebacks += self.worker.tracebacks()
        self.worker.stop()
        self.worker.start()

    def kill_worker(self) -> None:
        self._tracebacks += self.worker.tracebacks()
        self.worker.kill()
        self.worker.start()

    def was_gone(self, at: float, later: float = 0.0) -> bool:
        """Whether there was no front at a time, nor `later` seconds before."""
        return any(begun <= at <= ended + later for begun, ended in self.gone)

    def tracebacks(self) -> int:
        return self._tracebacks + self.front.tracebacks() + self.worker.tracebacks()

    def stop(self) -> None:
        for process in (self.front, self.worker):
            if process.process is not None:
                process.stop()

    def write_logs(self) -> None:
        """Beside the history, for whoever reads it."""
        for process in (self.front, self.worker):
            file = self._directory / f"{process.role}{self.number}.log"
            file.write_text(process.log_tail(1 << 30))
