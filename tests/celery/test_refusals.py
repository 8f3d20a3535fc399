"""A bridge to a Redis that refuses."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.celery.bridge import Bridge
from relay.celery.wire import Task
from relay.model.problems.base import JobError
from tests.redis.memory import MemoryRedis, Words, bulk, plain

TASK = Task("relay-0-a-b.1", "t", [], {})


def reply(result: int) -> bytes:
    return b'{"status": "SUCCESS", "result": %d, "task_id": "relay-0-a-b.1"}' % result


def kept(result: int) -> bytes:
    """The backend's answer to who asks for it."""
    return b"*1\r\n" + bulk(reply(result))


class Scene:
    """A bridge whose three connections lead to one Redis in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.redis = MemoryRedis(Clock())
        self.redis.answer = self.answer
        self.replies: dict[bytes, bytes] = {}
        monkeypatch.setattr("relay.redis.address.Address.endpoint", lambda *_: self.redis)
        self.bridge = Bridge(self.redis.clock, "redis://h/0", "redis://h/1")
        self.bridge.start()
        self.redis.turn(1)

    def answer(self, words: Words) -> bytes | None:
        if words[0] == b"SUBSCRIBE":
            return b"*3\r\n$9\r\nsubscribe\r\n%b:1\r\n" % bulk(words[1])
        if words[0] == b"UNSUBSCRIBE":
            return b"*3\r\n$11\r\nunsubscribe\r\n%b:1\r\n" % bulk(words[1])
        return self.replies.get(words[0], plain(words))

    def run(self, kept: Deferred[None] | None = None) -> list[Any]:
        kept = kept or succeed(None)
        return self._begun(self.bridge.run(TASK, lambda _: None, 1000, kept))

    def go_on(self, use: float = 500) -> list[Any]:
        return self._begun(self.bridge.go_on(TASK, lambda _: None, 1000, use))

    def _begun(self, waiting: Any) -> list[Any]:
        told: list[Any] = []
        self.waiting: Deferred[Any] = ensureDeferred(waiting)
        self.waiting.addBoth(told.append)
        self.redis.turn(1)
        return told

    def publish(self, result: int) -> None:
        """The backend says so to who listens. (The three connections of a scene are alike, so only one is told.)"""
        said = bulk(b"celery-task-meta-relay-0-a-b.1") + bulk(reply(result))
        self.bridge._results._heard._connection.dataReceived(b"*3\r\n$7\r\nmessage\r\n" + said)
        self.redis.turn()

    def pushes(self) -> list[bytes]:
        return [verb for verb in self.redis.verbs() if verb in (b"EVAL", b"LPUSH")]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


@pytest.mark.parametrize("said", [b"-READONLY no\r\n", b"-MISCONF no\r\n", b"-NOPERM no\r\n", b"-OOM no\r\n"])
def test_a_task_that_the_broker_refuses_was_not_queued(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.replies = {b"EVAL": said, b"LPUSH": said}
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
    scene.replies = {b"MGET": kept(7)}
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


def test_a_task_is_queued_once_its_job_has_said_so_and_its_channel_is_heard(scene: Scene) -> None:
    said: Deferred[None] = Deferred()
    told = scene.run(said)
    assert scene.pushes() == []
    said.callback(None)
    scene.redis.turn(1)
    assert scene.pushes() == [b"EVAL"]
    verbs = scene.redis.verbs()
    assert verbs.index(b"EVAL") > verbs.index(b"SUBSCRIBE")
    scene.publish(7)
    assert [reply.result for reply in told] == [7]
    assert [b"UNSUBSCRIBE", b"celery-task-meta-relay-0-a-b.1"] in scene.redis.asked


def test_a_push_whose_answer_was_lost_is_sent_again(scene: Scene, no_logged_failures: list[LogEvent]) -> None:
    """The mark on the broker keeps it from being queued twice."""
    lost: list[Words] = []

    def lose(words: Words) -> bytes | None:
        if words[0] == b"EVAL" and not lost:
            lost.append(words)
            scene.redis.clock.callLater(0.1, scene.redis.cut)
            return None
        return scene.answer(words)

    scene.redis.answer = lose
    told = scene.run()
    scene.redis.turn(3)
    first, again = (words for words in scene.redis.asked if words[0] == b"EVAL")
    assert first[2:5] == again[2:5]
    scene.publish(7)
    assert [reply.result for reply in told] == [7]
    no_logged_failures.clear()


def test_a_broker_that_refuses_scripts_is_pushed_to_without_a_mark_and_never_again(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.replies = {b"EVAL": b"-NOPERM User relay has no permissions to run the 'eval' command\r\n"}
    assert scene.run() == []
    assert scene.pushes() == [b"EVAL", b"LPUSH"]
    scene.waiting.cancel()
    told = scene.go_on()
    assert scene.pushes() == [b"EVAL", b"LPUSH", b"EVAL"]
    scene.publish(7)
    assert [reply.result for reply in told] == [7]
    no_logged_failures.clear()


def test_whoever_goes_on_finds_what_was_published_before_and_queues_nothing(scene: Scene) -> None:
    scene.replies = {b"MGET": kept(7)}
    assert [reply.result for reply in scene.go_on()] == [7]
    assert scene.pushes() == []


def test_whoever_goes_on_queues_what_may_not_have_been_unless_it_is_of_no_use(scene: Scene) -> None:
    scene.replies = {b"MGET": b"*1\r\n$-1\r\n"}
    assert scene.go_on(use=-1) == []
    assert scene.pushes() == []
    assert scene.go_on() == []
    assert scene.pushes() == [b"EVAL"]


@pytest.mark.parametrize("said", [b"-READONLY no\r\n", b"-MISCONF no\r\n", b""])
def test_whoever_goes_on_waits_whatever_the_broker_says(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    """The task may be there all the same."""
    scene.redis.answer = lambda words: (said or None) if words[0] == b"EVAL" else scene.answer(words)
    told = scene.go_on()
    scene.redis.turn(20)
    assert told == []
    scene.publish(7)
    assert [reply.result for reply in told] == [7]
    no_logged_failures.clear()


def test_all_channels_are_heard_again_after_a_cut_and_then_asked_for(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    told = scene.run()
    before = len(scene.redis.asked)
    scene.replies = {b"MGET": kept(7)}
    scene.redis.cut()
    scene.redis.turn(3)
    again = [words for words in scene.redis.asked[before:] if words[0] in (b"SUBSCRIBE", b"MGET")]
    assert [words[0] for words in again] == [b"SUBSCRIBE", b"SUBSCRIBE", b"MGET"]
    assert again[1][1] == b"celery-task-meta-relay-0-a-b.1"
    assert [reply.result for reply in told] == [7]
    no_logged_failures.clear()
