"""How jobs travel together: fronts, workers and servers, simulated.

Each is a process with one thread. It takes all that has come, is busy as long as that costs, and sends what follows.
What they say to each other is what relay says (`relay.store.batch`, `relay.worker.session`, ``turn.lua``). What that
costs is told on average: how long it takes is drawn (exponentially), because other programs run, too, and else all
would go in step for ever. What comes out is how many commands a job takes, and so what it costs where nobody can
measure it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.scale_processes import MOST, Case, Costs, Process, Server, Time

ENOUGH = 32  # submissions that go out at once, and jobs that a session begins before its next turn
ROOM = 1 << 30  # places of a worker


class Front(Process):
    """Submits jobs, and answers their clients."""

    def __init__(
        self, time: Time, case: Case, costs: Costs, servers: list[Server], random: random.Random
    ) -> None:
        super().__init__(time, case.network)
        self._case, self._costs, self._servers, self._random = case, costs, servers, random
        self._open: defaultdict[int, list[Any]] = defaultdict(list)
        self._under_way: Counter[int] = Counter()
        self._present = 0
        self.answered, self.seconds = 0, 0.0
        for nth in range(case.partitions):
            self._to(nth, "read", self)

    def _to(self, nth: int, *said: Any) -> None:
        server = self._servers[nth * len(self._servers) // self._case.partitions]
        self.out.append((server, (said[0], nth, *said[1:])))

    def ask(self, job: Job) -> float:
        nth = self._random.randrange(self._case.partitions) if self._case.keyed else self._any()
        group = self._open[nth]
        group.append(job)
        if not self._under_way[nth] or len(group) >= ENOUGH:
            self._close(nth)
        return self._costs.front_job

    def _any(self) -> int:
        if not self._open[self._present] and self._under_way[self._present] != 1:
            self._present = (self._present + 1) % self._case.partitions
        return self._present

    def _close(self, nth: int) -> None:
        group = self._open.pop(nth, None)
        if group:
            self._under_way[nth] += 1
            self._to(nth, "submit", self, group)

    def receipt(self, nth: int) -> float:
        self._under_way[nth] -= 1
        if not self._under_way[nth]:
            self._close(nth)
        return self._costs.front_command

    def mail(self, nth: int, jobs: list[Any]) -> float:
        for job in jobs:
            self.answered += 1
            self.seconds += self.time.now - job.came
            if job.client is not None:
                self.out.append((job.client, ("answer", self)))
        self._to(nth, "read", self)
        return self._costs.front_command


@dataclass(eq=False, slots=True)
class Job:
    """A job, who submitted it when, and who waits."""

    front: Front
    client: Client | None
    came: float


@dataclass
class Talk:
    """A worker's session in one partition."""

    ends: list[Any] = field(default_factory=list)
    claimed: deque[Any] = field(default_factory=deque)
    under_way: bool = False
    nudged: bool = False


class Worker(Process):
    """Takes turns in each partition, and runs what it was given."""

    def __init__(
        self, time: Time, case: Case, costs: Costs, servers: list[Server], random: random.Random
    ) -> None:
        super().__init__(time, case.network)
        self._case, self._costs, self._servers, self._random = case, costs, servers, random
        self._talks: defaultdict[int, Talk] = defaultdict(Talk)
        for nth in range(case.partitions):
            self._server(nth).parts[nth].idle.add(self)
            self.out.append((self._server(nth), ("read", nth, self)))

    def _server(self, nth: int) -> Server:
        return self._servers[nth * len(self._servers) // self._case.partitions]

    def mail(self, nth: int, wakes: list[Any]) -> float:
        self.out.append((self._server(nth), ("read", nth, self)))
        return self._costs.worker_command + self._nudge(nth)

    def turned(self, nth: int, claims: list[Any], more: bool) -> float:
        talk = self._talks[nth]
        talk.claimed.extend(claims)
        talk.under_way, talk.nudged = False, talk.nudged or more
        spent = self._costs.worker_command + self._begin(nth, talk)
        return spent + (self._turn_now(nth, talk) if talk.nudged or talk.claimed else 0.0)

    def ended(self, nth: int, job: Job) -> float:
        self._talks[nth].ends.append(job)
        return self._nudge(nth)

    def _nudge(self, nth: int) -> float:
        talk = self._talks[nth]
        talk.nudged = True
        return 0.0 if talk.under_way else self._turn_now(nth, talk)

    def _begin(self, nth: int, talk: Talk) -> float:
        begun = [talk.claimed.popleft() for _ in range(min(ENOUGH, len(talk.claimed)))]
        for job in begun:
            if self._case.takes:
                seconds = self._random.expovariate(1 / self._case.takes)
                self.time.after(seconds, self.give, "ended", nth, job)
            else:
                talk.ends.append(job)
                talk.nudged = True
        return self._costs.worker_job * len(begun)

    def _turn_now(self, nth: int, talk: Talk) -> float:
        ends, talk.ends = talk.ends[:MOST], talk.ends[MOST:]
        talk.under_way, talk.nudged = True, bool(talk.ends)
        self.out.append((self._server(nth), ("turn", nth, self, ends, ROOM - len(talk.claimed))))
        return self._begin(nth, talk)


class Client(Process):
    """Clients that each ask again as soon as they were answered."""

    def __init__(self, time: Time, case: Case, costs: Costs) -> None:
        super().__init__(time, case.network)
        self._costs = costs

    def answer(self, front: Front) -> float:
        self.out.append((front, ("ask", Job(front, self, self.time.now))))
        return self._costs.client_job


@dataclass
class Simulated:
    """For a job: commands by their kind, µs of each kind of process, seconds until it was answered. Jobs a second, the
    share of the time in which the busiest server was busy, and how many jobs a second came by themselves."""

    commands: dict[str, float]
    cpu: dict[str, float]
    seconds: float
    rate: float
    busiest: float
    asked: float

    @property
    def keeps_up(self) -> bool:
        """Whether nothing piles up at a server: it is not always busy, and as many jobs are answered as come."""
        return self.busiest < 0.95 and self.rate > 0.8 * self.asked


class World:
    """A case, from its beginning."""

    def __init__(self, case: Case, costs: Costs, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.time, self._case, self._costs = Time(case.cores, self._random), case, costs
        self.commands: Counter[str] = Counter(submit=0, turn=0, read=0)
        self.servers = [
            Server(self.time, case, costs, self.commands, self._random) for _ in range(case.servers)
        ]
        self.fronts = [Front(self.time, case, costs, self.servers, self._random) for _ in range(case.fronts)]
        self.workers = [
            Worker(self.time, case, costs, self.servers, self._random) for _ in range(case.workers)
        ]
        self.clients = [Client(self.time, case, costs) for _ in range(case.fronts)]
        for process in (*self.fronts, *self.workers):
            process.give("start")
        for nth in range(case.in_flight):
            self.clients[nth % case.fronts].give("answer", self.fronts[nth % case.fronts])
        if case.rate:
            self._come()

    def _come(self) -> None:
        front = self._random.choice(self.fronts)
        front.give("ask", Job(front, None, self.time.now))
        self.time.after(self._random.expovariate(self._case.rate), self._come)

    def _sums(self) -> dict[str, float]:
        kinds: dict[str, Iterable[Process]] = {
            "redis": self.servers,
            "front": self.fronts,
            "worker": self.workers,
        }
        used = {kind: sum(process.used for process in processes) for kind, processes in kinds.items()}
        asked = {
            "answered": sum(f.answered for f in self.fronts),
            "seconds": sum(f.seconds for f in self.fronts),
        }
        return {**used, **asked, **self.commands, "busiest": max(server.used for server in self.servers)}

    def simulated(self, warm: float, seconds: float) -> Simulated:
        """What was seen in these seconds, after those to warm up."""
        self.time.run(warm)
        before = self._sums()
        self.time.run(warm + seconds)
        spent = {name: value - before[name] for name, value in self._sums().items()}
        jobs = max(1.0, spent["answered"])
        each = {name: value / jobs for name, value in spent.items()}
        return Simulated(
            {name: each[name] for name in ("submit", "turn", "read")},
            {name: each[name] for name in ("redis", "front", "worker")},
            each["seconds"],
            jobs / seconds,
            spent["busiest"] / seconds / 1e6,
            self._case.rate,
        )
