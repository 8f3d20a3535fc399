"""What proves that a write is durable, of what a server says of itself."""

from __future__ import annotations

import pytest

from relay.store.proof import NoProof, Proof, ProofWanted

NEW = {"redis_version": "7.2.4", "aof_enabled": "1", "connected_slaves": "0", "appendfsync": "always"}
OLD = {**NEW, "redis_version": "7.0.15"}
EVERYSEC = {**NEW, "appendfsync": "everysec"}
REPLICATED = {**OLD, "connected_slaves": "2"}


@pytest.mark.parametrize(
    ("wanted", "info", "proof"),
    [
        (ProofWanted(), NEW, Proof(disk=True)),
        (ProofWanted(), REPLICATED, Proof(replicas=1)),
        (ProofWanted(replicas=2), REPLICATED, Proof(replicas=2)),
        (ProofWanted(), {**NEW, "min_slaves_good_slaves": "0"}, Proof(replicas=1)),
        (ProofWanted(fails_over=True), NEW, Proof(replicas=1)),
        (ProofWanted("replica"), NEW, Proof(replicas=1)),
        (ProofWanted("disk"), {**NEW, **REPLICATED, "redis_version": "9.1"}, Proof(disk=True)),
        (ProofWanted("replica+disk"), NEW, Proof(replicas=1, disk=True)),
        (ProofWanted("disk"), {**EVERYSEC, "redis_version": "8.0.1"}, Proof(disk=True)),
    ],
)
def test_a_replica_counts_where_there_should_be_one_else_the_disk_unless_it_was_chosen(
    wanted: ProofWanted, info: dict[str, str], proof: Proof
) -> None:
    assert wanted.proof(info) == proof


def test_a_replica_that_has_gone_is_not_replaced_by_the_disk() -> None:
    assert ProofWanted().proof(NEW, had_replicas=True) == Proof(replicas=1)


@pytest.mark.parametrize(
    ("wanted", "info", "why"),
    [
        (ProofWanted(), OLD, "it has no replica, and Redis 7.0.15 can't say"),
        (ProofWanted("disk"), {**NEW, "aof_enabled": "0"}, "it keeps no append-only file"),
        (ProofWanted("replica+disk"), {**REPLICATED, "aof_enabled": "0"}, "it keeps no append-only file"),
        (ProofWanted("disk"), EVERYSEC, "with appendfsync everysec it says too early"),
        (ProofWanted("disk"), {**EVERYSEC, "redis_version": "8.0", "valkey_version": "9.1.2"}, "too early"),
        (ProofWanted("disk"), {**NEW, "appendfsync": ""}, "may not ask for its appendfsync"),
        (ProofWanted(), {}, "it has no replica, and it keeps no append-only file"),
    ],
)
def test_what_a_server_can_t_prove_has_a_reason(wanted: ProofWanted, info: dict[str, str], why: str) -> None:
    with pytest.raises(NoProof, match=why):
        wanted.proof(info)


def test_all_that_is_asked_for_has_to_have_the_write() -> None:
    both = Proof(replicas=2, disk=True)
    assert both.commands(1500) == [("WAIT", 2, 1500), ("WAITAOF", 1, 0, 1500)]
    assert both.missing([2, [1, 0]]) == ""
    assert both.missing([1, [1, 0]]) == "1 of 2 replicas have it"
    assert both.missing([3, [0, 3]]) == "the disk does not have it"
    assert (str(both), str(Proof(replicas=1)), str(Proof(disk=True))) == (
        "2 replicas and the disk",
        "1 replica",
        "the disk",
    )


def test_as_many_have_to_have_it_as_could_take_over_where_replicas_count_at_all() -> None:
    assert Proof(1).of_all(2) == Proof(2)
    assert Proof(2, disk=True).of_all(1) == Proof(2, disk=True)
    assert Proof(disk=True).of_all(2) == Proof(disk=True)


def test_a_server_is_asked_how_it_writes_to_its_disk_where_that_matters() -> None:
    assert ProofWanted().asks_policy(NEW)
    assert ProofWanted("replica+disk").asks_policy(REPLICATED)
    others = (
        (ProofWanted("replica"), NEW),
        (ProofWanted(), REPLICATED),
        (ProofWanted("disk"), {**NEW, "aof_enabled": "0"}),
    )
    assert not any(wanted.asks_policy(info) for wanted, info in others)
