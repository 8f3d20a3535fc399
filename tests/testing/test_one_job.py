"""One handler, as a worker runs it: attempts, pauses, timeouts and calls, in no time."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from relay import Context, JobError, Shared, job
from relay.model.problems.job import JobTimeout, ResultNotDeclared
from relay.model.problems.raised import NotReady
from relay.model.problems.request import BadArguments, UnknownJob
from relay.testing import Answer, ApiRequest, NotStubbed, Ran, Relay, run, run_async

URL = "https://api.example/charges"


class CardDeclined(JobError):
    """The bank declined the card."""

    status, slug, title = 402, "card-declined", "The card was declined"


@job(timeout=60, retries=5, problems=(CardDeclined,))
async def charge(context: Context, amount: int, card: str = "visa") -> dict[str, Any]:
    context.log.info("attempt {attempt}", attempt=context.attempt)
    context.progress(0.5, "charging")
    response = await context.http.post(URL, json={"amount": amount}, idempotent=False)
    if response.code == 402:
        raise CardDeclined("insufficient funds", decline_code="funds")
    if response.code != 200:
        raise JobError("the bank is away", retryable=True)
    context.progress(1, "charged")
    return await response.json()


@job(retries=2)
def broken(number: int) -> int:
    raise ValueError(f"no {number}")


@dataclass
class Even:
    value: int

    def __post_init__(self) -> None:
        if self.value % 2:
            raise KeyError("odd")


@job(retries=1)
def checked(number: Even) -> None: ...


def no_pool() -> int:
    raise ZeroDivisionError


@job
def with_pool(pool: Annotated[int, Shared(no_pool)]) -> None: ...


@job
def untrue() -> int:
    return "text"  # type: ignore[return-value]


@job(timeout=3600)
async def endless() -> None:
    await Deferred()


@job(thread=True)
def threaded(context: Context) -> Any:
    assert threading.current_thread() is not threading.main_thread()
    return context.wait(lambda: context.http.get(URL)).code


@job(retries=3)
async def stepwise(context: Context) -> list[Any]:
    last = context.last or 0
    await context.checkpoint(last + 1)
    if last < 2:
        raise JobError("again", retryable=True)
    return [last, context.attempt]


@job
async def settings_of(context: Context) -> str:
    return context.settings["token"]


def test_a_result_is_there_with_all_that_was_said_and_called() -> None:
    ran = run(charge, amount=3, api={f"POST {URL}": {"id": "ch_1"}})
    assert (ran.state, ran.result, ran.attempts, ran.problem) == ("succeeded", {"id": "ch_1"}, 1, None)
    assert ran.value() == {"id": "ch_1"}
    assert ran.progress == [(0.5, "charging"), (1, "charged")]
    assert ran.log == ["attempt 1"]
    assert ran.arguments == {"amount": 3}
    (call,) = ran.calls
    assert (call.method, call.url, call.json()) == ("POST", URL, {"amount": 3})
    assert call.headers["idempotency-key"].startswith(ran.id)


def test_attempts_are_made_again_after_their_pauses_in_no_time() -> None:
    began = time.monotonic()
    ran = run(charge, amount=3, api={URL: (503, 500, Answer(json={"id": "ch_2"}, delay=20))})
    assert (ran.value(), ran.attempts) == ({"id": "ch_2"}, 3)
    assert 20 + 0.5 + 1 <= ran.elapsed <= 20 + 1 + 2 + 0.1
    assert time.monotonic() - began < 2


def test_a_job_that_takes_an_hour_is_timed_out_at_once() -> None:
    began = time.monotonic()
    ran = run(endless)
    assert (ran.state, ran.problem and ran.problem["status"], ran.elapsed) == ("failed", 504, 3600.0)
    with pytest.raises(JobTimeout):
        ran.value()
    assert time.monotonic() - began < 2


def test_a_problem_is_raised_as_the_handler_raised_it() -> None:
    ran = run(charge, amount=3, api={URL: 402})
    assert ran.attempts == 1
    assert ran.problem is not None
    assert (ran.problem["type"], ran.problem["decline_code"]) == ("/problems/card-declined", "funds")
    with pytest.raises(CardDeclined, match="insufficient"):
        ran.value()


def test_an_unexpected_error_is_raised_with_its_traceback(no_logged_failures: list[LogEvent]) -> None:
    ran = run(broken, number=7)
    assert (ran.attempts, [str(error) for error in ran.errors]) == (3, ["no 7"] * 3)
    with pytest.raises(ValueError, match="no 7") as raised:
        ran.value()
    assert any(entry.name == "broken" for entry in raised.traceback)
    assert len(no_logged_failures) == 3
    no_logged_failures.clear()


def test_what_fails_before_and_after_the_handler_is_told_too(no_logged_failures: list[LogEvent]) -> None:
    early = run(checked, number={"value": 3})
    assert [repr(error) for error in early.errors] == ["KeyError('odd')"] * 2
    with pytest.raises(KeyError, match="odd"):
        early.value()
    with pytest.raises(NotReady) as late:
        run(with_pool).value()
    assert isinstance(late.value.__cause__, ZeroDivisionError)
    assert isinstance(run(untrue).errors[0], ResultNotDeclared)
    no_logged_failures.clear()


def test_arguments_are_checked_as_a_front_checks_them() -> None:
    with pytest.raises(BadArguments) as raised:
        run(charge, amount="three")
    assert raised.value.members["errors"][0]["at"] == "/amount"
    with Relay(charge) as relay, pytest.raises(UnknownJob, match="charge"):
        relay.submit("unknown")


def test_a_call_that_is_not_stubbed_breaks_the_test_and_says_what_is() -> None:
    with pytest.raises(NotStubbed, match=f"POST {URL} was called") as raised:
        run(charge, amount=3, api={"GET https://other.example/": 200})
    assert "GET https://other.example/" in str(raised.value)
    with pytest.raises(NotStubbed, match="was called 2 times, but has 1 answers"):
        run(charge, amount=3, api={URL: (503,)})


def test_an_assertion_in_a_stub_breaks_the_test() -> None:
    def look(request: ApiRequest) -> int:
        assert request.json() == {"amount": 4}
        return 200

    with pytest.raises(AssertionError, match="amount"):
        run(charge, amount=3, api={URL: look})


@pytest.mark.parametrize(
    ("stub", "error", "text"),
    [
        (lambda request: request.json()["account"], KeyError, "account"),
        (lambda request: int("x"), ValueError, "invalid literal"),
        (object(), TypeError, "object"),
        ({"a": {1}}, TypeError, "set"),
        (Answer(status="x"), ValueError, "'x' is not a status"),  # type: ignore[arg-type]
        (Answer(body="x"), TypeError, "a body is of bytes"),  # type: ignore[arg-type]
        (Answer(pieces=["a"]), TypeError, "a body is of bytes"),  # type: ignore[list-item]
        (Answer(headers={"Retry-After": 5}), TypeError, "headers are texts"),  # type: ignore[dict-item]
    ],
)
def test_a_mistake_in_a_stub_breaks_the_test(stub: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        run(charge, amount=3, api={URL: stub})


def test_a_thread_waits_for_calls_while_time_skips() -> None:
    began = time.monotonic()
    ran = run(threaded, api={URL: Answer(delay=25)})
    assert ran.value() == 200
    assert ran.elapsed >= 25
    assert time.monotonic() - began < 5


def test_checkpoints_lead_to_the_next_attempt() -> None:
    ran = run(stepwise)
    assert (ran.value(), ran.checkpoints) == ([2, 3], [1, 2, 3])


def test_settings_are_those_of_the_test() -> None:
    assert run(settings_of, settings={"token": "secret"}).value() == "secret"


@pytest.mark.parametrize(
    ("failure", "slug"),
    [
        (ConnectionRefusedError("nobody listens"), "upstream-unreachable"),
        (ConnectionResetError, "upstream-cut"),
        (TimeoutError, "upstream-timeout"),
        (Answer(302, headers={"Location": "ftp://elsewhere.example"}), "upstream-redirects"),
        (Answer(pieces=[b"x" * (17 << 20)]), "upstream-too-large"),
    ],
)
def test_the_client_is_relays_own_above_the_stubs(failure: Any, slug: str) -> None:
    ran = run(charge, amount=3, api={URL: lambda request: failure})
    assert ran.problem is not None
    assert ran.problem["type"] == f"/problems/{slug}"


@job(retries=0)
async def gets(context: Context, url: str) -> str:
    return await (await context.http.get(url)).text()


def test_redirects_and_retries_are_followed() -> None:
    api = {
        "GET https://a.example/": Answer(302, headers={"Location": "https://b.example/x?q=1"}),
        "https://b.example/*": (503, ConnectionResetError, "found"),
    }
    ran = run(gets, url="https://a.example/", api=api)
    assert ran.value() == "found"
    assert [call.url for call in ran.calls][-1] == "https://b.example/x?q=1"
    assert ran.calls[-1].query == {"q": "1"}


@job
async def streams(context: Context, url: str) -> list[str]:
    from relay.outbound import pieces

    response = await context.http.get(url, unbuffered=True, max_bytes=0)
    return [piece.decode() async for piece in pieces(response, 4)]


def test_a_body_comes_piece_by_piece() -> None:
    answer = Answer(pieces=[b"abcd", b"efgh", b"ij"], pause=10)
    ran = run(streams, url=URL, api={URL: answer})
    assert (ran.value(), ran.elapsed) == (["abcd", "efgh", "ij"], pytest.approx(20, abs=0.1))


def test_stubs_may_be_asynchronous_functions() -> None:
    async def answer(request: ApiRequest) -> dict[str, Any]:
        await asyncio.sleep(5)
        return {"method": request.method}

    ran = run(gets, url=URL, api={URL: answer})
    assert ran.value() == '{"method": "GET"}'
    assert ran.elapsed >= 5


def test_within_a_running_loop_it_runs_in_a_thread() -> None:
    async def within() -> tuple[Ran, Ran]:
        return run(gets, url=URL, api={URL: "a"}), await run_async(gets, url=URL, api={URL: "b"})

    assert [ran.value() for ran in asyncio.run(within())] == ["a", "b"]


def test_nothing_runs_a_reactor() -> None:
    run(gets, url=URL, api={URL: "a"})
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    assert reactor is None or not reactor.running or reactor.getDelayedCalls() == []


def test_the_time_is_what_the_test_says() -> None:
    with Relay(gets, now=datetime(2026, 3, 29, 0, 30, tzinfo=UTC)) as relay:
        assert relay.now == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
        relay.advance(3600)
        relay.advance(3600)
        assert abs((relay.now - datetime(2026, 3, 29, 2, 30, tzinfo=UTC)).total_seconds()) < 0.02


@job(timeout=60)
async def in_a_thread_of_a_library() -> int:
    """As aiosqlite does."""
    loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(answer.set_result, 1)).start()
    return await answer


def test_a_thread_that_a_library_began_comes_back_before_time_skips() -> None:
    ran = run(in_a_thread_of_a_library)
    assert (ran.value(), ran.elapsed < 1) == (1, True)


def test_a_misfit_of_arguments_is_named() -> None:
    with pytest.raises(BadArguments, match="sum: there is no such argument"):
        run(in_a_thread_of_a_library, sum=1)


@job
async def needy(context: Context) -> str:
    return context.settings.get("town", "") or context.settings["town"]


def test_a_setting_that_is_missing_is_named() -> None:
    assert run(needy, settings={"town": "Bonn"}).value() == "Bonn"
    problem = run(needy).problem
    assert problem is not None
    assert (problem["type"], problem["detail"]) == ("/problems/not-configured", "--set town=… is missing")
