"""What the doctor says of Sentinels."""

from __future__ import annotations

import msgspec
import pytest
from redis.exceptions import RedisError

from relay.doctor.diagnosis import Diagnosis, Severity
from relay.doctor.no_redis import why_not
from relay.doctor.sentinel_checks import check_sentinels
from relay.doctor.sentinel_state import SentinelState, look_at_sentinels
from relay.redis.address import Address
from relay.redis.blocking import connect

TOLD = {"num-slaves": "2", "down-after-milliseconds": "5000"}
WELL = [SentinelState(f"redis://s{n}:26379", "", ("m", 6379), ("main",), TOLD) for n in range(3)]


def found(states: list[SentinelState]) -> dict[str, Diagnosis]:
    """What is not well, by check."""
    return {each.check: each for each in check_sentinels(states, "main") if each.severity is not Severity.OK}


def changed(count: int, **values: object) -> list[SentinelState]:
    """The first ones say something else."""
    return [msgspec.structs.replace(state, **values) for state in WELL[:count]] + WELL[count:]


def test_sentinels_that_are_well_are_well() -> None:
    assert found(WELL) == {}


@pytest.mark.parametrize(
    ("states", "check", "severity", "said"),
    [
        (changed(3, failed="no server listens there"), "sentinels", Severity.BAD, "none answers"),
        (
            changed(1, failed="NOAUTH Authentication required."),
            "sentinels",
            Severity.WARN,
            "sentinel_password",
        ),
        (changed(1, failed="NOPERM this user"), "sentinels", Severity.WARN, "ACL SETUSER"),
        (WELL[:1], "sentinels", Severity.WARN, "names one"),
        (changed(3, master=None, names=("other",)), "master", Severity.BAD, "they know other"),
        (changed(1, master=("n", 1)), "master", Severity.BAD, "m:6379, n:1"),
        (changed(1, quorum="NOQUORUM 1 usable Sentinels."), "failover", Severity.BAD, "NOQUORUM"),
        (
            [
                *changed(2, failed="no server listens there", told={})[:2],
                msgspec.structs.replace(WELL[2], told={**TOLD, "num-other-sentinels": "2", "quorum": "2"}),
            ],
            "failover",
            Severity.BAD,
            "1 of 3 Sentinels answer, and a failover takes 2",
        ),
        (changed(3, told={**TOLD, "num-slaves": "0"}), "failover", Severity.BAD, "no replica"),
        (
            changed(3, told={**TOLD, "down-after-milliseconds": "30000"}),
            "failover",
            Severity.NOTE,
            "SENTINEL SET main down-after-milliseconds",
        ),
    ],
)
def test_what_is_wrong_is_named(
    states: list[SentinelState], check: str, severity: Severity, said: str
) -> None:
    diagnosis = found(states)[check]
    assert diagnosis.severity is severity
    assert said in " ".join((diagnosis.saw, diagnosis.why, *diagnosis.remedy))


def test_one_that_tells_no_more_than_where_the_master_is_is_enough() -> None:
    assert found(changed(3, told={}, names=())) == {}


def test_sentinels_that_are_not_there_are_told_of() -> None:
    (state,) = look_at_sentinels(Address.parse("redis+sentinel://127.0.0.1:1/main"), 0.2)
    assert "no server listens there" in state.failed


def test_no_redis_can_be_looked_at_where_no_sentinel_answers() -> None:
    address = Address.parse("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main")
    with pytest.raises(RedisError) as caught:
        connect(address, 0.2).ping()
    assert why_not(address, caught.value, 0.2) == "no Sentinel says where main is"
