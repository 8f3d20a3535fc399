"""Tasks are queued once, by a real server, whatever it lets relay do."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred
from twisted.logger import LogEvent

from relay.celery.broker import MARGIN, Broker
from relay.celery.problems import CeleryAway
from relay.celery.wire import Task
from relay.redis.address import Address
from tests.processes import RedisProcess, eventually

TASK = Task("relay-0-a-b.1", "project.add", [1], {})
MARK = "relay-pushed-relay-0-a-b.1"


@pytest.fixture(autouse=True)
def no_cluster(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--store") == "cluster":
        pytest.skip("a broker of Celery's has its keys in several slots, so it can't be a Cluster")


def broker(redis: RedisProcess, *rights: str) -> Broker:
    """One whose user has these rights, all of them if none are given."""
    from twisted.internet import reactor

    url = redis.url
    if rights:
        redis.client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "&*", *rights)
        url = url.replace("://", "://limited:secret@")
    broker = Broker(reactor, Address.parse(url), "")
    broker.start()
    return broker


def queued(redis: RedisProcess) -> int:
    return int(redis.client.llen("celery"))


@ensureDeferred
async def test_a_task_that_is_pushed_again_is_queued_once(redis: RedisProcess) -> None:
    pushes = broker(redis)
    for again in (False, True, True):
        await pushes.push(TASK, 60, again)
        assert queued(redis) == 1
    assert MARGIN < redis.client.ttl(MARK) <= MARGIN + 60
    redis.client.delete("celery")  # a worker of Celery's took it
    await broker(redis).push(TASK, 60, again=True)
    assert queued(redis) == 0


LIMITS = {
    "no-scripts": ("~*", "+@all", "-eval"),
    "no-marks": ("~celery", "+@all"),
    "no-set": ("~*", "+@all", "-set"),
}


@ensureDeferred
@pytest.mark.parametrize("rights", LIMITS)
async def test_without_the_right_to_mark_tasks_they_are_pushed_and_never_again(
    redis: RedisProcess, rights: str, no_logged_failures: list[LogEvent]
) -> None:
    pushes = broker(redis, *LIMITS[rights])
    await pushes.push(TASK, 60)
    assert queued(redis) == 1
    with pytest.raises(CeleryAway):
        await pushes.push(TASK, 60, again=True)
    assert queued(redis) == 1
    no_logged_failures.clear()


@ensureDeferred
async def test_a_task_that_can_not_be_queued_leaves_no_mark(
    redis: RedisProcess, no_logged_failures: list[LogEvent]
) -> None:
    redis.client.set("celery", "no list")
    pushes = broker(redis)
    with pytest.raises(CeleryAway):
        await pushes.push(TASK, 60)
    redis.client.delete("celery")
    eventually(lambda: not redis.client.exists(MARK), "the mark is gone")
    await pushes.push(TASK, 60)
    assert queued(redis) == 1
    no_logged_failures.clear()
    limited = broker(redis, "~*", "+@all", "-lpush")
    with pytest.raises(CeleryAway):
        await limited.push(Task("relay-0-a-b.2", "project.add", [1], {}), 60)
    assert queued(redis) == 1
    no_logged_failures.clear()
