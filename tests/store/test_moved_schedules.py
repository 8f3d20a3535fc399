"""A schedule whose declaration moves it to another partition: it goes on there as it stood, and is nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
from pytest_twisted import ensureDeferred
from twisted.internet.task import Clock

from relay.model.schedule import Schedule
from relay.store.keys import Keys
from relay.store.messages import JobDefinition, LimitDefinition
from relay.store.operators import RedisOperatorStore
from relay.store.roster import Roster
from relay.store.schedules import text_of
from relay.store.workers import RedisWorkerStore
from relay.worker.firings import firings_of
from tests.processes import RedisProcess
from tests.store.conftest import PARTS, MakeParted, swept
from tests.store.test_store import declared

MINUTE = 60_000
EVERY = Schedule(every=86_400)
#: the same job, without a limit and under one: its schedule lives in another partition then
FREE, LIMITED = (
    msgspec.structs.replace(declared("tick", limit=limit), schedule=EVERY)
    for limit in (None, LimitDefinition("slow", 0, 0, "", most=1))
)
TAGS = [Keys(number, PARTS).tag for number in range(PARTS)]


class Looking:
    """A worker that serves one declaration of the job."""

    def __init__(self, store: RedisWorkerStore, definition: JobDefinition) -> None:
        self.store, self._roster = store, Roster([definition])
        self.home = store.home_of(definition)
        self.marks = {name: mark for name, mark, _ in self._roster}
        self._firings = firings_of(Clock(), store, [definition], self._roster, 1.0)

    async def begin(self) -> Looking:
        await swept(self.store)
        await self.store.publish(self._roster)
        return await self.look()

    async def look(self) -> Looking:
        """Twice: what is brought by the first look is left behind nowhere after the second."""
        for _ in range(2):
            await self._firings[self.home].look()
        return self


def kept(redis: RedisProcess) -> dict[int, str]:
    """When the schedule is due, by the partitions that keep it."""
    rows: list[Any] = [redis.client_of(f"{tag}schedule").hget(f"{tag}schedule", "tick") for tag in TAGS]
    return {number: row.decode().partition(" ")[0] for number, row in enumerate(rows) if row}


def jobs(redis: RedisProcess) -> int:
    """How many jobs live."""
    return sum(int(redis.client_of(f"{tag}job").hlen(f"{tag}job")) for tag in TAGS)  # type: ignore[arg-type]


def make_due(redis: RedisProcess, home: int) -> None:
    """It has not been fired for long."""
    redis.client_of(f"{TAGS[home]}schedule").hset(
        f"{TAGS[home]}schedule", "tick", f"{MINUTE} {text_of(EVERY)}"
    )


@ensureDeferred
async def test_a_firing_that_was_due_is_made_once_whatever_moves(
    redis: RedisProcess, make_parted: MakeParted
) -> None:
    old = await Looking(make_parted(RedisWorkerStore, "w1"), FREE).begin()
    make_due(redis, old.home)
    new = await Looking(make_parted(RedisWorkerStore, "w2"), LIMITED).begin()
    assert new.home != old.home
    await old.look()
    assert [*kept(redis)] == [new.home]
    assert jobs(redis) == 1
    again = await Looking(make_parted(RedisWorkerStore, "w3"), FREE).begin()
    assert [*kept(redis)] == [again.home] == [old.home]
    assert jobs(redis) == 1


@ensureDeferred
async def test_one_that_is_paused_stays_paused_where_it_goes(
    redis: RedisProcess, make_parted: MakeParted
) -> None:
    old = await Looking(make_parted(RedisWorkerStore, "w1"), FREE).begin()
    operator = make_parted(RedisOperatorStore, "s1")
    make_due(redis, old.home)
    await old.look()
    ((before, _),) = await operator.schedules()
    assert await operator.pause("tick", on=True)
    make_due(redis, old.home)
    new = await Looking(make_parted(RedisWorkerStore, "w2"), LIMITED).begin()
    ((after, is_served),) = await operator.schedules()
    assert (after.due, after.paused > 0, is_served) == (MINUTE, True, True)
    assert (after.fired, after.id) == (before.fired, before.id)
    assert jobs(redis) == 1
    assert not any(
        redis.client_of(f"{TAGS[old.home]}{key}").hexists(f"{TAGS[old.home]}{key}", "tick")
        for key in ("paused", "fired")
    )
    assert await operator.pause("tick", on=False)
    await new.look()
    assert jobs(redis) == 2


@ensureDeferred
async def test_one_that_an_earlier_relay_left_behind_is_forgotten(
    redis: RedisProcess, make_parted: MakeParted
) -> None:
    new = await Looking(make_parted(RedisWorkerStore, "w1"), LIMITED).begin()
    make_due(redis, (new.home + 1) % PARTS)
    later = await Looking(make_parted(RedisWorkerStore, "w2"), LIMITED).begin()
    assert [*kept(redis)] == [new.home] == [later.home]
    assert jobs(redis) == 0


@ensureDeferred
async def test_a_worker_whose_declaration_does_not_count_forgets_nothing(
    redis: RedisProcess, make_parted: MakeParted
) -> None:
    old = await Looking(make_parted(RedisWorkerStore, "w1"), FREE).begin()
    new = await Looking(make_parted(RedisWorkerStore, "w2"), LIMITED).begin()
    part = new.store.parts[new.home]
    assert not await part.forget_schedules(old.marks)
    assert [*kept(redis)] == [new.home]
    assert await part.forget_schedules(new.marks)
    assert kept(redis) == {}
