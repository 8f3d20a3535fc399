"""The names of keys: where the partitions of a store lie."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.model.setting_types import MOST_PARTITIONS
from relay.redis.slots import SLOTS, slot_of
from relay.store import demands
from relay.store.keys import Keys

NUMBERS = st.integers(1, MOST_PARTITIONS)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{0,40}", fullmatch=True)


def test_a_store_without_a_name_and_with_one_partition_has_the_keys_that_it_always_had() -> None:
    assert Keys().tag == "{r0}:"
    assert slot_of("{r0}:job") == 6248


@settings(max_examples=25)
@given(NUMBERS, NAMES)
def test_partitions_lie_evenly_over_the_slots(partitions: int, name: str) -> None:
    tags = [Keys(number, partitions, name).tag for number in range(partitions)]
    shares = sorted(slot_of(tag) * partitions // SLOTS for tag in tags)
    assert shares == [*range(partitions)]
    assert len(set(tags)) == partitions


@settings(max_examples=25)
@given(NUMBERS, NAMES)
def test_the_first_partition_is_found_by_whoever_knows_the_name_alone(partitions: int, name: str) -> None:
    assert Keys(0, partitions, name).tag == Keys(0, 1, name).tag


@settings(max_examples=25)
@given(NAMES, NAMES, NUMBERS, NUMBERS)
def test_stores_of_different_names_have_no_key_in_common(
    name: str, other: str, partitions: int, others: int
) -> None:
    ours = {Keys(number, partitions, name).tag for number in range(partitions)}
    theirs = {Keys(number, others, other).tag for number in range(others)}
    assert name == other or ours.isdisjoint(theirs)


@given(NUMBERS)
def test_a_layout_says_how_many_partitions_it_is_for(partitions: int) -> None:
    layout = demands.layout(partitions)
    assert demands.partitions_of(layout) == partitions
    assert "another version" in demands.other_layout("1", partitions)
    told = demands.other_layout(layout, partitions + 1)
    assert f"--partitions {partitions}, not {partitions + 1}" in told


def test_the_smallest_rights_are_those_on_the_keys_of_each_partition() -> None:
    assert " ~{r0}:* -@all " in demands.acl()
    tags = " ".join(f"~{Keys(number, 2, 'a').tag}*" for number in range(2))
    assert f" {tags} -@all " in demands.acl("relay", partitions=2, name="a")
