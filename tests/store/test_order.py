"""In which order jobs are claimed, whatever their names and lanes; against a plain list, on a real server."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest_twisted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from relay.store.messages import LimitDefinition, Submission
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.test_store import Session, a_job, declared, roster, succeeded

CALLS = 3  # of each lane in an hour
NAMES = ("a", "b", "c")


class Line(NamedTuple):
    name: str
    lane: str
    priority: int


lines = st.builds(
    Line, st.sampled_from(NAMES), st.sampled_from(["", "", "@api", "@api x", "@api y"]), st.integers(-1, 1)
)


def expected(jobs: list[Line], serves: list[str]) -> list[int]:
    """The places of the jobs that go, in their order."""
    left: dict[str, int] = {}
    order = []
    for place in sorted(range(len(jobs)), key=lambda n: (-jobs[n].priority, n)):
        job = jobs[place]
        room = left.setdefault(job.lane, CALLS if job.lane else len(jobs))
        if job.name in serves and room:
            left[job.lane] -= 1
            order.append(place)
    return order


async def claim_all(store: Store, jobs: list[Line], serves: list[str], wants: list[int]) -> list[int]:
    await store.sweep()
    await store.publish(roster(*NAMES))
    await store.publish(Roster([declared("limited", limit=LimitDefinition("api", CALLS, 3600, ""))]))
    places = {}
    for place, line in enumerate(jobs):
        job = a_job(name=line.name, lane=line.lane, priority=line.priority)
        places[(await store.submit(Submission(store.mint(), job))).id] = place
    session = await Session(store, serves=tuple(serves)).open()
    order: list[int] = []
    ends: list = []
    while True:
        turned = await session.turn(wants[len(order) % len(wants)], *ends)
        if not turned.claims:
            return order
        order += [places[claim.id] for claim in turned.claims]
        ends = succeeded(turned)


@pytest_twisted.ensureDeferred
async def test_jobs_are_claimed_by_priority_then_as_they_came_whatever_their_name_and_lane(
    redis: RedisProcess, worker: Store
) -> None:
    from twisted.internet import reactor

    @given(
        st.lists(lines, max_size=25),
        st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
        st.lists(st.integers(1, 9), min_size=1, max_size=4),
    )
    @settings(
        max_examples=80,
        deadline=None,
        database=None,
        derandomize="CI" in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    def check(jobs: list[Line], serves: list[str], wants: list[int]) -> None:
        redis.client.flushall()
        coroutine = claim_all(worker, jobs, serves, wants)
        assert blockingCallFromThread(reactor, ensureDeferred, coroutine) == expected(jobs, serves)

    await deferToThread(check)
