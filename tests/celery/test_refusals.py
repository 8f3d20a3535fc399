"""A bridge to a Redis that refuses."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.celery.bridge import Bridge
from relay.celery.wire import Task
from relay.errors import JobError
from tests.store.memory import MemoryRedis, Words, plain


class Scene:
    """A bridge whose three connections lead to one Redis in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.redis = MemoryRedis(Clock())
        self.redis.answer = self.answer
        self.replies: dict[bytes, bytes] = {}
        monkeypatch.setattr("relay.store.address.Address.endpoint", lambda *_: self.redis)
        self.bridge = Bridge(self.redis.clock, "redis://h/0", "redis://h/1")
        self.bridge.start()
        self.redis.turn(1)

    def answer(self, words: Words) -> bytes | None:
        if words[0] == b"PSUBSCRIBE":
            return b"*3\r\n$10\r\npsubscribe\r\n$1\r\np\r\n:1\r\n"
        return self.replies.get(words[0], plain(words))

    def run(self) -> list[Any]:
        told: list[Any] = []
        task = Task(self.bridge.mint(), "t", [], {})
        running: Deferred[Any] = ensureDeferred(self.bridge.run(task, lambda _: None, 1000))
        running.addBoth(told.append)
        self.redis.turn(1)
        return told


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


@pytest.mark.parametrize("said", [b"-READONLY no\r\n", b"-MISCONF no\r\n", b"-NOPERM no\r\n", b"-OOM no\r\n"])
def test_a_task_that_the_broker_refuses_was_not_queued(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.replies = {b"LPUSH": said, b"PUBLISH": said}
    (failure,) = scene.run()
    assert isinstance(failure.value, JobError)
    assert (failure.value.type, failure.value.retryable) == ("celery-away", True)
    assert len(no_logged_failures) <= 1  # the line that says what is refused, and not a traceback
    no_logged_failures.clear()


@pytest.mark.parametrize("said", [b"-BUSY no\r\n", b"-NOPERM no\r\n", b"$-1\r\n", b"*0\r\n", b":1\r\n"])
def test_results_are_asked_for_again_after_an_odd_answer(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    told = scene.run()
    scene.replies = {b"MGET": said}
    scene.redis.turn(40)
    assert told == []
    (id,) = scene.bridge._waiting
    text = b'{"status": "SUCCESS", "result": 7, "task_id": "%b"}' % id.encode()
    scene.replies = {b"MGET": b"*1\r\n$%d\r\n%b\r\n" % (len(text), text)}
    scene.redis.turn(20)
    assert [reply.result for reply in told] == [7]
    no_logged_failures.clear()


def test_a_backend_that_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, no_logged_failures: list[LogEvent]
) -> None:
    scene = Scene(monkeypatch)
    scene.redis.answer = lambda words: b"-NOAUTH no\r\n"
    scene.redis.cut()
    scene.redis.turn(50)
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()
