"""An inbox is read, whatever Redis says."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from relay.redis.connection import Connection
from relay.store.inbox import DEAF, RedisInbox
from relay.store.mail import Message
from tests.redis.memory import MemoryRedis, Words, bulk, plain


def entry(number: int, id: bytes = b"job", text: bytes = b"w") -> bytes:
    """What XREAD answers with one entry."""
    pairs = b"*2\r\n" + bulk(id) + bulk(text)
    return b"*1\r\n*2\r\n" + bulk(b"box") + b"*1\r\n*2\r\n" + bulk(b"%d-0" % number) + pairs


EMPTY = b"*1\r\n*2\r\n" + bulk(b"box") + b"*0\r\n"


class Scene:
    def __init__(self) -> None:
        self.redis = MemoryRedis(Clock())
        self.redis.answer = self.answer
        self.read: bytes | None = None
        self.trim = b":0\r\n"
        self.heard: list[Message] = []
        self.delivered: list[list[Message]] = []
        self.ended: list[Failure] = []
        link = Connection(self.redis.clock, self.redis)
        self.inbox = RedisInbox(self.redis.clock, link, "box", self.deliver)
        self.inbox.on_end = self.ended.append
        self.inbox.start()

    def answer(self, words: Words) -> bytes | None:
        if words[0] == b"XREAD":
            reply, self.read = self.read, None
            return reply
        return self.trim if words[0] == b"XTRIM" else plain(words)

    def deliver(self, mail: list[Message]) -> None:
        self.delivered.append(mail)
        for message in mail:
            if message.kind == "!":
                raise ValueError
        self.heard += mail

    def reads(self) -> list[bytes]:
        """From where was read so far."""
        return [words[-1] for words in self.redis.asked if words[0] == b"XREAD"]


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.redis.turn()
    return scene


ODD = [
    b"-BUSY no\r\n",
    b"-NOPERM no\r\n",
    b"-READONLY no\r\n",
    b"-UNBLOCKED no\r\n",
    b"-WRONGTYPE no\r\n",
    b"-ERR max number of clients reached\r\n",
    EMPTY,
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b":1\r\n",
    b"+OK\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n*1\r\n" + bulk(b"box"),
    b"*1\r\n*2\r\n" + bulk(b"box") + b"$-1\r\n",
    b"*1\r\n*2\r\n" + bulk(b"box") + b"*1\r\n*2\r\n$-1\r\n$-1\r\n",
    b"*1\r\n*2\r\n" + bulk(b"box") + b"*1\r\n:1\r\n",
    b"HTTP/1.1 400 Bad Request\r\n",
]


@pytest.mark.parametrize("said", ODD)
def test_reading_goes_on_after_an_odd_answer(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.push(said)
    scene.redis.turn(2)
    scene.redis.push(entry(1))
    assert [mail.id for mail in scene.heard] == ["job"]
    assert scene.ended == []
    no_logged_failures.clear()


def test_a_redis_that_refuses_for_long_is_asked_about_once_a_second(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.answer = lambda words: b"-NOPERM no\r\n" if words[0] == b"XREAD" else plain(words)
    scene.redis.push(b"-NOPERM no\r\n")
    scene.redis.turn(59)
    assert 50 < len(scene.reads()) < 80
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


def read(*messages: tuple[bytes, bytes]) -> bytes:
    """What XREAD answers with one entry of these: ids and texts."""
    words = b"".join(bulk(id) + bulk(text) for id, text in messages)
    fields = b"*%d\r\n" % (2 * len(messages)) + words
    return b"*1\r\n*2\r\n" + bulk(b"box") + b"*1\r\n*2\r\n" + bulk(b"5-0") + fields


def test_the_mail_of_one_read_is_delivered_together(scene: Scene) -> None:
    scene.redis.push(read((b"a", b"o1"), (b"b", b"o2")))
    assert scene.delivered == [[Message("o", "a", b"1"), Message("o", "b", b"2")]]


def test_what_stands_around_a_message_that_can_not_be_delivered_is_delivered(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.push(read((b"before", b"w"), (b"bad", b"!"), (b"\xff", b"w"), (b"after", b"w")))
    assert [mail.id for mail in scene.heard] == ["before", "after"]
    assert [event["id"] for event in no_logged_failures] == ["\ufffd", "bad"]
    no_logged_failures.clear()


def test_a_message_that_can_not_be_delivered_takes_no_other_along(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.push(read((b"bad", b"!"), (b"empty", b""), (b"good", b"w")))
    assert [mail.id for mail in scene.heard] == ["good"]
    assert scene.reads()[-1] == b"5-0"
    assert len(no_logged_failures) == 2
    no_logged_failures.clear()


def test_mail_that_can_not_be_trimmed_is_told(scene: Scene, no_logged_failures: list[LogEvent]) -> None:
    scene.trim = b"-NOPERM no\r\n"
    for number in range(1, 18):
        scene.redis.push(entry(number))
    assert len(scene.heard) == 17
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


def test_what_was_read_in_part_is_trimmed_once_all_of_it_is_read(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    large = b"*2\r\n" + bulk(b"1-0") + b"*2\r\n" + bulk(b"id") + bulk(b"o" + b"x" * (32 << 10))
    odd = b"*2\r\n" + bulk(b"2-0") + b"*1\r\n" + bulk(b"id")
    scene.redis.push(b"*1\r\n*2\r\n" + bulk(b"box") + b"*2\r\n" + large + odd)
    scene.redis.turn(1)
    assert scene.reads()[-1] == b"0"
    scene.redis.push(entry(3))
    assert [b"XTRIM", b"box", b"MINID", b"3-1"] in scene.redis.asked
    no_logged_failures.clear()


# -- a reader that hears nothing --


def test_one_that_hears_nothing_of_what_sweeps_write_reads_anew_over_another_connection(scene: Scene) -> None:
    scene.redis.push(entry(1))
    for _ in range(DEAF):
        scene.inbox.expect()
        scene.redis.turn(1)
    assert scene.redis.connects == 1
    scene.inbox.expect()
    scene.redis.turn(1)
    assert scene.redis.connects == 2
    assert scene.reads()[-1] == b"0"


def test_one_that_hears_them_goes_on(scene: Scene) -> None:
    for number in range(1, 4 * DEAF):
        scene.inbox.expect()
        scene.redis.push(entry(number, b"-", b"h"))
        scene.redis.turn(1)
    assert scene.redis.connects == 1


def test_sweeps_that_come_together_are_given_the_same_time(scene: Scene) -> None:
    for _ in range(4 * DEAF):
        scene.inbox.expect()
    scene.redis.turn(1)
    assert scene.redis.connects == 1


def test_sweeps_do_not_count_while_the_link_is_down(scene: Scene) -> None:
    scene.redis.refuses = True
    scene.redis.cut()
    for _ in range(4 * DEAF):
        scene.inbox.expect()
    scene.redis.refuses = False
    scene.redis.turn(1)
    connects = scene.redis.connects
    for _ in range(DEAF):
        scene.inbox.expect()
        scene.redis.turn(1)
    assert scene.redis.connects == connects


# -- the end --


def test_an_inbox_that_is_stopped_has_not_ended_by_itself(scene: Scene) -> None:
    scene.inbox.stop()
    scene.redis.turn()
    assert scene.ended == []


def test_one_that_ends_by_itself_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Mock()
    again.pause.side_effect = SystemError
    monkeypatch.setattr("relay.store.inbox.AGAIN", again)  # a mistake of ours, where nobody looks for one
    scene.redis.push(b"-BUSY no\r\n")
    (failure,) = scene.ended
    assert failure.check(SystemError)
    assert not failure.check(CancelledError)


def test_one_that_is_swept_less_often_is_given_up_after_fewer_beats(scene: Scene) -> None:
    scene.inbox.expect()
    scene.redis.turn(DEAF)
    assert scene.redis.connects == 1
    scene.inbox.expect()
    scene.redis.turn(1)
    assert scene.redis.connects == 2


def test_what_was_read_is_trimmed_some_reads_at_a_time_and_what_is_large_at_once(scene: Scene) -> None:
    def trims() -> int:
        return sum(words[0] == b"XTRIM" for words in scene.redis.asked)

    def comes(number: int, *what: bytes) -> None:
        scene.redis.push(entry(number, *what))

    for number in range(1, 16):
        comes(number, *([b"-", b"h"] if number % 2 else []))
    assert trims() == 0
    comes(16)
    assert trims() == 1
    comes(17, b"id", b"o" + b"x" * (32 << 10))
    assert trims() == 2
    comes(18)
    assert trims() == 2


def test_an_entry_with_an_odd_id_does_not_end_the_reading(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    for _ in range(16):  # then what was read is trimmed, by its id
        scene.redis.push(entry(1).replace(b"$3\r\n1-0", b"$3\r\nodd"))
    scene.redis.turn(2)
    scene.redis.push(entry(2, id=b"after"))
    assert scene.heard[-1].id == "after"
    assert scene.ended == []
    no_logged_failures.clear()


def test_an_inbox_that_is_stopped_by_what_it_delivers_reads_nothing_more(scene: Scene) -> None:
    scene.inbox._deliver = lambda mail: scene.inbox.stop() and None  # type: ignore[func-returns-value]
    reads = len(scene.reads())
    scene.redis.push(entry(1))
    scene.redis.turn(2)
    assert len(scene.reads()) == reads
