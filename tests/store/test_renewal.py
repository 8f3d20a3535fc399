"""A lease that is renewed without the reactor, on the real server."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred
from redis.exceptions import RedisError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from relay.redis.address import Address
from relay.store.keys import Keys
from relay.store.renewal import Renewal, Renewals
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import roster

SESSION, LEASE, ROSTER = "{r0}:session", 10.0, roster("echo")


def renewal(redis: RedisProcess, store: Store, session: str, lease: float = LEASE) -> Renewal:
    who = lambda: (session, store.partition.epoch)  # noqa: E731
    return Renewal(Address.parse(redis.url), store.partition.keys, lease, who)


def ends_in(redis: RedisProcess, session: str) -> float:
    seconds, micros = redis.client.time()
    return float(redis.client.zscore(SESSION, session)) / 1000 - seconds - micros / 1e6


@ensureDeferred
async def test_a_lease_is_renewed_by_redis_clock(redis: RedisProcess, make_store: MakeStore) -> None:
    worker = make_store("worker", lease=2)
    await worker.adopt("", "worker.1", 1, ROSTER, [])
    renewing = renewal(redis, worker, "worker.1")
    known = await in_thread(renewing)
    assert known
    assert LEASE - 1 < ends_in(redis, "worker.1") <= LEASE
    redis.client.script_flush()
    assert await in_thread(renewing)
    renewing.close()
    assert await in_thread(renewing)
    renewing.close()


@ensureDeferred
async def test_a_session_that_is_not_known_stays_unknown(redis: RedisProcess, make_store: MakeStore) -> None:
    worker = make_store("worker")
    await worker.adopt("", "worker.1", 1, ROSTER, [])
    await worker.leave("worker.1")
    renewing = renewal(redis, worker, "worker.1")
    assert not await in_thread(renewing)
    assert redis.client.zscore(SESSION, "worker.1") is None
    renewing.close()


@ensureDeferred
async def test_the_last_time_the_lease_ends_and_the_job_is_blamed(
    redis: RedisProcess, make_store: MakeStore
) -> None:
    worker = make_store("worker")
    await worker.adopt("", "worker.1", 1, ROSTER, [])
    renewing = renewal(redis, worker, "worker.1")
    assert await in_thread(renewing, blame="0-a-b", last=True)
    assert ends_in(redis, "worker.1") <= 0
    assert redis.client.get("{r0}:blame:worker.1") == b"0-a-b"
    assert redis.client.ttl("{r0}:blame:worker.1") > 0
    renewing.close()


@ensureDeferred
async def test_another_data_set_is_left_alone(redis: RedisProcess, make_store: MakeStore) -> None:
    worker = make_store("worker")
    await worker.adopt("", "worker.1", 1, ROSTER, [])
    renewing = Renewal(Address.parse(redis.url), worker.partition.keys, LEASE, lambda: ("worker.1", "old"))
    assert not await in_thread(renewing, blame="0-a-b")
    assert not redis.client.exists("{r0}:blame:worker.1")
    renewing.close()


@ensureDeferred
async def test_a_user_who_may_do_little_renews_leases(redis: RedisProcess, make_store: MakeStore) -> None:
    worker = make_store("worker")
    await worker.adopt("", "worker.1", 1, ROSTER, [])
    redis.client.execute_command(
        *("ACL", "SETUSER", "small", "on", ">secret", "~{r0}:*", "-@all", "+eval", "+evalsha", "+select"),
        *("+get", "+set", "+time", "+incr", "+zadd", "+zscore"),
    )
    address = Address.parse(redis.url.replace("unix://", "unix://small:secret@"))
    who = lambda: ("worker.1", worker.partition.epoch)  # noqa: E731
    renewing = Renewal(address, worker.partition.keys, LEASE, who)
    assert await in_thread(renewing, blame="0-a-b")
    renewing.close()
    redis.client.execute_command("ACL", "DELUSER", "small")


def test_a_server_that_is_away_is_an_error_in_time() -> None:
    address = Address.parse("redis://127.0.0.1:1")
    with pytest.raises(RedisError):
        Renewal(address, Keys(), LEASE, lambda: ("worker.1", "a")).renew()


@ensureDeferred
async def test_of_a_worker_with_several_partitions_the_leases_are_renewed_that_keep_jobs(
    redis: RedisProcess, make_store: MakeStore
) -> None:
    """One of which is away; none of their jobs is to blame but the one that is."""
    worker = make_store("worker")
    for name in ("holds.1", "idle.1"):
        await worker.adopt("", name, 1, ROSTER, [])
    redis.client.zadd(SESSION, {"holds.1": 0, "idle.1": 0})
    holds, idle = renewal(redis, worker, "holds.1"), renewal(redis, worker, "idle.1")
    away = Renewal(Address.parse("redis://127.0.0.1:1"), Keys(), LEASE, lambda: ("away.1", "a"))
    assert await in_thread(Renewals([(holds, lambda: 2), (idle, lambda: 0), (away, lambda: 0)]))
    assert LEASE - 1 < ends_in(redis, "holds.1") <= LEASE
    assert redis.client.zscore(SESSION, "idle.1") == 0
    renewing = Renewals([(away, lambda: 1), (holds, lambda: 2), (idle, lambda: 0)])
    with pytest.raises(RedisError):
        await in_thread(renewing, blame="7-a-b", last=True)
    assert ends_in(redis, "holds.1") <= 0
    assert redis.client.get("{r0}:blame:holds.1") == b"7-a-b"
    assert not redis.client.exists("{r0}:blame:idle.1")
    renewing.close()


def in_thread(renewing: Renewal | Renewals, blame: str = "", last: bool = False) -> Deferred[bool]:
    return deferToThread(renewing.renew, blame, last)
