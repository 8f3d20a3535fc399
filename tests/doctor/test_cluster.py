"""What the doctor says of a Cluster, by what its nodes may say."""

from __future__ import annotations

import msgspec
import pytest

from relay.doctor.cluster_checks import check_cluster, one_node
from relay.doctor.cluster_state import ClusterState, PartitionHome, look_at_cluster
from relay.doctor.diagnosis import Severity
from relay.doctor.redis_state import NoRedis
from relay.redis.address import Address
from relay.store.keys import Keys
from tests.doctor.test_redis import saying
from tests.processes import free_port

WELL = ClusterState(
    nodes=6,
    masters=3,
    silent={},
    down=(),
    uncovered=0,
    lone=(),
    places=(
        PartitionHome(0, 6248, "10.0.0.1:6379"),
        PartitionHome(1, 2185, "10.0.0.1:6379"),
        PartitionHome(2, 9000, "10.0.0.2:6379"),
    ),
    settings={"cluster-require-full-coverage": "no", "cluster-allow-reads-when-down": "no"},
)


def but(**what: object) -> ClusterState:
    return msgspec.structs.replace(WELL, **what)  # type: ignore[arg-type]


def test_a_cluster_that_is_well_is_well_and_it_is_said_where_the_partitions_are() -> None:
    told = check_cluster(WELL)
    assert {each.severity for each in told} == {Severity.OK}
    assert "partition 0, 1 at 10.0.0.1:6379; 2 at 10.0.0.2:6379" in {each.saw for each in told}


@pytest.mark.parametrize(
    ("state", "check", "severity", "said"),
    [
        (but(down=("10.0.0.1:6379",)), "cluster", Severity.BAD, "10.0.0.1:6379"),
        (but(uncovered=5461), "slots", Severity.BAD, "5,461"),
        (but(silent={"10.0.0.4:6379": "timeout"}), "nodes", Severity.WARN, "10.0.0.4:6379: timeout"),
        (but(lone=("10.0.0.3:6379",)), "replication", Severity.WARN, "10.0.0.3:6379"),
        (but(places=(PartitionHome(0, 6248, ""),)), "partitions", Severity.BAD, "6248"),
        (
            but(places=(PartitionHome(0, 6248, "a:1", half="ASK b:1"),)),
            "partitions",
            Severity.BAD,
            "half moved",
        ),
        (
            but(places=(PartitionHome(0, 6248, "a:1", claimed=("b:1",)),)),
            "partitions",
            Severity.NOTE,
            "do not agree",
        ),
        (but(settings={"cluster-require-full-coverage": "yes"}), "coverage", Severity.WARN, "full-coverage"),
        (
            but(settings={"cluster-require-full-coverage": "yes"}, places=WELL.places[:1]),
            "coverage",
            Severity.NOTE,
            "full-coverage",
        ),
        (but(settings={"cluster-allow-reads-when-down": "yes"}), "reads", Severity.WARN, "allow-reads"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said(
    state: ClusterState, check: str, severity: Severity, said: str
) -> None:
    (told,) = [each for each in check_cluster(state) if each.severity is not Severity.OK]
    assert (told.check, told.severity) == (check, severity)
    assert said in told.saw


def test_a_cluster_of_which_no_node_answers_can_not_be_looked_at() -> None:
    with pytest.raises(NoRedis, match="no server listens there"):
        look_at_cluster(Address.parse(f"redis+cluster://127.0.0.1:{free_port()}"), [Keys()])


@pytest.mark.parametrize(
    ("enabled", "url", "checks"),
    [
        ("1", "redis://h", ["topology"]),
        ("1", "rediss://h", ["topology"]),
        ("1", "redis+cluster://h", []),
        ("0", "redis://h", []),
    ],
)
def test_a_node_of_a_cluster_is_not_to_be_named_alone(enabled: str, url: str, checks: list[str]) -> None:
    told = list(one_node(saying(cluster_enabled=enabled), Address.parse(url)))
    assert [each.check for each in told] == checks
    assert all(f"{url.partition(':')[0]}+cluster://" in each.remedy[0] for each in told)
