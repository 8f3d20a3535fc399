"""What processes tell is compared, as far as it can be read."""

from __future__ import annotations

import pytest

from relay.telemetry.metrics import METRICS
from relay.telemetry.rates import Compared
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot

RUN, ENDS, OLDER = "relay_job_run_seconds", "relay_attempts_total", "relay_held_requests_older"
BUCKETS = len(METRICS[RUN].buckets) + 1


def told(name: str, time: int, **samples: Sample) -> Snapshot:
    return Snapshot(
        ProcessInfo(name, "worker", name, "host", 7, "1.0", 0),
        {key: [each] for key, each in samples.items()},
        time,
    )


def times(count: int, buckets: int = BUCKETS) -> Sample:
    return Sample(("resize",), 0.0, [count] * buckets, 1.0)


def test_a_histogram_of_another_version_does_not_stand_in_the_way_of_the_others() -> None:
    compared = Compared()
    compared.look([told("new", 1000, **{RUN: times(1)}), told("old", 1000, **{RUN: times(1, 7)})], 1000)
    compared.look([told("new", 2000, **{RUN: times(3)}), told("old", 2000, **{RUN: times(9, 7)})], 2000)
    assert compared.counts(RUN) == {("resize",): [2] * BUCKETS}


def test_a_process_that_became_another_version_begins_anew() -> None:
    compared = Compared()
    compared.look([told("it", 1000, **{RUN: times(1, 7)})], 1000)
    compared.look([told("it", 2000, **{RUN: times(3)})], 2000)
    assert compared.counts(RUN) == {("resize",): [3] * BUCKETS}


@pytest.mark.parametrize("labels", [(), ("resize",), ("resize", "succeeded", "more")])
def test_labels_of_another_version_are_left_out(labels: tuple[str, ...]) -> None:
    compared = Compared()
    for time in (1000, 2000):
        mine = Sample(("resize", "succeeded"), time / 1000)
        others = {ENDS: Sample(labels, time / 1000), OLDER: Sample((*labels, "1")[:3:2], 1.0)}
        compared.look([told("old", time, **others), told("new", time, **{ENDS: mine})], time)
    assert compared.rates(ENDS) == {("resize", "succeeded"): 1.0}
    assert all(len(each) == 1 for each in compared.gauges(OLDER))


@pytest.mark.parametrize("wrong", [300_000, -300_000])
def test_a_process_whose_clock_is_wrong_counts_from_its_beginning_if_that_was_after_the_look_before(
    wrong: int,
) -> None:
    now, compared = 1_795_700_000_000, Compared()
    compared.look([], now)
    young, old = (
        Snapshot(
            ProcessInfo(name, "worker", name, "host", 7, "1.0", now + wrong + 4000 - age),
            {ENDS: [Sample(("resize", "succeeded"), 8.0)]},
            now + wrong + 4000,
        )
        for name, age in (("young", 2000), ("old", 60_000))
    )
    compared.look([young, old], now + 5000)
    assert compared.rates(ENDS) == {("resize", "succeeded"): 4.0}
