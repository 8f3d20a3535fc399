"""Failed attempts of an address."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from relay.model.problems.caller import TooManyFailures
from relay.serving.failures import MOST, Failures, source_of


def attempts(failures: Failures, address: str, most: int = 100) -> int:
    """How many attempts fail until no more are let through."""
    for nth in range(most):
        try:
            failures.check(address)
        except TooManyFailures:
            return nth
        failures.failed(address)
    return most


def test_an_address_has_some_attempts_at_once_and_another_each_second() -> None:
    clock = Clock()
    failures = Failures(clock.seconds)
    assert attempts(failures, "203.0.113.9") == MOST
    assert attempts(failures, "203.0.113.10") == MOST
    clock.advance(3)
    assert attempts(failures, "203.0.113.9") == 3
    clock.advance(1000)
    assert attempts(failures, "203.0.113.9") == MOST


def test_the_answer_says_how_long_to_wait() -> None:
    failures = Failures(Clock().seconds)
    attempts(failures, "203.0.113.9")
    with pytest.raises(TooManyFailures) as raised:
        failures.check("203.0.113.9")
    assert raised.value.retry_after == 1


def test_all_addresses_of_a_subscriber_count_together() -> None:
    assert source_of("2001:db8:1:2:3:4:5:6") == source_of("2001:db8:1:2::") == "2001:db8:1:2::"
    assert source_of("2001:db8:1:3::") != source_of("2001:db8:1:2::")
    assert (source_of("203.0.113.9"), source_of("unix:"), source_of("unknown")) == (
        "203.0.113.9",
        "unix:",
        "unknown",
    )
    failures = Failures(Clock().seconds)
    assert sum(attempts(failures, f"2001:db8::{n:x}", 1) for n in range(100)) == MOST


def test_many_addresses_do_not_fill_the_memory() -> None:
    failures = Failures(Clock().seconds)
    attempts(failures, "192.0.2.1")
    for n in range(9_999):
        failures.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert attempts(failures, "192.0.2.1") == 0
    failures.failed("198.51.100.1")
    assert attempts(failures, "192.0.2.1") == MOST  # it had failed longest ago
