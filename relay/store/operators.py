"""What whoever looks after a relay asks of the store: dead processes, dead jobs, what was learned of limits; what it
sees beside (`sights`), and does to jobs (`acts`)."""

from __future__ import annotations

from itertools import starmap
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from relay.model import ids
from relay.model.limits import Learned
from relay.store import codec
from relay.store.acts import Acts, RedisActs
from relay.store.durable import check
from relay.store.gathering import anywhere, everywhere, gathered, naming
from relay.store.given_back import give_back, log_given_back
from relay.store.messages import DeadJob, GivenBack, Submission
from relay.store.operator_rows import read_dead_job
from relay.store.partition import Partition
from relay.store.registering import registered
from relay.store.router import Router
from relay.store.schedules import (
    ScheduleStatus,
    firing_job,
    pin_of_schedule,
    read_schedules,
    scheduled,
    shown,
)
from relay.store.shares import Shares
from relay.store.sights import RedisSights, Sights
from relay.store.submissions import OVERHEAD, Submissions
from relay.store.terms import StoreSettings


class OperatorStore(Sights, Acts, Protocol):
    """The verbs of supervisors and of operators' commands. Each raises `StoreAway` where the store does not answer in
    time."""

    @property
    def room(self) -> tuple[int, int]:
        """How many jobs may live at once, and bytes of them."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    async def register(self, told: bytes) -> None:
        """Say what others are told of this process (`processes`); to be repeated."""

    async def check_writable(self) -> None:
        """Raise `StoreAway` unless the store would take a job now; `relay.store.partition.why_away` says why not."""

    async def reap(self, process: str) -> list[GivenBack]:
        """A process has died: what it held goes back, or ended with it."""

    async def learned(self, most: int = 1000) -> dict[str, Learned]:
        """What APIs were learned to say of their limits, by scope: a host, a host and a value, or a lane."""

    async def forget(self, scope: str) -> bool:
        """Let what was learned of a scope count no more; whether anything was known of it. Calls that wait for it
        notice within seconds. Jobs that were put off because of it come back at their time."""

    async def schedules(self) -> list[tuple[ScheduleStatus, bool]]:
        """All schedules by their names, and whether a worker serves the job, so that it is fired."""

    async def pause(self, name: str, on: bool) -> bool:
        """Have the schedule of a job fire no more (`on`), or again: what was missed is made up for as it declares.
        False for a schedule that there is not."""

    async def fire_now(self, name: str) -> str:
        """Run the job of a schedule now, whatever its schedule says: the id. Raises `LookupError` for a job without a
        schedule, and what `FrontStore.submit` raises."""

    async def dead(self, most: int = 100) -> list[DeadJob]:
        """The newest dead jobs."""

    async def revive(self, dead: DeadJob) -> str:
        """Run a dead job again, under a new id, without its key and with nobody waiting. Raises `ValueError`
        where its arguments were not kept, and what `FrontStore.submit` raises."""


class RedisOperatorStore(RedisSights, RedisActs, OperatorStore):
    """An `OperatorStore` on Redis."""

    def __init__(self, router: Router, terms: StoreSettings, name: str = "") -> None:
        """`name`: of this process, as it registers itself."""
        self.name = name or ids.process_name("supervisor")
        self._router = router
        self._terms = terms
        self._words = terms.of_each(len(router.all())).words()
        self._shares = Shares(router.all(), terms)

    @property
    def room(self) -> tuple[int, int]:
        return self._terms.queue_limit, self._terms.queue_bytes

    def start(self) -> None:
        self._router.start()

    def stop(self) -> Deferred[Any]:
        return self._router.stop()

    async def register(self, told: bytes) -> None:
        await registered(self._router, self.name, told)

    async def check_writable(self) -> None:
        """Of those partitions that answer."""
        await gathered(self._router, Partition.check_writable)

    async def reap(self, process: str) -> list[GivenBack]:
        async def ask(partition: Partition) -> list[GivenBack]:
            return await give_back(partition, "reap", process, self._words)

        back = [job for some in await everywhere(self._router, ask) for job in some]
        log_given_back(back, "its process ended")
        return back

    async def learned(self, most: int = 1000) -> dict[str, Learned]:
        async def ask(partition: Partition) -> list[Any]:
            return await partition.verb("learned", most)

        rows = [word for some in (await gathered(self._router, ask)).answers.values() for word in some]
        return dict(starmap(codec.read_learned, codec.LEARNED.rows(rows)))

    async def forget(self, scope: str) -> bool:
        home = self._router.of_scope(scope)
        with naming(self._router, home):
            return bool((await home.verb("forget", scope))[0])

    async def schedules(self) -> list[tuple[ScheduleStatus, bool]]:
        found = await gathered(self._router, _schedules)
        return shown([each for some in found.answers.values() for each in some], await self.definitions())

    async def pause(self, name: str, on: bool) -> bool:
        async def ask(partition: Partition) -> bool:
            return bool((await partition.verb("pause", name, int(on)))[0])

        return await anywhere(self._router, ask, False)

    async def fire_now(self, name: str) -> str:
        definition = scheduled(await self.definitions(), name)
        home = self._router.of_key(pin_of_schedule(definition))
        with naming(self._router, home):
            job = firing_job(definition, home.mint(), int(home.now()), by_hand=True)
            check(home, job.job)
            return (await Submissions(home, "", self._shares).add(job, OVERHEAD)).id

    async def dead(self, most: int = 100) -> list[DeadJob]:
        async def ask(partition: Partition) -> list[Any]:
            return await partition.verb("dead", most)

        rows = [word for some in (await gathered(self._router, ask)).answers.values() for word in some]
        dead_jobs = [*starmap(read_dead_job, codec.DEAD.rows(rows))]
        return sorted(dead_jobs, key=lambda dead: dead.died, reverse=True)[:most]

    async def revive(self, dead: DeadJob) -> str:
        if dead.cut:
            raise ValueError(f"the arguments of {dead.id} were too large to be kept")
        partition = self._router.of_id(dead.id)
        job = dead.revived()
        check(partition, job)
        submissions = Submissions(partition, "", self._shares)
        size = len(job.arguments) + OVERHEAD
        return (await submissions.add(Submission(partition.mint(), job), size)).id


async def _schedules(partition: Partition) -> list[ScheduleStatus]:
    return read_schedules(await partition.verb("schedules"))
