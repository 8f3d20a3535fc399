"""Figures over the last hour, and how they are made of what processes count."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from relay.admin.history import HOUR, OFTEN, SELDOM, History, HistoryPage
from relay.admin.summary import FRESH, Summaries
from relay.model.problems.request import StoreAway
from relay.operations.seen import Overview, ProcessStatus, QueueStatus, StoreInfo
from relay.telemetry.quantiles import quantile
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot

BEGAN = 1_000_000_000_000  # ms
ENDS = "relay_attempts_total"


def told(time: float, name: str = "w", began: int = BEGAN - 60_000, **samples: Any) -> Snapshot:
    """What a process tells `time` seconds after `BEGAN`: its attempts that succeeded, or whole samples."""
    info = ProcessInfo(name, "worker", "worker 1", "host", 1, "1.0", began)
    given = {
        metric: [Sample(("echo", "succeeded"), value)] if metric == ENDS else value
        for metric, value in samples.items()
    }
    return Snapshot(info, given, BEGAN + int(time * 1000))


def overview(queued: int = 3) -> Overview:
    front = ProcessStatus("f", "front", "front 1", "host", 1, "1.0", 1, 1, held=7, oldest_held=1.5)
    queue = QueueStatus("default", ("echo",), waiting=queued, oldest=BEGAN - 2000)
    return Overview(BEGAN, "epoch", [], [queue], [front], StoreInfo(True, latency=0.001), queued=queued)


class Past:
    """A history whose time is moved by the test."""

    def __init__(self) -> None:
        self.time = BEGAN / 1000
        self.snapshots: list[Snapshot] = []
        self.away = False
        self.history = History(self._overview, self._snapshots, lambda: self.time)

    async def _overview(self) -> Overview:
        if self.away:
            raise StoreAway
        return overview()

    async def _snapshots(self) -> list[Snapshot]:
        return self.snapshots

    def look(self, *snapshots: Snapshot) -> None:
        self.snapshots = list(snapshots) or self.snapshots
        done(self.history.look())
        self.time += OFTEN

    def page(self, since: int = 0) -> HistoryPage:
        page: HistoryPage = done(self.history.history(since))
        return page

    def values(self) -> dict[str, float | None]:
        """The last ones, by name."""
        page = self.page()
        return dict(zip(page.names, page.rows[-1][1], strict=True))


def done(coroutine: Any) -> Any:
    found: list[Any] = []
    ensureDeferred(coroutine).addCallback(found.append)
    return found[0]


@pytest.fixture
def past() -> Past:
    made = Past()
    made.page()  # somebody looks
    return made


def test_what_the_store_says_is_noted(past: Past) -> None:
    past.look()
    seen = past.values()
    assert (seen["queued"], seen["held"], seen["held oldest"]) == (3, 7, 1.5)
    assert (seen["queue default"], seen["oldest default"], seen["redis trip"]) == (3, 2.0, 0.001)


def test_counters_become_rates_of_all_processes_together(past: Past) -> None:
    past.look(told(0, "a", **{ENDS: 1000}), told(0, "b", **{ENDS: 50}))
    assert "ended succeeded" not in past.values()  # what they did before the first look is nobody's rate
    past.look(told(5, "a", **{ENDS: 1050}), told(4, "b", **{ENDS: 58}))
    assert past.values()["ended succeeded"] == pytest.approx(10 + 2)


def test_a_process_that_told_nothing_new_counts_as_before_and_one_that_is_gone_no_more(past: Past) -> None:
    past.look(told(0, **{ENDS: 0}))
    past.look(told(5, **{ENDS: 50}))
    past.look(told(5, **{ENDS: 50}))
    assert past.values()["ended succeeded"] == pytest.approx(10)
    past.snapshots = []
    past.look()
    assert past.values().get("ended succeeded") is None


def test_a_process_that_began_meanwhile_counts_from_its_beginning(past: Past) -> None:
    past.look()
    past.look(told(4, began=BEGAN + 2000, **{ENDS: 20}))
    assert past.values()["ended succeeded"] == pytest.approx(10)


def test_a_counter_never_goes_backwards(past: Past) -> None:
    past.look(told(0, **{ENDS: 100}))
    past.look(told(5, **{ENDS: 7}))
    assert past.values()["ended succeeded"] == 0


def test_failures_have_their_jobs_and_requests_their_ends(past: Past) -> None:
    def counted(times: int) -> dict[str, list[Sample]]:
        return {
            "relay_failures_total": [Sample(("invoice", "job-failed"), times)],
            "relay_requests_total": [Sample(("200", "answered"), times), Sample(("202", "answered"), times)],
        }

    past.look(told(0, **counted(0)))
    past.look(told(5, **counted(10)))
    seen = past.values()
    assert (seen["failed invoice job-failed"], seen["end answered"]) == (pytest.approx(2), pytest.approx(4))


def test_processes_that_ended_are_counted_and_not_made_a_rate(past: Past) -> None:
    past.look(told(0, relay_restarts_total=[Sample(("worker", "killed"), 1)]))
    past.look(told(5, relay_restarts_total=[Sample(("worker", "killed"), 3)]))
    assert past.values()["process worker killed"] == 3


def test_it_is_told_how_many_processes_were_counted(past: Past) -> None:
    past.look(told(0, "a"))
    assert past.values()["told"] == 0  # nothing to compare with
    past.look(told(5, "a"), told(5, "b", began=BEGAN + 1000))
    assert past.values()["told"] == 2


def test_times_become_percentiles_of_what_was_new(past: Past) -> None:
    metric = "relay_job_run_seconds"
    from relay.telemetry.metrics import METRICS

    size = len(METRICS[metric].buckets) + 1
    before, after = [100] + [0] * (size - 1), [100] + [0] * (size - 1)
    after[5] = 10
    low, high = METRICS[metric].buckets[4:6]
    past.look(told(0, **{metric: [Sample(("echo",), counts=before)]}))
    past.look(told(5, **{metric: [Sample(("echo",), counts=after)]}))
    seen = past.values()
    assert seen["run p50"] == pytest.approx((low + high) / 2)
    assert seen["run p99"] == seen["run of echo p99"] == pytest.approx(low + (high - low) * 0.99)


def test_quantiles_are_read_off_buckets() -> None:
    bounds = (1.0, 2.0, 4.0)
    assert quantile(0.5, bounds, [0, 0, 0, 0]) is None
    assert quantile(0.5, bounds, [10, 0, 0, 0]) == 0.5
    assert quantile(0.5, bounds, [5, 5, 0, 0]) == 1.0
    assert quantile(0.75, bounds, [5, 5, 0, 0]) == 1.5
    assert quantile(1.0, bounds, [0, 0, 4, 0]) == 4.0
    assert quantile(0.99, bounds, [0, 0, 0, 3]) == 4.0  # above all bounds


def test_while_the_store_is_away_what_processes_tell_goes_on(past: Past) -> None:
    past.look(told(0, **{ENDS: 0}))
    past.away = True
    past.look(told(5, **{ENDS: 5}))
    seen = past.values()
    assert (seen["queued"], seen["ended succeeded"]) == (None, pytest.approx(1))


def test_an_hour_is_kept_and_what_is_new_is_told_alone(past: Past) -> None:
    for _ in range(int(HOUR / 1000 / OFTEN) + 50):
        past.look()
        past.page(since=int(past.time * 1000))
    rows = past.page().rows
    assert len(rows) == HOUR / 1000 / OFTEN
    assert rows[-1][0] - rows[0][0] < HOUR
    assert past.page(since=rows[-3][0]).rows == rows[-2:]


def test_it_is_looked_seldom_while_nobody_looks() -> None:
    past = Past()
    for _ in range(12):
        past.look()
    assert len(past.page().rows) == 12 / SELDOM
    for _ in range(6):
        past.look()
    assert len(past.page().rows) == 12 / SELDOM + 6


# -- what each view shows --


class Told:
    def __init__(self) -> None:
        self.time = 0.0
        self.asked = 0
        self.away = False
        self.slow: Deferred[None] | None = None
        self.snapshots: list[Snapshot] = []
        self.summaries = Summaries(self._overview, self._snapshots, lambda: self.time)

    async def _snapshots(self) -> list[Snapshot]:
        return self.snapshots

    async def _overview(self) -> Overview:
        self.asked += 1
        if self.slow is not None:
            await self.slow
        if self.away:
            raise StoreAway
        return overview()

    def summary(self) -> Any:
        return done(_awaited(self.summaries.summary()))


async def _awaited(deferred: Any) -> Any:
    return await deferred


def test_many_viewers_are_one_question_to_the_store() -> None:
    told = Told()
    for _ in range(10):
        told.summary()
    assert told.asked == 1
    told.time += FRESH
    assert told.summary().overview.queued == 3
    assert told.asked == 2


def test_who_asks_while_the_store_is_asked_hears_the_same() -> None:
    told, heard = Told(), list[Any]()
    told.slow = Deferred()
    for _ in range(3):
        told.summaries.summary().addCallback(heard.append)
    assert (told.asked, heard) == (1, [])
    told.slow.callback(None)
    assert len(heard) == 3
    told.slow = None
    told.time += FRESH
    told.summary()
    assert told.asked == 2


def test_a_store_that_is_away_is_what_is_wrong() -> None:
    told = Told()
    told.away = True
    seen = told.summary()
    assert (seen.overview, [each.level for each in seen.findings]) == (None, ["bad"])


def test_breakers_and_handlers_that_block_are_what_is_wrong() -> None:
    told_ = Told()
    shown = {"relay_breaker_open": [Sample(("api.example",), 1.0)]}
    stalls = {"relay_job_stalls_total": [Sample(("resize",), 1.0)]}
    told_.snapshots = [msgspec.structs.replace(told(0, **shown), recent=stalls, span=60.0)]
    for told_.away in (False, True):
        told_.time += FRESH
        seen = told_.summary()
        assert seen.breakers == ["api.example"]
        said = " ".join(each.what for each in seen.findings)
        assert "calls to api.example are refused" in said
        assert "resize blocked its worker once" in said
