"""What a process counted in the last minute."""

from __future__ import annotations

from relay.telemetry.recent import MINUTE, STEP, Recent, Samples
from relay.telemetry.snapshot import Sample

ENDS, RUNS = "relay_attempts_total", "relay_job_run_seconds"


def counted(times: float) -> Samples:
    return {
        ENDS: [Sample(("mail", "failed"), times), Sample(("mail", "succeeded"), 5.0)],
        RUNS: [Sample(("mail",), 0.0, [int(times), 3], times * 2)],
        "relay_heartbeats_total": [Sample((), times)],
    }


def test_what_was_added_in_the_last_minute_is_told() -> None:
    recent = Recent(100.0)
    assert recent.since(101.0, counted(2.0)) == (
        1.0,
        {ENDS: counted(2.0)[ENDS], RUNS: counted(2.0)[RUNS]},
    )
    for second in range(102, 402):
        span, added = recent.since(float(second), counted(2.0 + second))
        assert span <= MINUTE + STEP
    assert added[RUNS] == [Sample(("mail",), 0.0, [int(span), 0], span * 2)]
    assert added[ENDS] == [Sample(("mail", "failed"), span)]  # nothing was added to the other


def test_a_process_that_does_nothing_tells_nothing() -> None:
    recent = Recent(0.0)
    for second in range(0, 200, 5):
        span, added = recent.since(float(second), counted(7.0))
    assert MINUTE <= span < MINUTE + STEP
    assert added == {}
