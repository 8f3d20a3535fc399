"""What handlers share: made once, when it is wanted, and closed in the end.

Annotations here are no strings, because they name what is local to a test.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, eventAsText

from relay import Context, Shared, job
from relay.handlers.declare import HandlerError, handler
from relay.handlers.shared import Make
from relay.model.problems.raised import NotReady
from relay.model.state import State
from relay.worker.awaited import begin
from relay.worker.shareds import LONGEST, Shareds
from tests.worker.scene import Scene


class Pool:
    """Something that is made and closed."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.closed = False


class Factory:
    """Makes pools in every way that there is, and counts."""

    def __init__(self) -> None:
        self.pools: list[Pool] = []
        self.closed: list[int] = []
        self.opened: Deferred[None] = Deferred()

    def pool(self) -> Pool:
        self.pools.append(Pool(len(self.pools)))
        return self.pools[-1]

    def plain(self) -> Pool:
        return self.pool()

    def deferred(self) -> Deferred[Pool]:
        return succeed(self.pool())

    async def later(self) -> Pool:
        await self.opened
        return self.pool()

    def generator(self) -> Iterator[Pool]:
        pool = self.pool()
        yield pool
        self.closed.append(pool.number)

    async def async_generator(self) -> AsyncIterator[Pool]:
        await self.opened
        pool = self.pool()
        try:
            yield pool
        finally:
            self.closed.append(pool.number)


@pytest.fixture
def shareds() -> Shareds:
    return Shareds(Clock(), {"town": "Bonn"})


@pytest.fixture
def factory() -> Factory:
    return Factory()


def asked(shareds: Shareds, make: Make) -> list[Any]:
    """What comes of asking for one thing."""
    found: list[Any] = []

    def fill(_: None) -> Any:
        arguments: dict[str, Any] = {}
        assert shareds.fill(arguments, [("it", make)])
        return arguments["it"]

    shareds.bring([("it", make)]).addCallback(fill).addBoth(found.append)
    return found


def close(shareds: Shareds) -> list[Any]:
    done: list[Any] = []
    begin(lambda: shareds.close(5.0)).addBoth(done.append)
    return done


@pytest.mark.parametrize("way", ["plain", "deferred", "later", "generator", "async_generator"])
def test_a_thing_is_made_once_in_whatever_way_however_many_ask_for_it(
    shareds: Shareds, factory: Factory, way: str
) -> None:
    make = getattr(factory, way)
    first, second = asked(shareds, make), asked(shareds, make)
    factory.opened.callback(None)
    (pool,) = factory.pools
    assert first == second == asked(shareds, make) == [pool]


def test_nothing_is_made_before_it_is_asked_for(shareds: Shareds, factory: Factory) -> None:
    assert not shareds.fill({}, [("it", factory.plain)])
    assert factory.pools == []


def test_what_yields_is_closed_in_the_end_the_last_one_first(shareds: Shareds, factory: Factory) -> None:
    factory.opened.callback(None)
    asked(shareds, factory.generator)
    asked(shareds, factory.async_generator)
    asked(shareds, factory.plain)
    assert close(shareds) == [None]
    assert factory.closed == [1, 0]
    (refused,) = asked(shareds, Pool)
    assert refused.check(NotReady)


def test_one_that_can_not_be_closed_is_told_of_and_the_others_are_closed(
    shareds: Shareds, factory: Factory, no_logged_failures: list[LogEvent]
) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    def twice() -> Iterator[int]:
        yield 1
        yield 2

    for make in (factory.generator, broken, twice):
        asked(shareds, make)
    assert close(shareds) == [None]
    assert factory.closed == [0]
    said = [eventAsText(event) for event in no_logged_failures]
    assert ["RuntimeError: it yields more than once" in text for text in said] == [True, False]
    assert ["broken could not be closed" in text for text in said] == [False, True]
    no_logged_failures.clear()


def test_one_that_can_not_be_made_fails_all_that_wait_for_it_and_is_tried_again_later(
    shareds: Shareds, no_logged_failures: list[LogEvent]
) -> None:
    attempts: list[Deferred[int]] = []

    def make() -> Deferred[int]:
        attempts.append(Deferred())
        return attempts[-1]

    first, second = asked(shareds, make), asked(shareds, make)
    attempts[0].errback(ConnectionRefusedError("no database at 10.0.0.1"))
    for (failure,) in (first, second):
        assert failure.check(NotReady)
        assert "10.0.0.1" not in str(failure.value.problem())
    (event,) = no_logged_failures
    assert "make failed: what it makes is tried again when it is next used" in eventAsText(event)
    no_logged_failures.clear()
    third = asked(shareds, make)
    attempts[1].callback(7)
    assert third == [7]


def test_one_that_takes_too_long_is_given_up(factory: Factory, no_logged_failures: list[LogEvent]) -> None:
    clock = Clock()
    shareds = Shareds(clock, {})
    waiting = asked(shareds, factory.later)
    clock.advance(LONGEST)
    assert waiting[0].check(NotReady)
    no_logged_failures.clear()
    factory.opened = succeed(None)
    assert asked(shareds, factory.later) == factory.pools


def test_one_that_is_cancelled_and_goes_on_is_given_up_as_well(no_logged_failures: list[LogEvent]) -> None:
    async def deaf() -> None:
        while True:
            with suppress(CancelledError):
                await Deferred()

    clock = Clock()
    waiting = asked(Shareds(clock, {}), deaf)
    clock.advance(LONGEST)
    assert waiting[0].check(NotReady)
    assert "TimeoutError: it has not ended after 60 s" in eventAsText(no_logged_failures[0])
    no_logged_failures.clear()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(3), BaseException()])
def test_whatever_one_raises_as_it_is_closed_the_others_are_closed(
    shareds: Shareds, factory: Factory, no_logged_failures: list[LogEvent], error: BaseException
) -> None:
    def raises() -> Iterator[int]:
        yield 1
        raise error

    asked(shareds, factory.generator)
    asked(shareds, raises)
    assert close(shareds) == [None]
    assert factory.closed == [0]
    assert "raises could not be closed" in eventAsText(no_logged_failures[0])
    no_logged_failures.clear()


def test_one_that_does_not_end_is_left_and_the_others_are_closed(
    factory: Factory, no_logged_failures: list[LogEvent]
) -> None:
    async def deaf() -> AsyncIterator[int]:
        yield 1
        while True:
            with suppress(CancelledError):
                await Deferred()

    clock = Clock()
    shareds = Shareds(clock, {})
    asked(shareds, factory.generator)
    asked(shareds, deaf)
    done = close(shareds)
    clock.advance(4.9)
    assert (done, factory.closed) == ([], [])
    clock.advance(0.1)
    assert (done, factory.closed) == ([None], [0])
    no_logged_failures.clear()


def test_one_who_waits_no_longer_leaves_the_others_waiting(shareds: Shareds, factory: Factory) -> None:
    impatient: list[Any] = []
    waiting = shareds.bring([("it", factory.later)])
    waiting.addBoth(impatient.append)
    patient = asked(shareds, factory.later)
    waiting.cancel()
    assert impatient[0].check(CancelledError)
    factory.opened.callback(None)
    assert patient == factory.pools


def test_a_function_is_given_the_settings_and_other_shared_things(shareds: Shareds, factory: Factory) -> None:
    def make(settings: Mapping[str, str], pool: Annotated[Pool, Shared(factory.later)], size: int = 3) -> Any:
        return settings["town"], pool, size

    found = asked(shareds, make)
    factory.opened.callback(None)
    assert found == [("Bonn", factory.pools[0], 3)]


def test_a_value_of_a_tests_own_stands_in_for_what_would_be_made(shareds: Shareds, factory: Factory) -> None:
    shareds.override(factory.plain, "a fake")
    assert asked(shareds, factory.plain) == ["a fake"]
    assert factory.pools == []


# -- in a handler --


def test_a_handler_gets_what_it_shares_and_clients_can_not_send_it(factory: Factory) -> None:
    @job(name="f")
    def use(pool: Annotated[Pool, Shared(factory.plain)], times: int, context: Context) -> int:
        return (pool.number + 1) * times

    assert [*handler(use).schema()["$defs"]["f"]["properties"]] == ["times"]
    assert Scene(use, {"times": 5}).begin().end.payload == "5"
    sent = Scene(use, {"times": 5, "pool": {}}).begin()
    assert sent.problem["type"] == "/problems/bad-arguments"
    assert len(factory.pools) == 1


def test_a_handler_in_a_thread_is_called_there_once_what_it_shares_was_made(factory: Factory) -> None:
    @job(name="f", thread=True)
    def use(pool: Annotated[Pool, Shared(factory.later)]) -> int:
        return pool.number

    scene = Scene(use).begin()
    assert scene.threads == []
    factory.opened.callback(None)
    function, done = scene.threads.pop()
    done.callback(function())
    assert scene.end.payload == "0"


@pytest.mark.parametrize("thread", [False, True])
def test_a_job_that_is_stopped_while_it_waits_ends_at_once_and_is_not_begun(
    factory: Factory, thread: bool
) -> None:
    @job(name="f", thread=thread)
    def use(pool: Annotated[Pool, Shared(factory.later)]) -> None:
        raise AssertionError("it was begun")

    scene = Scene(use).begin()
    scene.attempt.stop(State.CANCELLED)
    assert scene.end.state is State.CANCELLED
    factory.opened.callback(None)
    assert (scene.threads, scene.freed) == ([], [None])


def test_a_job_whose_shared_things_can_not_be_made_is_tried_again_even_without_retries(
    no_logged_failures: list[LogEvent],
) -> None:
    def make() -> int:
        raise ConnectionRefusedError

    @job(name="f")
    def use(pool: Annotated[int, Shared(make)]) -> None: ...

    assert Scene(use).begin().end.state is State.SCHEDULED
    last = Scene(use, starts=3).begin()
    assert (last.problem["type"], last.problem["status"]) == ("/problems/not-ready", 503)
    assert last.end.undone
    no_logged_failures.clear()


def test_what_a_function_needs_beyond_what_relay_has_is_refused_at_the_start() -> None:
    def make(url: str) -> None: ...

    def circular(other: Any) -> None: ...

    circular.__annotations__["other"] = Annotated[int, Shared(circular)]
    for function, why in (
        (make, "make has a parameter url, but gets nothing but settings"),
        (circular, "circular is made with itself"),
        (7, "7 is not a function"),
    ):

        def use(it: Any) -> None: ...

        use.__annotations__["it"] = Annotated[int, Shared(function)]  # type: ignore[arg-type]
        with pytest.raises(HandlerError, match=why):
            handler(job(name="f")(use))


def test_what_is_shared_is_nothing_to_count_by() -> None:
    @job(name="f", most=1, per="pool")
    def use(pool: Annotated[Pool, Shared(Pool)]) -> None: ...

    with pytest.raises(HandlerError, match="per: pool is shared, not an argument to count by"):
        handler(use)
