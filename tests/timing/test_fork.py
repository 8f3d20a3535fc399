from __future__ import annotations

import gc

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from relay.timing.fork import fork, pass_on


def test_a_fork_fires_with_the_result_and_the_original_keeps_it() -> None:
    original: Deferred[int] = Deferred()
    results: list[int] = []
    fork(original).addCallback(results.append)
    original.addCallback(results.append)
    original.callback(7)
    assert results == [7, 7]


def test_a_fork_of_one_that_has_fired_fires_at_once() -> None:
    original: Deferred[int] = Deferred()
    original.callback(7)
    assert fork(original).result == 7


def test_a_failure_is_the_forks_to_handle() -> None:
    original: Deferred[int] = Deferred()
    failures: list[Failure] = []
    fork(original).addErrback(failures.append)
    original.errback(ValueError("no"))
    assert failures[0].check(ValueError)
    assert not isinstance(original.result, Failure)


def test_cancelling_a_fork_leaves_the_original_alone() -> None:
    cancelled: list[object] = []
    original: Deferred[int] = Deferred(cancelled.append)
    forked = fork(original)
    forked.addErrback(lambda failure: failure.trap(CancelledError))
    forked.cancel()
    assert not cancelled
    original.callback(7)
    assert original.result == 7


def test_a_failure_after_the_fork_was_cancelled_stays_with_the_original() -> None:
    original: Deferred[int] = Deferred()
    forked = fork(original)
    forked.addErrback(lambda failure: failure.trap(CancelledError))
    forked.cancel()
    original.errback(ValueError("no"))
    failures: list[Failure] = []
    original.addErrback(failures.append)
    assert failures[0].check(ValueError)


def test_each_fork_can_be_cancelled_alone() -> None:
    original: Deferred[int] = Deferred()
    one, other = fork(original), fork(original)
    one.addErrback(lambda failure: failure.trap(CancelledError))
    one.cancel()
    original.callback(7)
    assert other.result == 7


@pytest.mark.parametrize("cancelled", [(), (0,), (1,)], ids=["none", "first", "second"])
def test_a_failure_is_heard_by_every_fork_also_by_one_that_comes_later(cancelled: tuple[int, ...]) -> None:
    original: Deferred[int] = Deferred()
    forks = [fork(original) for _ in range(3)]
    for number in cancelled:
        forks[number].addErrback(lambda failure: failure.trap(CancelledError) and None)
        forks[number].cancel()
    original.errback(ValueError("no"))
    heard: list[object] = []
    for each in [*(each for n, each in enumerate(forks) if n not in cancelled), fork(original)]:
        each.addBoth(lambda result: heard.append(type(getattr(result, "value", result))))
    assert heard == [ValueError] * (4 - len(cancelled))


def test_a_failure_that_one_of_several_forks_hears_is_not_logged_as_unhandled(
    no_logged_failures: list[LogEvent],
) -> None:
    original: Deferred[int] = Deferred()
    leaving, staying = fork(original), fork(original)
    leaving.addErrback(lambda failure: failure.trap(CancelledError) and None)
    leaving.cancel()
    staying.addErrback(lambda failure: failure.trap(ValueError) and None)
    original.errback(ValueError("no"))
    del original
    gc.collect()
    assert no_logged_failures == []


def test_a_result_is_passed_on_once() -> None:
    waiting: Deferred[int] = Deferred()
    assert pass_on(7, waiting)
    assert not pass_on(8, waiting)
    assert waiting.result == 7
