"""What a simulation of relay stands on: time, processes with one thread, and a server with its partitions."""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MOST = 100  # jobs that one turn claims, and ends that it tells

#: to whom, and what
Sent = tuple["Process", tuple[Any, ...]]


@dataclass(frozen=True)
class Costs:
    """µs of one core: for a command, and for a job beside those of its commands."""

    redis_command: float
    redis_job: float
    front_command: float
    front_job: float
    worker_command: float
    worker_job: float
    client_job: float = 0.0


@dataclass(frozen=True)
class Case:
    """What is simulated. Jobs come by themselves, `rate` a second, or from `in_flight` clients that each wait for
    theirs. With `keyed`, a job's key says where it lives. `takes`: seconds that a job runs. `cores`: of the machine
    that all run on, 0 where each has its own. `network`: seconds from one to another."""

    partitions: int = 1
    fronts: int = 1
    workers: int = 1
    servers: int = 1
    in_flight: int = 0
    rate: float = 0.0
    keyed: bool = False
    takes: float = 0.0
    cores: int = 0
    network: float = 20e-6


class Time:
    """What happens when, and whose turn it is on the machine's cores."""

    def __init__(self, cores: int, random: random.Random) -> None:
        self.now, self.random = 0.0, random
        self._next: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = count()
        self._free = cores or 1 << 60
        self._waiting: deque[Callable[[], None]] = deque()

    def after(self, seconds: float, call: Callable[..., None], *words: Any) -> None:
        heapq.heappush(self._next, (self.now + seconds, next(self._number), call, words))

    def run(self, until: float) -> None:
        while self._next and self._next[0][0] <= until:
            self.now, _, call, words = heapq.heappop(self._next)
            call(*words)
        self.now = until

    def take_core(self, call: Callable[[], None]) -> None:
        """Call once a core is free; it is given back by `free_core`."""
        if self._free:
            self._free -= 1
            call()
        else:
            self._waiting.append(call)

    def free_core(self) -> None:
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._free += 1


class Process:
    """Takes all that has come at once. `handle` says what an item costs (µs), and adds what follows to `out`."""

    def __init__(self, time: Time, network: float) -> None:
        self.time, self.network = time, network
        self.came: list[tuple[Any, ...]] = []
        self.out: list[Sent] = []
        self.used = 0.0
        self._busy = False

    def give(self, *item: Any) -> None:
        """Something has come."""
        self.came.append(item)
        if not self._busy:
            self._busy = True
            self.time.take_core(self._turn)

    def _turn(self) -> None:
        came, self.came = self.came, []
        spent = 0.0
        for what, *words in came:
            spent += getattr(self, what)(*words)
        self.used += spent
        self.time.after(spent / 1e6 * self.time.random.expovariate(1), self._sent)

    def _sent(self) -> None:
        for to, item in self.out:
            self.time.after(self.network, to.give, *item)
        self.out = []
        self.time.free_core()
        self._busy = bool(self.came)
        if self._busy:
            self.time.take_core(self._turn)

    def start(self) -> float:
        """Send what is said first."""
        return 0.0


class Idle:
    """Processs without work, of whom any is drawn."""

    def __init__(self) -> None:
        self._workers: list[Process] = []
        self._places: dict[Process, int] = {}

    def __len__(self) -> int:
        return len(self._workers)

    def add(self, worker: Process) -> None:
        if worker not in self._places:
            self._places[worker] = len(self._workers)
            self._workers.append(worker)

    def discard(self, worker: Process) -> None:
        place, last = self._places.pop(worker, -1), self._workers[-1] if self._workers else None
        if place >= 0 and last is not None:
            self._workers.pop()
            if last is not worker:
                self._workers[place], self._places[last] = last, place

    def draw(self, random: random.Random) -> Process:
        worker = self._workers[int(random.random() * len(self._workers))]
        self.discard(worker)
        return worker


@dataclass
class Part:
    """A partition, as its server has it."""

    ready: deque[Any] = field(default_factory=deque)
    idle: Idle = field(default_factory=Idle)
    mail: defaultdict[Process, list[Any]] = field(default_factory=lambda: defaultdict(list))
    reading: set[Process] = field(default_factory=set)


class Server(Process):
    """A server with some of the partitions."""

    def __init__(
        self, time: Time, case: Case, costs: Costs, commands: Counter[str], random: random.Random
    ) -> None:
        super().__init__(time, case.network)
        self._costs, self._commands, self._random, self._sessions = costs, commands, random, case.workers
        self.parts: defaultdict[int, Part] = defaultdict(Part)

    def submit(self, nth: int, front: Process, jobs: list[Any]) -> float:
        part = self.parts[nth]
        self._commands["submit"] += 1
        part.ready.extend(jobs)
        self._wake(part, len(jobs))
        self.out.append((front, ("receipt", nth)))
        return self._script(nth) + self._costs.redis_job * len(jobs) / 3

    def turn(self, nth: int, worker: Process, ends: list[Any], want: int) -> float:
        part = self.parts[nth]
        self._commands["turn"] += 1
        for job in ends:
            part.mail[job.front].append(job)
        share = want if self._sessions < 2 else max(1, -(-len(part.ready) // self._sessions))
        taken = [part.ready.popleft() for _ in range(min(want, share, MOST, len(part.ready)))]
        if len(taken) < want and not part.ready:
            part.idle.add(worker)
        else:
            part.idle.discard(worker)
            if part.ready:
                self._wake(part, 1)
        self.out.append((worker, ("turned", nth, taken, bool(part.ready))))
        return self._script(nth) + self._costs.redis_job * (len(ends) + len(taken)) / 3

    def read(self, nth: int, process: Process) -> float:
        self._commands["read"] += 1
        self.parts[nth].reading.add(process)
        self._tell(nth)
        return self._costs.redis_command

    def _wake(self, part: Part, most: int) -> None:
        for _ in range(min(most, len(part.idle))):
            part.mail[part.idle.draw(self._random)].append(None)

    def _script(self, nth: int) -> float:
        self._tell(nth)
        return self._costs.redis_command

    def _tell(self, nth: int) -> None:
        """Those who read hear of it at once."""
        part = self.parts[nth]
        for process in [process for process in part.mail if process in part.reading]:
            part.reading.discard(process)
            self.out.append((process, ("mail", nth, part.mail.pop(process))))
