"""The times of lines."""

from __future__ import annotations

import pytest

from relay.telemetry.stamp import shown


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.0016, 0.012, 0.9999, 1.0, 59.9996, 86_400.25])
def test_seconds_are_shown_with_three_decimals_each_time(seconds: float) -> None:
    assert [shown(seconds), shown(seconds)] == [f"{seconds:.3f}"] * 2
