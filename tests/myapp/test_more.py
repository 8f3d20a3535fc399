"""The rest of the application: many jobs at once, schedules, clients of S3 and of Graph, programs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.testing import Answer, Relay, run
from tests.myapp import jobs

GRAPH = "https://graph.facebook.com/*"
KEYS = {"s3_buckets": "pictures", "s3_access_key": "a", "s3_secret_key": "b", "facebook_token": "t"}


def test_many_jobs_run_at_once() -> None:
    ran = run(jobs.squares, count=20)
    assert (ran.value(), len(ran.submitted)) == (sum(n * n for n in range(20)), 20)
    assert ran.elapsed < 1


def test_each_night_has_its_job() -> None:
    with Relay(jobs, now=datetime(2026, 11, 1, tzinfo=UTC)) as relay:
        relay.advance(3 * 86_400)
        assert [ran.value() for ran in relay.submitted(jobs.nightly)] == [
            f"2026-11-0{day}T03:00:00+01:00" for day in (1, 2, 3)
        ]


def test_objects_and_likes_come_from_stubs() -> None:
    stored = Answer(200, headers={"ETag": '"e"'})
    assert run(jobs.keep, key="a", text="hello", settings=KEYS, api={"PUT https://*": stored}).value() == 5
    counted = {"reactions": {"summary": {"total_count": 7}}}
    assert run(jobs.likes, post="1_2", settings=KEYS, api={GRAPH: counted}).value() == 7
    expired = Answer(400, json={"error": {"code": 190, "message": "expired"}})
    ran = run(jobs.likes, post="1_2", settings=KEYS, api={GRAPH: expired})
    assert ran.problem is not None
    assert ran.problem["type"] == "/problems/facebook-token"


def test_the_database_is_one_for_all_jobs() -> None:
    with Relay(jobs.remember) as relay:
        assert [relay.run(jobs.remember, name=name).value() for name in "ab"] == [1, 2]


@pytest.mark.processes
def test_a_document_is_made_by_a_program() -> None:
    assert run(jobs.pdf, text="hello").value() == len("%PDF hello")


def test_a_report_goes_on() -> None:
    ran = run(jobs.long_report, pages=3)
    assert ran.value() == {"pages": [0, 1, 2], "starts": 1, "began": 0}
    assert len(ran.checkpoints) == 3


def test_a_payout_is_never_made_twice() -> None:
    ran = run(jobs.pay_out, cents=5, api={f"{jobs.BANK}/payouts": ConnectionResetError})
    assert (ran.state, ran.attempts, len(ran.calls)) == ("failed", 1, 1)
