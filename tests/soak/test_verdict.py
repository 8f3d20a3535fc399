"""What counts as growth."""

from __future__ import annotations

from collections.abc import Callable

from tests.soak.samples import Sample
from tests.soak.verdict import growth, table


def samples(figure: Callable[[int], float], family: Callable[[int], int] = lambda _: 5) -> list[Sample]:
    return [Sample(10.0 * n, {"front, MiB": figure(n)}, {"result": family(n)}) for n in range(40)]


def test_what_stays_or_swings_does_not_grow() -> None:
    assert growth(samples(lambda n: 50 + n % 7)) == []


def test_what_was_larger_at_first_does_not_grow() -> None:
    assert growth(samples(lambda n: 90 - n)) == []


def test_memory_that_grows_steadily_is_told() -> None:
    (told,) = growth(samples(lambda n: 50 + 2 * n))
    assert told.startswith("front, MiB: ")


def test_a_family_of_keys_that_grows_is_told_though_all_others_stay() -> None:
    (told,) = growth(samples(lambda _: 50, lambda n: 30 * n))
    assert told.startswith("keys of result: ")


def test_a_soak_of_no_length_says_nothing_good() -> None:
    assert growth(samples(lambda _: 50)[:3]) == ["the soak was too short to say"]


def test_the_table_has_the_median_of_each_quarter() -> None:
    assert table(samples(float)).splitlines()[2] == "| front, MiB | 4.5 | 14.5 | 24.5 | 34.5 |"
