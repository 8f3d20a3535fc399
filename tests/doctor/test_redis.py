"""What the doctor says of a Redis: of a real one, and of what one may say."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from relay.doctor.diagnosis import Diagnosis, Severity
from relay.doctor.redis_checks import check_redis
from relay.doctor.redis_state import NoRedis, RedisState, Slow, look_at_redis
from relay.model.settings import Settings
from relay.redis.address import Address
from relay.store import demands
from relay.store.keys import Keys
from relay.store.libraries import library
from relay.store.scripts import script
from tests.processes import RedisProcess, eventually

MIB = 1 << 20
WELL = RedisState(
    info={
        "redis_version": "7.2.4",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "role": "master",
        "connected_slaves": "2",
        "min_slaves_good_slaves": "1",
        "used_memory": str(100 * MIB),
        "maxmemory": str(2000 * MIB),
        "connected_clients": "10",
        "maxclients": "10000",
    },
    settings={"appendfsync": "everysec", "dir": "/var/lib/redis"},
    unwritable="",
    refused=(),
    trips=(0.0001,) * 20,
    ahead=0.001,
    layout=demands.layout(),
    epoch="k7",
    slow=(),
    hidden=(),
)


def found(state: RedisState) -> dict[str, Diagnosis]:
    """What is not well, by check."""
    told = check_redis(state, Settings())
    return {each.check: each for each in told if each.severity is not Severity.OK}


def saying(**info: str) -> RedisState:
    return msgspec.structs.replace(WELL, info={**WELL.info, **info})


def without(*names: str) -> RedisState:
    info = {name: value for name, value in WELL.info.items() if name not in names}
    return msgspec.structs.replace(WELL, info=info)


def test_a_redis_that_is_well_is_well() -> None:
    assert found(WELL) == {}


@pytest.mark.parametrize(
    ("state", "check", "severity"),
    [
        (saying(redis_version="6.2.1"), "version", Severity.BAD),
        (saying(maxmemory_policy="allkeys-lru"), "eviction", Severity.BAD),
        (saying(evicted_keys="3"), "eviction", Severity.WARN),
        (saying(aof_enabled="0"), "persistence", Severity.WARN),
        (saying(aof_last_write_status="err"), "persistence", Severity.BAD),
        (saying(rdb_last_bgsave_status="err"), "persistence", Severity.BAD),
        (saying(role="slave", master_host="10.0.0.9", master_port="6379"), "replication", Severity.BAD),
        (saying(connected_slaves="0"), "replication", Severity.NOTE),
        (without("min_slaves_good_slaves"), "cut off", Severity.WARN),
        (saying(connected_slaves="1"), "cut off", Severity.WARN),
        (saying(used_memory=str(1900 * MIB)), "memory", Severity.WARN),
        (saying(maxmemory=str(200 * MIB)), "memory", Severity.WARN),
        (saying(maxmemory="0"), "memory", Severity.NOTE),
        (saying(mem_fragmentation_ratio="2.1", used_memory=str(500 * MIB)), "memory", Severity.NOTE),
        (saying(connected_clients="9000"), "clients", Severity.WARN),
        (msgspec.structs.replace(WELL, settings={"appendfsync": "no"}), "persistence", Severity.WARN),
        (msgspec.structs.replace(WELL, settings={"min-replicas-to-write": "3"}), "replication", Severity.BAD),
        (msgspec.structs.replace(WELL, refused=("xread",)), "rights", Severity.BAD),
        (msgspec.structs.replace(WELL, refused=None), "rights", Severity.BAD),
        (msgspec.structs.replace(WELL, unwritable="OOM no"), "writes", Severity.BAD),
        (msgspec.structs.replace(WELL, ahead=-3.0), "clock", Severity.WARN),
        (msgspec.structs.replace(WELL, ahead=45.0), "clock", Severity.BAD),
        (msgspec.structs.replace(WELL, trips=(0.02,) * 20), "latency", Severity.WARN),
        (msgspec.structs.replace(WELL, trips=(0.0001,) * 19 + (0.3,)), "latency", Severity.NOTE),
        (msgspec.structs.replace(WELL, layout="1"), "data", Severity.BAD),
        (msgspec.structs.replace(WELL, layout=demands.layout(3)), "data", Severity.BAD),
        (msgspec.structs.replace(WELL, closed=("{r1}:",)), "rights", Severity.BAD),
        (msgspec.structs.replace(WELL, layout="", epoch=""), "data", Severity.NOTE),
        (msgspec.structs.replace(WELL, slow=(Slow(12.0, 1, "relay's turn"),)), "slow log", Severity.NOTE),
        (msgspec.structs.replace(WELL, hidden=("CONFIG GET",)), "not asked", Severity.NOTE),
    ],
)
def test_what_is_not_well_is_told_and_nothing_else(state: RedisState, check: str, severity: Severity) -> None:
    told = found(state)
    assert {name: each.severity for name, each in told.items()} == {check: severity}
    assert told[check].saw


def test_the_smallest_acl_is_that_of_the_topology() -> None:
    refused = msgspec.structs.replace(WELL, closed=("{r1}:",))
    for url, has in {"redis://h": False, "redis+cluster://h": True}.items():
        assert ("+cluster|slots" in str(check_redis(refused, Settings(redis=url)))) is has


def test_a_master_of_a_cluster_that_is_cut_off_refuses_by_itself() -> None:
    cluster = Settings(redis="redis+cluster://h")
    assert all(each.check != "cut off" for each in check_redis(without("min_slaves_good_slaves"), cluster))


@pytest.mark.parametrize(
    ("settings", "state", "severity", "said"),
    [
        (Settings(), without("connected_slaves", "min_slaves_good_slaves"), Severity.NOTE, "there are none"),
        (Settings(durable="disk"), WELL, Severity.BAD, "appendfsync everysec"),
        (Settings(durable_replicas=3), WELL, Severity.WARN, "needs 3 replicas; connected: 2"),
        (Settings(), WELL, Severity.OK, "when it has reached 1 replica"),
    ],
)
def test_what_durable_jobs_wait_for_is_told(
    settings: Settings, state: RedisState, severity: Severity, said: str
) -> None:
    (told,) = [each for each in check_redis(state, settings) if each.check == "durable"]
    assert told.severity is severity
    assert said in told.saw


def test_without_info_only_what_can_be_known_is_told() -> None:
    told = found(msgspec.structs.replace(WELL, info={}, settings={}))
    assert {name: each.severity for name, each in told.items()} == {"version": Severity.WARN}


def test_valkey_is_called_by_its_name() -> None:
    state = saying(redis_version="7.2.4", valkey_version="8.1.1")
    assert any("Valkey 8.1.1" in each.saw for each in check_redis(state, Settings()))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7, "7 seconds"), (720, "12 minutes"), (86_400, "24 hours"), (999_999, "11 days")],
)
def test_how_long_it_has_been_up_is_told_for_people(seconds: int, said: str) -> None:
    told = check_redis(saying(uptime_in_seconds=str(seconds)), Settings())
    assert any(f"has been up for {said}" in each.saw for each in told)


# -- on a real one --


@pytest.fixture(scope="module")
def redis_process(one_redis: RedisProcess) -> RedisProcess:
    """These tests are about one server."""
    return one_redis


@pytest.fixture
def limited(redis: RedisProcess) -> Iterator[Address]:
    """The address for a user with the rights of the docs."""
    redis.client.execute_command(*demands.acl("doctored").split())
    yield Address.parse(redis.url.replace("unix://", "unix://doctored:secret@"))
    redis.client.execute_command("ACL", "DELUSER", "doctored")


def test_the_acl_of_the_docs_lacks_nothing(limited: Address) -> None:
    state = look_at_redis(limited)
    assert state.refused == ()
    assert state.hidden == ("CONFIG GET", "SLOWLOG GET")


@pytest.mark.parametrize("command", ["xread", "hset", "evalsha", "select"])
def test_a_right_that_is_missing_is_named(redis: RedisProcess, limited: Address, command: str) -> None:
    redis.client.execute_command("ACL", "SETUSER", "doctored", f"-{command}")
    assert look_at_redis(limited).refused == (command,)


def test_keys_that_are_not_allowed_are_noticed(redis: RedisProcess, limited: Address) -> None:
    redis.client.execute_command("ACL", "SETUSER", "doctored", "resetkeys", "~other:*")
    refused = look_at_redis(limited).refused
    assert refused is not None
    assert {"hset", "xadd"} <= set(refused)
    assert "ping" not in refused


def test_the_keys_of_each_partition_are_looked_at(redis: RedisProcess, limited: Address) -> None:
    keys = [Keys(number, 3, "orders") for number in range(3)]
    redis.client.execute_command(*demands.acl("doctored", partitions=3, name="orders").split())
    assert (look_at_redis(limited, keys).refused, look_at_redis(limited, keys).closed) == ((), ())
    redis.client.execute_command(
        "ACL", "SETUSER", "doctored", "resetkeys", *(f"~{each.tag}*" for each in keys[:2])
    )
    assert look_at_redis(limited, keys).closed == (keys[2].tag,)


def test_nothing_is_changed_by_looking(redis: RedisProcess) -> None:
    look_at_redis(Address.parse(redis.url))
    assert redis.client.dbsize() == 0


def test_the_data_of_a_relay_and_its_slow_scripts_are_recognized(redis: RedisProcess) -> None:
    redis.client.config_set("slowlog-log-slower-than", 0)
    redis.client.eval(script("open").text, 2, *Keys().declared, "k7", "", -1, "", 1)
    redis.client.evalsha(script("open").sha, 2, *Keys().declared, "k7", "", -1, "", 1)
    redis.client.function_load(library("submit").text, replace=True)
    redis.client.fcall(library("submit").function, len(Keys().declared), *Keys().declared, Keys().tag, "old")
    state = look_at_redis(Address.parse(redis.url))
    redis.client.config_set("slowlog-log-slower-than", 10_000)
    redis.client.slowlog_reset()
    assert (state.layout, state.epoch) == (demands.layout(), "k7")
    assert {"relay's open", "relay's submit", "relay's first call of a script"} <= {
        each.what for each in state.slow
    }
    assert len(state.trips) == 20


def test_a_wrong_password_is_told(redis: RedisProcess) -> None:
    with pytest.raises(NoRedis, match="password"):
        look_at_redis(Address.parse(redis.url.replace("unix://", "unix://nobody:wrong@")))


@contextmanager
def failing_to_save(server: RedisProcess) -> Iterator[None]:
    """Redis can't write its snapshot, because a folder has the file's name, and so refuses to write."""
    (server.directory / "dump.rdb").unlink(missing_ok=True)
    (server.directory / "dump.rdb").mkdir()
    server.client.config_set("save", "3600 1000000000")
    server.client.bgsave()
    eventually(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] == "err", "the save fails")
    yield
    server.client.config_set("save", "")
    (server.directory / "dump.rdb").rmdir()


def test_one_that_refuses_to_write_is_looked_at_all_the_same(server: RedisProcess) -> None:
    with failing_to_save(server):
        state = look_at_redis(Address.parse(server.url))
    assert state.unwritable.startswith("MISCONF ")
    assert state.refused == ()
    assert state.info["redis_version"]
    told = found(state)
    assert told["writes"].severity is Severity.BAD
    assert any(str(server.directory) in remedy for remedy in told["writes"].remedy)
    assert str(server.directory) in told["persistence"].remedy[0]


@pytest.mark.parametrize(
    ("setting", "value", "word"), [("maxmemory", 1000, "OOM"), ("min-replicas-to-write", 1, "NOREPLICAS")]
)
def test_other_refusals_are_told_in_its_words(
    redis: RedisProcess, setting: str, value: int, word: str
) -> None:
    redis.client.config_set(setting, value)
    state = look_at_redis(Address.parse(redis.url))
    redis.client.config_set(setting, 0)
    assert state.unwritable.startswith(f"{word} ")
    assert look_at_redis(Address.parse(redis.url)).unwritable == ""


def test_one_that_accepts_and_never_answers_is_said_to_hang_and_why(server: RedisProcess) -> None:
    server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(
            NoRedis, match=r"answers nothing .* so it hangs: process \d+ .* state T: it was stopped"
        ):
            look_at_redis(Address.parse(server.url), deadline=0.2)
    finally:
        server.signal(signal.SIGCONT)


def test_a_redis_that_is_not_there_is_told() -> None:
    with pytest.raises(NoRedis, match=r"unix:///tmp/there-is-none\.sock.*: no server listens there"):
        look_at_redis(Address.parse("unix:///tmp/there-is-none.sock"))
