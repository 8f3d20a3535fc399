"""A whole relay in a test: what is submitted, what follows from it, and when."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from relay import Context, JobError, job
from relay.model.problems.request import KeyReused, Malformed
from relay.testing import Answer, Relay, run

APIS = {"https://slow.example/": Answer(json={}, delay=10), "https://fast.example/": {"fast": True}}


@job
def told(outcome: dict[str, Any]) -> str:
    return str(outcome["state"])


@job(then=told, timeout=100)
async def calls(context: Context, url: str) -> Any:
    return await (await context.http.get(url)).json()


@job
def notified(outcome: dict[str, Any], notify: str = "") -> list[str]:
    return [outcome["state"], notify]


@job(then=notified)
def pushes() -> None:
    pass


@job(most=1, per="account")
async def one_by_one(context: Context, account: str) -> str:
    await context.http.get("https://slow.example/")
    return account


@job(limit="2/m")
def limited() -> None:
    pass


@job(timeout=5)
async def hangs() -> None:
    await Deferred()


def test_a_job_leads_to_the_one_that_follows() -> None:
    with Relay(calls, api=APIS) as relay:
        first = relay.submit(calls, url="https://slow.example/")
        assert first.state == "running"
        relay.run_until_idle()
        (following,) = relay.submitted(told)
        assert (first.state, following.value()) == ("succeeded", "succeeded")
        assert [ran.name for ran in relay.jobs] == ["calls", "told"]
        assert [call.job for call in relay.calls] == [first.id]


def test_as_many_run_at_once_as_may() -> None:
    with Relay(one_by_one, api=APIS) as relay:
        ran = [relay.submit(one_by_one, account=account) for account in "aab"]
        assert [each.state for each in ran] == ["running", "queued", "running"]
        relay.advance(12)
        assert [each.state for each in ran] == ["succeeded", "running", "succeeded"]
        relay.run_until_idle()
        assert ran[1].value() == "a"


def test_a_rate_is_kept_by_the_tests_clock() -> None:
    with Relay(limited) as relay:
        ran = [relay.submit(limited) for _ in range(5)]
        relay.run_until_idle()
        assert [each.elapsed // 60 for each in ran] == [0, 0, 1, 1, 2]


def test_a_delay_and_a_deadline_are_kept() -> None:
    with Relay(calls, hangs, api=APIS) as relay:
        later = relay.submission(delay=3600)(calls, url="https://fast.example/")
        expires = relay.submission(deadline=3)(hangs)
        assert later.state == "scheduled"
        relay.advance(3599)
        assert (later.state, expires.state, expires.elapsed) == ("scheduled", "expired", 3.0)
        relay.advance(1)
        assert later.value() == {"fast": True}


def test_a_key_stands_for_one_job() -> None:
    with Relay(calls, api=APIS) as relay:
        submit = relay.submission(key="k")
        assert submit(calls, url="https://fast.example/").id == submit(calls, url="https://fast.example/").id
        with pytest.raises(KeyReused):
            submit(calls, url="https://slow.example/")


def test_the_job_that_follows_is_told_whom_to_notify() -> None:
    with Relay(pushes) as relay:
        for notify in ("ios:T1", ""):
            relay.submission(notify=notify)(pushes)
        relay.run_until_idle()
        told = [following.value() for following in relay.submitted(notified)]
        assert told == [["succeeded", "ios:T1"], ["succeeded", ""]]


@pytest.mark.parametrize("refused", [{"notify": "a b"}, {"key": "k" * 256}])
def test_what_a_client_could_not_send_is_refused(refused: dict[str, str]) -> None:
    with Relay(pushes) as relay, pytest.raises(Malformed):
        relay.submission(**refused)(pushes)  # type: ignore[arg-type]


def test_a_job_can_be_cancelled() -> None:
    with Relay(hangs) as relay:
        ran = relay.submit(hangs)
        relay.cancel(ran)
        relay.run_until_idle()
        assert ran.state == "cancelled"


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
def test_time_goes_on_for_a_number_of_seconds(seconds: float) -> None:
    with Relay(limited) as relay, pytest.raises(ValueError, match="not a number of seconds"):
        relay.advance(seconds)


def test_a_relay_runs_within_its_with() -> None:
    relay = Relay(limited)
    with pytest.raises(RuntimeError, match="within its with"):
        relay.submit(limited)
    with relay:
        assert relay.run(limited).state == "succeeded"
    with pytest.raises(RuntimeError, match="within its with"):
        relay.submit(limited)


def test_a_month_passes_in_no_time() -> None:
    began = time.monotonic()
    with Relay(calls, api=APIS) as relay:
        relay.advance(30 * 86_400)
        assert relay.run(calls, url="https://fast.example/").value() == {"fast": True}
    assert time.monotonic() - began < 5


def test_modules_are_taken_by_name() -> None:
    with Relay("tests.sample_jobs") as relay:
        assert relay.run("area", box={"width": 2, "height": 3}).value() == 6


@job(timeout=2)
async def never_stops(context: Context) -> None:
    while True:
        try:
            await Deferred()
        except BaseException:
            context.log.info("goes on")


def test_a_job_that_does_not_stop_ends_nevertheless() -> None:
    with Relay(never_stops) as relay:
        ran = relay.run(never_stops)
        assert ran.problem is not None
        assert ran.problem["type"] == "/problems/job-timeout"


@job(retries=1000, timeout=86_400)
async def always_again() -> None:
    raise JobError("again", retryable=True, retry_after=86_400)


def test_what_does_not_end_is_named(no_logged_failures: list[Any]) -> None:
    with Relay(always_again) as relay:
        relay.submit(always_again)
        with pytest.raises(AssertionError, match="always_again"):
            relay.run_until_idle()


@job(timeout=30)
async def part(context: Context, number: int) -> int:
    await context.http.get("https://slow.example/")
    return number * number


@job(timeout=60)
async def whole(context: Context, parts: int) -> int:
    return sum(await context.gather(*(context.submit(part, number=number) for number in range(parts))))


def test_sub_jobs_run_beside_each_other_and_are_awaited() -> None:
    with Relay(whole, api=APIS, concurrency=5) as relay:
        ran = relay.run(whole, parts=20)
        assert ran.value() == sum(number * number for number in range(20))
        assert [each.name for each in ran.submitted] == ["part"] * 20
        assert 40 <= ran.elapsed < 60  # 5 at once: the one that awaits them takes no place


@job(unique=True)
async def rebuild(context: Context, page: str) -> str:
    await context.http.get("https://slow.example/")
    return page


@job(debounce=5)
def saved(text: str) -> str:
    return text


def test_what_is_unique_is_done_once() -> None:
    with Relay(rebuild, saved, api=APIS) as relay:
        first, second = relay.submit(rebuild, page="a"), relay.submit(rebuild, page="a")
        assert first.id == second.id
        assert relay.submit(rebuild, page="b").id != first.id
        relay.submit(saved, text="a")
        relay.advance(4)
        last = relay.submit(saved, text="a")
        relay.advance(4)
        assert last.state == "scheduled"
        relay.advance(1)
        assert (last.value(), len(relay.submitted(saved))) == ("a", 1)


@job(cron="30 2 * * *", timezone="Europe/Berlin")
def nightly(context: Context) -> str:
    return str(context.scheduled)


@job(every="10s", catch_up="none")
async def each(context: Context) -> str:
    await context.http.get("https://fast.example/")
    return f"{context.scheduled:%M:%S}"


def test_firings_are_made_when_they_are_due() -> None:
    with Relay(each, api=APIS, now=datetime(2026, 3, 27, 12, 0, 1, tzinfo=UTC)) as relay:
        relay.advance(8)
        assert relay.jobs == []
        relay.advance(56)
        assert [ran.value() for ran in relay.jobs] == ["00:10", "00:20", "00:30", "00:40", "00:50", "01:00"]


@pytest.mark.parametrize("options", [(nightly,), (each, nightly)])
def test_only_what_a_test_means_is_fired(options: tuple[Any, ...]) -> None:
    with Relay(*options, api=APIS, schedules=len(options) == 1) as relay:
        relay.advance(100)
        assert relay.submitted(each) == []
    assert run(pause, api={}).state == "succeeded"


@job
async def pause(context: Context) -> None:
    await context.sleep(50)


def test_schedules_are_fired_by_the_tests_clock() -> None:
    began = time.monotonic()
    with Relay(nightly, now=datetime(2026, 3, 27, 12, tzinfo=UTC)) as relay:
        relay.advance(4 * 86_400)
        fired = [ran.value() for ran in relay.submitted(nightly)]
    assert fired == [
        "2026-03-28 02:30:00+01:00",
        "2026-03-29 03:00:00+02:00",
        "2026-03-30 02:30:00+02:00",
        "2026-03-31 02:30:00+02:00",
    ]
    assert time.monotonic() - began < 5
