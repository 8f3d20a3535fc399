"""Whether a relay is well."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from relay.operations.finding import BAD, NOTE, WARNING, Finding, Looks
from relay.operations.judging import AWAY, RULES, is_well, judge
from relay.operations.minute import Minute
from relay.operations.seen import Overview, PartitionStatus, QueueStatus
from relay.telemetry.metrics import METRICS
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot
from tests.operations.seen_values import FRONT, MAIL, NOW, REDIS, WORKER, ago, overview, with_

WAITING = with_(MAIL, waiting=4, oldest=ago(40))
STOPPED = with_(MAIL, waiting=4, oldest=ago(4000), paused=ago(90))


def one(now: Overview, before: Overview | None = None) -> Finding:
    (found,) = judge(now, before)
    return found


def test_nothing_is_found_where_all_is_well() -> None:
    busy = with_(MAIL, waiting=1000, oldest=ago(5), running=200, scheduled=10)
    assert judge(overview()) == []
    assert judge(overview(running=200, untold=200, oldest_untold=ago(9))) == []  # they are being proved
    assert judge(overview(busy), overview(busy)) == []
    assert is_well([])


#: what is wrong, with its level, a word of what is said, and where
CASES = {
    "away": (overview(store=with_(REDIS, reached=False)), BAD, "Redis does not answer", ""),
    "a partition": (
        overview(partitions=(PartitionStatus(0, True), PartitionStatus(1))),
        BAD,
        "partition 1 of the store is away",
        "partition:1",
    ),
    "no front": (overview(processes=[WORKER]), BAD, "not a single front", ""),
    "silent front": (
        overview(processes=[FRONT, with_(FRONT, name="front-2", seen=ago(20))]),
        WARNING,
        "has said nothing for 20 s",
        "process:front-2",
    ),
    "not served": (overview(with_(WAITING, served=False)), BAD, "no worker serves it", "name:mail"),
    "old": (overview(WAITING), WARNING, "waits for 40 s", "name:mail"),
    "very old": (overview(with_(WAITING, oldest=ago(400))), BAD, "waits for 7 min", "name:mail"),
    "behind a limit": (
        overview(with_(WAITING, limited=4, oldest=ago(400))),
        WARNING,
        "a limit holds back 4 jobs",
        "name:mail",
    ),
    "paused": (overview(STOPPED), NOTE, "mail is paused for 90 s; 4 jobs of it", "name:mail"),
    "paused queue": (
        overview(STOPPED, queues=[QueueStatus("default", ("mail",), waiting=4, paused=ago(90))]),
        NOTE,
        "the queue default is paused for 90 s",
        "queue:default",
    ),
    "dead": (overview(with_(MAIL, dead=2)), NOTE, "2 dead jobs", ""),
    "late": (
        overview(processes=[FRONT, with_(WORKER, lag=2.5)]),
        WARNING,
        "was 2.5 s late",
        "process:worker-1",
    ),
    "files": (
        overview(processes=[with_(FRONT, descriptors=900, most_descriptors=1024)]),
        WARNING,
        "900 of 1024 files",
        "process:front-1",
    ),
    "quiet": (overview(processes=[FRONT, with_(WORKER, quiet=True)]), NOTE, "is quiet", "process:worker-1"),
    "versions": (
        overview(processes=[FRONT, with_(WORKER, version="0.2.0")]),
        NOTE,
        "different versions run: 0.1.0, 0.2.0",
        "",
    ),
    "secrets": (
        overview(
            processes=[
                WORKER,
                with_(FRONT, secrets=("aaaa", "bbbb")),
                with_(FRONT, host="web2", secrets=("cccc",)),
                with_(FRONT, host="web3", secrets=("cccc", "aaaa")),
            ]
        ),
        WARNING,
        "front 1 on web1 and front 1 on web2 have no ticket secret in common",
        "",
    ),
    "tokens": (
        overview(
            processes=[WORKER, FRONT, with_(FRONT, tokens="aaaa"), with_(FRONT, host="web2", tokens="bbbb")]
        ),
        NOTE,
        "front 1 on web1 and front 1 on web2 know different tokens",
        "",
    ),
    "room": (overview(queued=850, most_jobs=1000), WARNING, "850 of at most 1,000 jobs", ""),
    "no room": (overview(bytes=990, most_bytes=1000), BAD, "990 of at most 1,000 bytes of jobs", ""),
    "an end that is not proved": (
        overview(running=1, untold=1, oldest_untold=ago(12)),
        BAD,
        "1 durable job has ended, and nobody is told how: no replica or disk has proved that it has its end, the first "
        "for 12 s",
        "",
    ),
    "ends that are not proved": (
        overview(running=1200, untold=1100, oldest_untold=ago(7200)),
        BAD,
        "1,100 durable jobs have ended, and nobody is told how: no replica or disk has proved that it has their ends, "
        "the first for 2 h",
        "",
    ),
    "memory": (overview(store=with_(REDIS, memory=1 << 30)), BAD, "100 % of its memory", ""),
    "eviction": (overview(store=with_(REDIS, policy="allkeys-lru")), BAD, "may throw jobs away", ""),
    "slow": (overview(store=with_(REDIS, latency=0.25)), WARNING, "takes 250 ms", ""),
    "not saved": (
        overview(store=with_(REDIS, persistence="aof (aof_last_bgrewrite_status: failed)")),
        BAD,
        "can't save",
        "",
    ),
    "full disk": (
        overview(
            with_(WAITING, served=False),  # all that follows of it
            processes=[with_(FRONT, seen=ago(30)), with_(WORKER, seen=ago(30))],
            store=with_(REDIS, persistence="aof (aof_last_write_status: failed)"),
        ),
        BAD,
        "can't write to its disk and refuses all changes",
        "",
    ),
    "refusal": (
        overview(
            processes=[
                with_(FRONT, seen=ago(30)),
                with_(WORKER, seen=ago(30)),
            ],  # they can't tell of themselves
            store=with_(REDIS, refuses="NOREPLICAS Not enough good replicas to write."),
        ),
        BAD,
        "Redis takes no job (NOREPLICAS Not enough good replicas to write.): submissions are refused, outcomes wait",
        "",
    ),
    "no memory": (
        overview(store=with_(REDIS, refuses="OOM command not allowed")),
        BAD,
        "Redis takes no job (OOM command not allowed): submissions are refused",
        "",
    ),
    "no place": (
        overview(
            with_(WAITING, waiting=2),
            with_(MAIL, name="report", running=10),
            processes=[FRONT, with_(WORKER, running=10, concurrency=10)],
        ),
        WARNING,
        "all places of the workers of the queue default are taken, 10 by report; 2 jobs wait, the oldest for 40 s",
        "queue:default",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_with_a_remedy(case: str) -> None:
    now, level, said, where = CASES[case]
    found = one(now)
    assert (found.level, found.where) == (level, where)
    assert said in found.what
    assert found.remedy
    assert is_well([found]) == (level == NOTE)


def told(span: float = 60.0, **recent: list[Sample]) -> Snapshot:
    """What a worker counted in the last minute."""
    info = ProcessInfo("worker-1", "worker", "worker 1", "web1", 7, "0.1.0", ago(3600))
    return Snapshot(info, {}, NOW, {f"relay_{name}": samples for name, samples in recent.items()}, span)


def spread(metric: str, seconds: float, times: int) -> Sample:
    """So many that took so long."""
    bounds = METRICS[f"relay_{metric}"].buckets
    counts = [0] * (len(bounds) + 1)
    counts[bisect_left(bounds, seconds)] = times
    return Sample(("api.example",) if metric == "upstream_seconds" else (), 0.0, counts, seconds * times)


FAST = {"relay_upstream_seconds": [spread("upstream_seconds", 0.1, 1000)]}
#: the same as above of what was counted in the last minute
MINUTES = {
    "some fail": (
        told(
            attempts_total=[Sample(("mail", "succeeded"), 12.0), Sample(("mail", "failed"), 8.0)],
            failures_total=[Sample(("mail", "job-failed"), 8.0)],
        ),
        WARNING,
        "8 of 20 attempts at mail in the last minute failed: job-failed",
        "name:mail",
    ),
    "all fail": (
        told(
            attempts_total=[Sample(("mail", "retried"), 9.0)],
            failures_total=[Sample(("mail", "upstream-timeout"), 9.0)],
        ),
        BAD,
        "9 of 9 attempts at mail in the last minute failed: upstream-timeout",
        "name:mail",
    ),
    "slow API": (
        with_(told(upstream_seconds=[spread("upstream_seconds", 3.0, 5)]), samples=FAST),
        WARNING,
        "calls to api.example take 3 s on average in the last minute, before 0.085 s",
        "",
    ),
    "very slow API": (
        told(upstream_seconds=[spread("upstream_seconds", 14.0, 5)]),
        WARNING,
        "calls to api.example take 14 s",
        "",
    ),
    "silent API": (
        with_(
            told(),
            samples={
                "relay_upstream_open": [Sample(("api.example",), 22.0)],
                "relay_upstream_oldest_seconds": [Sample(("api.example",), 14.2)],
                **FAST,
            },
        ),
        WARNING,
        "22 calls to api.example are under way, and one has had no answer for 14 s; before, it took 0.1 s",
        "",
    ),
    "open breaker": (
        with_(told(), samples={"relay_breaker_open": [Sample(("api.example",), 1.0)]}),
        WARNING,
        "calls to api.example are refused",
        "",
    ),
    "blocked": (
        told(stalls_total=[Sample((), 2.0)], job_stalls_total=[Sample(("mail",), 2.0)]),
        WARNING,
        "mail blocked its worker 2 times",
        "name:mail",
    ),
    "one end": (
        told(restarts_total=[Sample(("worker", "killed"), 1.0), Sample(("worker", "replaced"), 4.0)]),
        WARNING,
        "workers ended once in the last minute",
        "",
    ),
    "ends": (
        told(restarts_total=[Sample(("front", "killed"), 2.0), Sample(("front", "exited"), 1.0)]),
        BAD,
        "fronts ended 3 times",
        "",
    ),
    "cut": (
        told(abandoned_age_seconds=[spread("abandoned_age_seconds", 3.1, 6)]),
        WARNING,
        "6 held clients went away in the last minute after 2.5 to 3.5 s each",
        "",
    ),
    "not provable": (
        told(not_provable_total=[Sample(("mail",), 1.0)]),
        WARNING,
        "durable jobs of mail are not taken, once in the last minute: nothing can prove that they are kept",
        "name:mail",
    ),
    "never provable": (
        told(not_provable_total=[Sample(("mail",), 60.0)]),
        BAD,
        "durable jobs of mail are not taken, 60 times in the last minute",
        "name:mail",
    ),
    "at its limit": (
        told(limited_total=[Sample(("token:shop", "rate"), 40.0)]),
        NOTE,
        "token:shop is at its limit (rate): 40 requests refused",
        "caller:token:shop",
    ),
}


@pytest.mark.parametrize("case", MINUTES)
def test_what_went_wrong_in_the_last_minute_is_said_with_a_remedy(case: str) -> None:
    snapshot, level, said, where = MINUTES[case]
    (found,) = judge(overview(), None, [snapshot])
    assert (found.level, found.where) == (level, where)
    assert said in found.what
    assert found.remedy


def test_what_happens_now_and_then_is_not_wrong() -> None:
    usual = told(
        attempts_total=[Sample(("mail", "succeeded"), 991.0), Sample(("mail", "failed"), 9.0)],
        failures_total=[Sample(("mail", "job-failed"), 9.0)],
        upstream_seconds=[spread("upstream_seconds", 0.2, 500)],
        abandoned_age_seconds=[spread("abandoned_age_seconds", age, 3) for age in (1.0, 4.0, 8.0, 20.0)],
        limited_total=[Sample(("token:shop", "rate"), 1.0)],
        restarts_total=[Sample(("worker", "replaced"), 4.0)],
    )
    assert judge(overview(), None, [with_(usual, samples=FAST)]) == []


def test_what_a_process_told_that_has_gone_is_not_the_last_minute() -> None:
    blocked = told(job_stalls_total=[Sample(("mail",), 2.0)])
    gone = overview(processes=[FRONT, with_(WORKER, seen=ago(90))])
    assert [finding.what for finding in judge(gone, None, [blocked])] == [
        "worker 1 on web1 has said nothing for 90 s"
    ]


def test_a_process_of_another_version_says_nothing_that_this_one_can_not_read() -> None:
    odd = {name: [Sample(("a", "b", "c"), 50.0, [9] * 3, 99.0)] for name in METRICS}
    assert judge(overview(MAIL), None, [with_(told(), samples=odd, recent=odd)]) == []


def test_what_processes_count_is_told_without_the_store_too() -> None:
    blocked = told(job_stalls_total=[Sample(("mail",), 2.0)])
    assert [finding.level for finding in judge(AWAY, None, [blocked])] == [BAD, WARNING]


def test_a_process_that_was_started_again_is_not_missed() -> None:
    ended = with_(WORKER, name="worker-0", seen=ago(20))
    assert judge(overview(processes=[FRONT, ended, with_(WORKER, began=ago(19))])) == []
    (found,) = judge(overview(processes=[FRONT, ended, WORKER]))  # which was there before
    assert found.where == "process:worker-0"


def test_jobs_that_die_where_workers_end_are_named_as_the_cause() -> None:
    ends = told(restarts_total=[Sample(("worker", "killed"), 3.0)])
    found = judge(overview(with_(MAIL, dead=1)), None, [ends])[0]
    assert "relay dead list --name mail" in found.remedy


def test_each_rule_is_tried() -> None:
    looks = [Looks(now, None) for now, *_ in CASES.values()]
    looks += [Looks(overview(), None, Minute([snapshot])) for snapshot, *_ in MINUTES.values()]
    assert {rule for look in looks for rule in RULES if [*rule(look)]} == set(RULES)


def test_dead_jobs_are_a_warning_where_there_are_more_than_before() -> None:
    some, more = overview(with_(MAIL, dead=2)), overview(with_(MAIL, dead=5))
    assert judge(some, some) == []
    found = one(more, some)
    assert found.level == WARNING
    assert "3 jobs of mail died lately; 5 are dead in all" in found.what
    assert judge(some, more) == []  # some were deleted


def test_what_is_worst_stands_first() -> None:
    names = (with_(MAIL, dead=1), with_(WAITING, name="report"), with_(WAITING, name="scan", served=False))
    assert [finding.level for finding in judge(overview(*names))] == [BAD, WARNING, NOTE]


def test_jobs_that_are_held_back_on_purpose_are_not_called_old() -> None:
    unserved = with_(STOPPED, served=False)  # paused: nobody needs to serve it
    assert [finding.level for finding in judge(overview(unserved))] == [NOTE]


def test_nothing_else_is_judged_while_redis_is_away() -> None:
    found = judge(overview(WAITING, processes=[], store=with_(REDIS, reached=False)))
    assert [finding.what for finding in found] == [CASES_AWAY]


CASES_AWAY = "Redis does not answer: submissions are refused, outcomes wait"


def test_fronts_that_take_each_others_tickets_and_callers_are_well_while_secrets_change_and_where_one_takes_none() -> (
    None
):
    fronts = [
        with_(FRONT, secrets=("new", "old"), tokens="aaaa"),
        with_(FRONT, name="front-2", host="web2", secrets=("old",), tokens="aaaa"),
        with_(FRONT, name="front-3", host="web3"),
    ]
    assert judge(overview(processes=[*fronts, WORKER])) == []
    gone = with_(FRONT, name="front-4", host="web1", began=ago(99), secrets=("other",), seen=ago(20))
    assert (
        judge(
            overview(
                processes=[*fronts, gone, WORKER, with_(FRONT, name="f", secrets=("old",), began=ago(1))]
            )
        )
        == []
    )
