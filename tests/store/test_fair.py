"""Turns of owners: whose job goes next, where several have jobs in one line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from itertools import groupby, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet import defer
from twisted.internet.defer import gatherResults
from twisted.internet.threads import blockingCallFromThread, deferToThread

from relay.model.job import JobTemplate
from relay.model.state import State
from relay.store.messages import LimitDefinition, Report, Submission
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, declared, succeeded

A, B, C = "token:a", "sub:b b", "sub:c"


class Asked:
    """Submits jobs, and knows whose each is by its id: its owner and a number."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.whose: dict[str, tuple[str, int]] = {}

    async def submit(self, owner: str, count: int = 1, **changed: object) -> None:
        """Jobs of one owner."""
        await self.submit_all([owner] * count, **changed)

    async def submit_all(self, owners: Iterable[str], **changed: object) -> None:
        """A job of each owner, together."""
        await self.store.sweep()
        sent = [
            Submission(self.store.mint(), a_job(**{"owner": owner, "fair": True, **changed}))
            for owner in owners
        ]
        for submission in sent:
            number = sum(owner == submission.job.owner for owner, _ in self.whose.values())
            self.whose[submission.id] = (submission.job.owner, number)
        await gatherResults([self.store.submit(submission) for submission in sent])

    async def next(self, session: Session, count: int = 1) -> list[str]:
        """Run so many jobs: their owners, each owner's in the order in which they came."""
        ids: list[str] = []
        while len(ids) < count:
            turned = await session.turn(count - len(ids))
            assert turned.claims
            ids += [claim.id for claim in turned.claims]
            await session.turn(0, *succeeded(turned))
        return [self.whose[id][0] for id in ids]

    async def all(self, session: Session) -> list[tuple[str, int]]:
        """Run all that wait."""
        ids: list[str] = []
        while claims := (turned := await session.turn(50)).claims:
            ids += [claim.id for claim in claims]
            await session.turn(0, *succeeded(turned))
        return [self.whose[id] for id in ids]


def in_order(jobs: Iterable[tuple[str, int]]) -> bool:
    """Whether the jobs of each owner go as they came."""
    by_owner = groupby(sorted(jobs, key=lambda job: job[0]), key=lambda job: job[0])
    return all(
        first < second for _, some in by_owner for first, second in pairwise([number for _, number in some])
    )


@ensureDeferred
async def test_a_job_waits_for_one_of_an_owner_who_has_thousands_at_the_most(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    asked, session = Asked(make_store("front", queue_limit=10_000)), await Session(worker).open()
    await asked.submit(A, 5000)
    for _ in range(3):
        await asked.submit(B)
        assert B in await asked.next(session, 2)
    await asked.submit_all([C, B, B])
    assert Counter(await asked.next(session, 5)) >= Counter({B: 2, C: 1})


@ensureDeferred
async def test_owners_with_jobs_take_turns_and_those_of_each_go_as_they_came(
    front: Store, worker: Store
) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(A, 30)
    await asked.submit(B, 20)
    await asked.submit_all([C, A, B] * 5)
    went = await asked.all(session)
    assert len(went) == 65
    assert in_order(went)
    owners = [owner for owner, _ in went]
    assert all(set(owners[n : n + 3]) == {A, B, C} for n in range(0, 15, 3))
    assert all(set(owners[n : n + 2]) == {A, B} for n in range(15, 55, 2))


@ensureDeferred
async def test_owners_who_go_on_submitting_get_the_same_share(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    went: Counter[str] = Counter()
    await asked.submit_all([A, B, C])
    for _ in range(20):
        await asked.submit_all([A] * 9 + [B] * 3 + [C] * 2)
        went.update(await asked.next(session, 6))
    assert sum(went.values()) == 120
    assert max(went.values()) - min(went.values()) <= 2


@ensureDeferred
async def test_one_batch_is_placed_as_if_each_job_came_alone(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit_all([A, A, A, B, A, B, C, C])
    owners = [owner for owner, _ in await asked.all(session)]
    assert [sorted(owners[n:m]) for n, m in ((0, 3), (3, 6), (6, 8))] == [
        sorted([A, B, C]),
        sorted([A, B, C]),
        [A, A],
    ]


@ensureDeferred
async def test_priorities_come_before_turns(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(A, 3)
    await asked.submit(A, 3, priority=5)
    await asked.submit(B, 2, priority=5)
    await asked.submit(B, 2, priority=-5)
    await asked.submit(B, 2)
    owners = [owner for owner, _ in await asked.all(session)]
    assert [sorted(owners[n : n + 2]) for n in (0, 2, 5, 7)] == [[B, A]] * 4
    assert (owners[4], owners[9], owners[10:]) == (A, A, [B, B])


@ensureDeferred
async def test_owners_take_turns_in_a_lane(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await worker.publish(Roster([declared("limited", limit=LimitDefinition("api", 6, 3600, ""))]))
    await asked.submit(A, 6, lane="@api")
    await asked.submit(B, 2, lane="@api")
    await asked.submit(C, 2, lane="@api c")
    owners = [owner for owner, _ in await asked.all(session)]
    assert Counter(owners) == {A: 4, B: 2, C: 2}
    assert set([owner for owner in owners if owner != C][:2]) == {A, B}


@ensureDeferred
async def test_what_was_put_off_gets_its_turn_when_it_is_due(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(B, attempts=2)
    (claim,) = (await session.turn(1)).claims
    await asked.submit(A, 20)
    await session.turn(0, Report(claim.id, State.SCHEDULED))
    await front.sweep()
    assert B in await asked.next(session, 2)


@ensureDeferred
async def test_what_is_given_back_keeps_its_place(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(A, 9)
    (claim,) = (await session.turn(1)).claims
    await asked.submit(B, 9)
    await session.turn(0, Report(claim.id, State.QUEUED))
    assert [taken.id for taken in (await session.turn(1)).claims] == [claim.id]


@ensureDeferred
async def test_a_job_that_follows_takes_its_owners_turn(front: Store, worker: Store) -> None:
    asked, session = Asked(front), await Session(worker, serves=("echo",)).open()
    await asked.submit(B, inbox="", then=JobTemplate("echo", "default", 0, 1, False))
    (claim,) = (await session.turn(1)).claims
    await asked.submit(A, 9)
    await session.turn(0, Report(claim.id, State.SUCCEEDED, "1"))
    await front.sweep()
    assert f"{claim.id}-then" in [taken.id for taken in (await session.turn(2)).claims]


@ensureDeferred
async def test_jobs_without_turns_that_wait_are_not_put_off_for_ever(front: Store, worker: Store) -> None:
    """Turns were switched on: an owner who goes on submitting gets one job in for each that waits."""
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(A, 20, fair=False)
    went = []
    for _ in range(40):
        await asked.submit(B, 3)
        went += await asked.next(session)
    assert Counter(went) == {A: 20, B: 20}
    await asked.submit(A, 1, fair=False)  # and switched off again: it comes after all that wait
    owners = [owner for owner, _ in await asked.all(session)]
    assert owners == [B] * 100 + [A]


@ensureDeferred
async def test_a_line_with_turns_does_not_hold_up_other_lines(front: Store, worker: Store) -> None:
    """However long one line was never empty, a job of another name waits for the rounds that wait in it."""
    asked, session = Asked(front), await Session(worker).open()
    await asked.submit(A, 5)
    for _ in range(30):
        await asked.submit_all([A, B])
        await asked.next(session, 2)
    await asked.submit(C, name="tell")
    went = []
    for _ in range(10):
        await asked.submit_all([A, B])
        went += await asked.next(session, 2)
    assert C in went[:12]  # five of A wait, B gets in between


@ensureDeferred
async def test_nothing_is_kept_of_owners_who_have_no_jobs(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    asked, session = Asked(front), await Session(worker).open()
    for number in range(50):
        await asked.submit_all([f"sub:{number}", f"sub:{number}.2"])
        await asked.next(session, 2)
    await asked.submit(A)
    await asked.submit(B, priority=3)
    await asked.submit(C, lane="@api")
    kept = {key.decode(): redis.client.zrange(key, 0, -1) for key in redis.client.keys("{r0}:fair:*")}
    assert kept == {
        "{r0}:fair:echo": [f"3 {B}".encode(), f"0 {A}".encode()],
        "{r0}:fair:echo:@api": [f"0 {C}".encode()],
    }
    assert all(86_000_000 < redis.client.pttl(key) <= 86_400_000 for key in kept)


@ensureDeferred
async def test_jobs_without_turns_leave_nothing_of_them(redis: RedisProcess, front: Store) -> None:
    await Asked(front).submit(A, 3, fair=False)
    assert not redis.client.keys("{r0}:fair:*")


async def _run(store: Store, batches: list[list[str]]) -> None:
    await store.sweep()
    asked, session = Asked(store), await Session(store).open()
    backlog: Counter[str] = Counter()
    for batch in batches:
        await asked.submit_all(batch)
        backlog.update(batch)
    went = await asked.all(session)
    assert in_order(went)
    assert Counter(owner for owner, _ in went) == backlog
    for owner, count in backlog.items():
        last = max(n for n, (other, _) in enumerate(went) if other == owner)
        before = Counter(other for other, _ in went[: last + 1])
        assert all(before[other] <= count for other in before)  # nobody had more turns meanwhile


@ensureDeferred
async def test_nobody_has_more_turns_than_an_owner_who_waits(redis: RedisProcess, worker: Store) -> None:
    from twisted.internet import reactor

    @given(st.lists(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=8), min_size=1, max_size=8))
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize="CI" in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    def check(batches: list[list[str]]) -> None:
        redis.client.flushall()
        blockingCallFromThread(reactor, defer.ensureDeferred, _run(worker, batches))

    await deferToThread(check)
