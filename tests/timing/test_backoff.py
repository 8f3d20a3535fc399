from __future__ import annotations

from relay.timing.backoff import Backoff


def test_pauses_grow_up_to_the_limit() -> None:
    backoff = Backoff(0.5, limit=4.0)
    assert [backoff.pause(failures) for failures in (1, 2, 3, 4, 5, 1000)] == [0.5, 1, 2, 4, 4, 4]


def test_before_any_failure_the_pause_is_the_first() -> None:
    assert Backoff(0.1).pause(0) == Backoff(0.1).pause(1) == 0.1


def test_another_factor_makes_pauses_grow_faster() -> None:
    assert [Backoff(1.0, factor=10.0).pause(failures) for failures in (1, 2, 3)] == [1, 10, 100]


def test_a_share_of_each_pause_is_left_to_chance() -> None:
    backoff = Backoff(1.0, limit=8.0, jitter=0.5)
    assert [backoff.pause(failures, chance=1) for failures in (1, 2, 3, 4, 9)] == [1, 2, 4, 8, 8]
    assert [backoff.pause(failures, chance=0) for failures in (1, 2, 3, 4, 9)] == [0.5, 1, 2, 4, 4]
    assert all(4 <= backoff.pause(9) <= 8 for _ in range(100))


def test_a_pause_without_a_limit_stays_finite() -> None:
    assert Backoff(1.0).pause(1_000_000) < float("inf")
