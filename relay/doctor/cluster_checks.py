"""Whether relay can rely on a Redis Cluster, by what its nodes say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.doctor.cluster_state import ClusterState, PartitionHome
from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.redis_state import RedisState
from relay.redis.address import Address

_PAGE = "docs/topologies.md#cluster"

ClusterCheck = Callable[[ClusterState], Iterator[Diagnosis]]


def cluster(state: ClusterState) -> Iterator[Diagnosis]:
    """Whether it is up, for each of its nodes."""
    if state.down:
        yield bad(
            "cluster",
            f"the Cluster is down (cluster_state:fail) for {', '.join(state.down)}",
            "a node for which it is down answers CLUSTERDOWN: what it has is away",
            "CLUSTER NODES, said to one of them, shows whom it misses: start these, or let it reach them",
            see=_PAGE,
        )
    if state.uncovered:
        yield bad(
            "slots",
            f"no node has {state.uncovered:,} of the slots",
            "partitions in these are away, and all are where cluster-require-full-coverage is yes",
            "bring the master of these slots back, or one of its replicas; redis-cli --cluster check shows them",
            see=_PAGE,
        )
    if not state.down and not state.uncovered:
        yield fine("cluster", f"{state.nodes} nodes, {state.masters} of them masters, have all slots")


def nodes(state: ClusterState) -> Iterator[Diagnosis]:
    """Whether all of them can be reached from here, with relay's user."""
    for node, why in state.silent.items():
        yield warn(
            "nodes",
            f"{node}: {why}",
            "relay is away where a partition is there, or comes there; its other nodes are asked meanwhile",
            "let this machine reach it at this address (cluster-announce-ip, cluster-announce-hostname), with the same "
            "user and password as the others",
            see=_PAGE,
        )


def replicas(state: ClusterState) -> Iterator[Diagnosis]:
    """Whether another node can take the place of each master."""
    if state.lone:
        yield warn(
            "replication",
            f"no replica: {', '.join(state.lone)}",
            "while one of these is away its partitions are, and with its disk their jobs are lost",
            "a replica on another machine: CLUSTER REPLICATE",
            see=_PAGE,
        )
    else:
        yield fine("replication", "each master has a replica")


def partitions(state: ClusterState) -> Iterator[Diagnosis]:
    """Where relay's partitions are, and whether they are moving."""
    homes: dict[str, list[str]] = {}
    for place in state.places:
        homes.setdefault(place.node, []).append(str(place.partition))
        yield from _moving(place)
    said = [f"{', '.join(numbers)} at {node}" for node, numbers in homes.items() if node]
    if said:
        yield fine("partitions", f"partition {'; '.join(said)}")


def _moving(place: PartitionHome) -> Iterator[Diagnosis]:
    if not place.node:
        yield bad(
            "partitions",
            f"no node has slot {place.slot}, which partition {place.partition} is in",
            "what is in this partition is away",
            see=_PAGE,
        )
    elif place.half:
        yield bad(
            "partitions",
            f"slot {place.slot}, with partition {place.partition}, is half moved: {place.node} says {place.half}",
            "this partition is away until the move has ended",
            "end the move: redis-cli --cluster fix HOST:PORT. Valkey 9 moves slots at once (CLUSTER MIGRATESLOTS)",
            see=_PAGE,
        )
    elif place.claimed:
        yield note(
            "partitions",
            f"nodes do not agree who has slot {place.slot}: {place.node}, or {', '.join(place.claimed)}",
            "it has just moved, or some nodes are cut off from the others",
            see=_PAGE,
        )


def coverage(state: ClusterState) -> Iterator[Diagnosis]:
    """Its settings for when a part of it is gone."""
    if state.settings.get("cluster-require-full-coverage") == "yes" and state.masters > 1:
        tell = warn if len(state.places) > 1 else note
        yield tell(
            "coverage",
            "cluster-require-full-coverage is yes",
            "all partitions are away while another takes the place of one master, and for good without its replica",
            "cluster-require-full-coverage no",
            see=_PAGE,
        )
    if state.settings.get("cluster-allow-reads-when-down") == "yes":
        yield warn(
            "reads",
            "cluster-allow-reads-when-down is yes",
            "a node that is cut off tells states of jobs that are old",
            "cluster-allow-reads-when-down no",
            see=_PAGE,
        )


def one_node(state: RedisState, address: Address) -> Iterator[Diagnosis]:
    """Whether a server that is named alone belongs to a Cluster."""
    if address.kind == "server" and state.info.get("cluster_enabled") == "1":
        yield bad(
            "topology",
            f"{address.shown} is a node of a Cluster",
            "relay does not start if the slot with its keys is at another node, and is away once it goes there (MOVED)",
            f"--redis {'rediss' if address.scheme == 'rediss' else 'redis'}+cluster://HOST:PORT,HOST:PORT",
            see=_PAGE,
        )


CLUSTER_CHECKS: tuple[ClusterCheck, ...] = (cluster, nodes, replicas, partitions, coverage)


def check_cluster(state: ClusterState) -> list[Diagnosis]:
    """What all checks say."""
    return [diagnosis for check in CLUSTER_CHECKS for diagnosis in check(state)]
