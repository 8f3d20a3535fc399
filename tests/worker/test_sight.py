"""What is seen of a thread that is blocked: whose job, which line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks

from relay import job
from relay.worker.sight import Origins, Sight, look
from tests.worker.test_attempt import Scene

blocked, released = threading.Event(), threading.Event()


def block() -> None:
    blocked.set()
    assert released.wait(20)  # the line that is named, for the lock's is the standard library's


LINE = block.__code__.co_firstlineno + 2


@contextmanager
def seen(work: Callable[[], Any], origins: Origins) -> Iterator[Sight]:
    blocked.clear()
    released.clear()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert blocked.wait(20)
        yield look(thread.ident or 0, origins)
    finally:
        released.set()
        thread.join()


def plain() -> None:
    block()


async def coroutine() -> None:
    block()


@inlineCallbacks
def generator() -> Any:
    yield None
    block()


def nested() -> Any:
    return Deferred.fromCoroutine(coroutine()).addCallback(lambda _: None)


@pytest.mark.parametrize("function", [plain, coroutine, generator, nested])
def test_a_handler_that_blocks_at_once_is_found_with_its_line(function: Callable[..., Any]) -> None:
    scene = Scene(job(name="f")(function))
    with seen(scene.begin, Origins([function])) as sight:
        assert sight.claim == scene.attempt.claim
        assert f"test_sight.py:{LINE} in block" in sight.where


def test_a_handler_that_blocks_after_it_has_waited_is_found_with_its_line() -> None:
    waiting: Deferred[None] = Deferred()

    async def inner() -> None:
        await waiting
        block()

    async def outer() -> None:
        await inner()

    scene = Scene(job(name="f")(outer)).begin()
    with seen(lambda: waiting.callback(None), Origins([outer])) as sight:
        assert sight.claim == scene.attempt.claim
        assert f"test_sight.py:{LINE} in block" in sight.where


def test_a_generator_that_blocks_after_it_has_waited_is_found() -> None:
    waiting: Deferred[None] = Deferred()

    @inlineCallbacks
    def resumed() -> Any:
        yield waiting
        block()

    scene = Scene(job(name="f")(resumed)).begin()
    with seen(lambda: waiting.callback(None), Origins([resumed])) as sight:
        assert sight.claim == scene.attempt.claim


def test_of_two_jobs_the_one_that_blocks_is_named() -> None:
    """One fires what the other waits for, and that one blocks within the call."""
    waiting: Deferred[None] = Deferred()

    async def victim() -> None:
        waiting.callback(None)

    async def culprit() -> None:
        await waiting
        block()

    blocks = Scene(job(name="f")(culprit)).begin()
    with seen(Scene(job(name="f")(victim)).begin, Origins([culprit])) as sight:
        assert sight.claim is blocks.attempt.claim


def test_code_that_does_not_tell_its_job_is_a_line() -> None:
    waiting: Deferred[None] = Deferred()
    waiting.addCallback(lambda _: block())
    with seen(lambda: waiting.callback(None), Origins([])) as sight:
        assert sight.claim is None
        assert f"test_sight.py:{LINE} in block" in sight.where


def test_a_thread_that_has_gone_is_no_error() -> None:
    assert look(0, Origins([])) == Sight(None, "a place that is not known")


def test_what_is_installed_as_a_library_is_an_application_where_it_has_handlers() -> None:
    """As in a container, where the application is a package like any other."""
    assert not Origins([]).own(pytest.__file__)
    assert not Origins([]).own(json.__file__)
    assert not Origins([]).own("<frozen importlib._bootstrap>")
    assert Origins([]).own(__file__)
    assert Origins([pytest.fixture, json.dumps]).own(json.decoder.__file__)
