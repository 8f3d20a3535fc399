"""What this process tells of itself: to whoever hears its events, to the store, to its supervisor."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from relay.model.ids import process_name
from relay.model.problems.base import RelayError
from relay.model.settings import Settings
from relay.process import board, lines, tracing, usage
from relay.process.figures import Figures, Look
from relay.process.spawned import Handed
from relay.telemetry import snapshot
from relay.telemetry.counts import Counts
from relay.telemetry.events import Events, several
from relay.telemetry.recent import Recent
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.timing.lag import Lag
from relay.timing.recurring import going_on, recurring
from relay.version import VERSION

REGISTER = 5.0  # seconds between what the store is told
WRITE = 1.0  # seconds between what a supervisor is told


class Telemetry:
    """Of one process, made before all that tells it something. `readers` hear its events, beside its own counts."""

    def __init__(
        self,
        reactor: Any,
        role: str,
        name: str,
        title: str = "",
        readers: Sequence[Events] = (),
        tracing: Tracing = UNTRACED,
    ) -> None:
        counts = self._counts = Counts()
        #: to be asked for spans
        self.tracing = tracing
        #: to be told what happens
        self.events = several([counts, *readers])
        self.role = role
        self.name = name
        #: as in the log
        self.title = title or role
        #: looks how the process is
        self.look: Look = lambda closely: Figures()
        #: tells the store
        self.register: Callable[[bytes], Awaitable[None]] | None = None
        #: what other processes tell that only this one hears
        self.others: Callable[[], list[Snapshot]] = list
        self._board = -1
        self._began = int(time.time() * 1000)
        self._seconds = reactor.seconds
        self._begun = reactor.seconds()
        self._recent = Recent(self._begun)
        self._descriptors = 0
        self._lag = Lag(reactor, lambda seconds: self.events.lagged(seconds))
        self._registering = recurring(reactor, self.tell_store)
        self._writing = recurring(reactor, self.tell_supervisor)
        reactor.callWhenRunning(self._start)
        reactor.addSystemEventTrigger("during", "shutdown", self._stop)

    def hang(self, board: int) -> None:
        """Write on this board from now on, -1 for none."""
        self._board = board

    def snapshots(self) -> list[Snapshot]:
        """What this process tells of itself, and what it hears of others."""
        return [self.snapshot(), *self.others()]

    def snapshot(self, closely: bool = False) -> Snapshot:
        """What this process tells of itself; `closely` if it is to look at what takes long, too."""
        if closely or not self._descriptors:
            self._descriptors = usage.descriptors()
        figures = self.look(closely)
        info = self._info(figures)
        samples = {**self._counts.samples(self.role), **figures.samples, **self._own(info), **_work()}
        span, recent = self._recent.since(self._seconds(), samples)
        return Snapshot(info, samples, self._now(), recent, span)

    def _now(self) -> int:
        """Milliseconds since the epoch as the system's clock had them when this process began, counted on evenly since:
        what others compare must not leap when that clock is set."""
        return self._began + int((self._seconds() - self._begun) * 1000)

    def _info(self, figures: Figures) -> ProcessInfo:
        return ProcessInfo(
            name=self.name,
            role=self.role,
            title=self.title,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            began=self._began,
            held=figures.held,
            oldest_held=figures.oldest_held,
            running=figures.running,
            concurrency=figures.concurrency,
            queues=figures.queues,
            quiet=figures.quiet,
            secrets=figures.secrets,
            tokens=figures.tokens,
            lag=self._lag.longest(),
            memory=usage.memory(),
            descriptors=self._descriptors,
            most_descriptors=usage.most_descriptors(),
        )

    def _own(self, info: ProcessInfo) -> dict[str, list[Sample]]:
        told = {
            "relay_process_start_time_seconds": info.began / 1000,
            "relay_process_memory_bytes": float(info.memory),
            "relay_process_open_descriptors": float(info.descriptors),
            "relay_process_descriptors_limit": float(info.most_descriptors),
            "relay_process_cpu_seconds_total": usage.cpu(),
            "relay_reactor_lag_max_seconds": info.lag,
        }
        labels = info.title, info.host, str(info.pid), info.version
        return {
            "relay_process_info": [Sample(labels, 1.0)],
            **{name: [Sample((), of)] for name, of in told.items()},
        }

    # -- to whom it is told --

    def _start(self) -> None:
        self._lag.start()
        self._registering.start(REGISTER)
        if self._board >= 0:
            self._writing.start(WRITE)

    def _stop(self) -> None:
        self._lag.stop()
        for work in (self._registering, self._writing):
            if work.running:
                work.stop()

    async def tell_store(self) -> None:
        """The store forgets a process that does not tell of itself for a while."""
        if self.register is not None:
            try:
                await self.register(snapshot.encode(self.snapshot(closely=True)))
            except RelayError:
                return  # the next one finds a store that answers

    def tell_supervisor(self) -> None:
        """It reads the board when it is asked."""
        board.write(self._board, snapshot.encode(self.snapshot()))


def _work() -> dict[str, list[Sample]]:
    """The recurring work of this process; what has the same name is added up."""
    calls: dict[str, float] = {}
    failures: dict[str, float] = {}
    longest: dict[str, float] = {}
    for work in going_on():
        calls[work.what] = calls.get(work.what, 0.0) + work.calls
        failures[work.what] = failures.get(work.what, 0.0) + work.failures
        longest[work.what] = max(longest.get(work.what, 0.0), work.longest)
    return {
        "relay_work_calls_total": [Sample((what,), of) for what, of in calls.items()],
        "relay_work_failures_total": [Sample((what,), of) for what, of in failures.items()],
        "relay_work_longest_seconds": [Sample((what,), of) for what, of in longest.items()],
    }


def telemetry_of(reactor: Any, role: str, settings: Settings, handed: Handed | None = None) -> Telemetry:
    """What a process of this role tells of itself; `handed` if it is a child of a supervisor. Raises `SettingError`."""
    handed = handed or Handed(process_name(role), title=role)
    readers: list[Events] = []
    traces = None
    if role != "supervisor":  # which runs no jobs and has no clients
        readers, traces = lines.readers(reactor, settings, handed.title), tracing.reader(reactor, settings)
    if traces is not None:
        readers.append(traces)
    made = Telemetry(reactor, role, handed.name, handed.title, readers, traces or UNTRACED)
    made.hang(handed.board)
    return made
