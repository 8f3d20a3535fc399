"""Whether a relay is well."""

from __future__ import annotations

import pytest

from relay.operations.finding import BAD, NOTE, WARNING, Finding
from relay.operations.judging import RULES, is_well, judge
from relay.operations.seen import Overview, QueueStatus
from tests.operations.seen_values import FRONT, MAIL, REDIS, WORKER, ago, overview, with_

WAITING = with_(MAIL, waiting=4, oldest=ago(40))
STOPPED = with_(MAIL, waiting=4, oldest=ago(4000), paused=ago(90))


def one(now: Overview, before: Overview | None = None) -> Finding:
    (found,) = judge(now, before)
    return found


def test_nothing_is_found_where_all_is_well() -> None:
    busy = with_(MAIL, waiting=1000, oldest=ago(5), running=200, scheduled=10)
    assert judge(overview()) == []
    assert judge(overview(busy), overview(busy)) == []
    assert is_well([])


#: what is wrong, with its level, a word of what is said, and where
CASES = {
    "away": (overview(store=with_(REDIS, reached=False)), BAD, "Redis does not answer", ""),
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
    "room": (overview(queued=850, most_jobs=1000), WARNING, "850 of at most 1,000 jobs", ""),
    "no room": (overview(bytes=990, most_bytes=1000), BAD, "990 of at most 1,000 bytes of jobs", ""),
    "memory": (overview(store=with_(REDIS, memory=1 << 30)), BAD, "100 % of its memory", ""),
    "eviction": (overview(store=with_(REDIS, policy="allkeys-lru")), BAD, "may throw jobs away", ""),
    "slow": (overview(store=with_(REDIS, latency=0.25)), WARNING, "takes 250 ms", ""),
    "not saved": (overview(store=with_(REDIS, persistence="rdb, last save failed")), BAD, "can't save", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_with_a_remedy(case: str) -> None:
    now, level, said, where = CASES[case]
    found = one(now)
    assert (found.level, found.where) == (level, where)
    assert said in found.what
    assert found.remedy
    assert is_well([found]) == (level == NOTE)


def test_each_rule_is_tried() -> None:
    tried = {rule for now, *_ in CASES.values() for rule in RULES if [*rule(_looks(now))]}
    assert tried == set(RULES)


def _looks(now: Overview) -> object:
    from relay.operations.finding import Looks

    return Looks(now, None)


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
