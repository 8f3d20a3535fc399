"""Slots of keys, and what nodes say of them."""

from __future__ import annotations

import pytest

from relay.redis.slots import SlotMap, read_moved, read_slots, slot_of

ASKED = ("asked", 7000)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("foo", 12182),
        ("{r0}:never", 6248),
        ("{r0}:epoch", 6248),
        ("a{foo}b{bar}", 12182),
        ("", 0),
        ("{}foo", slot_of("{}foo")),
    ],
)
def test_keys_with_the_same_tag_are_in_one_slot(key: str, slot: int) -> None:
    assert slot_of(key) == slot


def test_an_empty_tag_is_no_tag() -> None:
    assert slot_of("{}foo") != slot_of("")
    assert slot_of("{}foo") != slot_of("{}bar")


def test_slots_are_read_with_their_owners_and_replicas() -> None:
    reply = [
        [0, 99, [b"a", 1, b"one", []], [b"b", 2, b"two", []]],
        [200, 16383, [b"c", 3, b"three"]],
    ]
    found = read_slots(reply, ASKED)
    assert [found.of(slot).owner if found.of(slot) else None for slot in (0, 99, 100, 16383)] == [  # type: ignore[union-attr]
        ("a", 1),
        ("a", 1),
        None,
        ("c", 3),
    ]
    assert found.nodes() == (("a", 1), ("b", 2), ("c", 3))
    assert found.uncovered() == 100


@pytest.mark.parametrize(
    ("row", "host"),
    [
        ([b"", 1, b"n"], "asked"),
        ([None, 1, b"n", []], "asked"),
        ([b"?", 1, b"n", [b"ip", b"10.0.0.1"]], "10.0.0.1"),
        ([b"?", 1, b"n", []], "asked"),
        ([b"node.example", 1, b"n", [b"ip", b"10.0.0.1"]], "node.example"),
        ([b"::1", 1, b"n", []], "::1"),
    ],
)
def test_a_host_that_is_not_told_is_the_one_that_was_asked(row: list[object], host: str) -> None:
    (node,) = read_slots([[0, 1, row]], ASKED).nodes()
    assert node == (host, 1)


@pytest.mark.parametrize("reply", [b"OK", [[0]], [[0, 1, b"a"]], [[b"x", 1, [b"a", 1, b"n"]]], 7, None])
def test_what_is_no_list_of_slots_is_refused(reply: object) -> None:
    with pytest.raises(ValueError, match="CLUSTER SLOTS"):
        read_slots(reply, ASKED)


def test_a_cluster_without_slots_covers_none() -> None:
    assert read_slots([], ASKED) == SlotMap(())
    assert SlotMap(()).uncovered() == 16384


@pytest.mark.parametrize(
    ("said", "node"),
    [
        ("MOVED 3999 127.0.0.1:6381", ("127.0.0.1", 6381)),
        ("MOVED 3999 ::1:6381", ("::1", 6381)),
        ("MOVED 3999 :6381", ("asked", 6381)),
        ("MOVED 3999 ?:6381", None),
        ("MOVED 3999 127.0.0.1:", None),
        ("MOVED", None),
        ("CLUSTERDOWN Hash slot not served", None),
    ],
)
def test_a_node_says_where_a_slot_has_moved(said: str, node: object) -> None:
    assert read_moved(said, ASKED) == node
