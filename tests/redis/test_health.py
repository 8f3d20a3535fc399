"""What a process says of its Redis: a line when it goes, a line when it is back."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel

from relay.redis.connection import Connection
from relay.redis.health import MOST, Health
from relay.redis.refusal import Refused
from tests.redis.memory import MemoryRedis, Words, plain


@pytest.fixture
def redis() -> MemoryRedis:
    return MemoryRedis(Clock())


def two_links(redis: MemoryRedis) -> list[Connection]:
    health = Health(redis.clock, "redis://h:6379")
    links = [Connection(redis.clock, redis, health) for _ in range(2)]
    for link in links:
        link.start()
    return links


def test_an_outage_is_two_lines_however_long_it_is_and_however_many_links(
    redis: MemoryRedis, lines: list[str]
) -> None:
    two_links(redis)
    redis.turn(5)
    assert lines == []
    redis.refuses = True
    redis.cut()
    redis.turn(120)
    assert lines == ["Redis at redis://h:6379 is away: Connection was closed cleanly."]
    redis.refuses = False
    redis.turn(5)
    assert len(lines) == 2
    assert lines[1].startswith("Redis at redis://h:6379 is back after 12")


def test_a_server_that_is_reached_and_answers_as_another_than_the_one_to_ask_is_no_second_line(
    redis: MemoryRedis, lines: list[str]
) -> None:
    (link, _) = two_links(redis)
    redis.turn(2)
    redis.answer = lambda words: b"-READONLY no\r\n" if words[0] == b"SET" else plain(words)
    for _ in range(100):
        link.command("SET", "a", "b").addErrback(lambda _: None)
        redis.turn(0.3)
    redis.answer = plain
    redis.turn(3)
    assert [line.split(" after")[0] for line in lines] == [
        "Redis at redis://h:6379 is away: READONLY no",
        "Redis at redis://h:6379 is back",
    ]


def test_a_redis_that_is_started_with_relay_is_not_said_to_be_away(
    redis: MemoryRedis, lines: list[str]
) -> None:
    redis.refuses = True
    two_links(redis)
    redis.turn(0.7)
    redis.refuses = False
    redis.turn(5)
    assert lines == []


def test_one_that_is_not_there_is(redis: MemoryRedis, lines: list[str]) -> None:
    redis.refuses = True
    two_links(redis)
    redis.turn(10)
    assert lines == ["Redis at redis://h:6379 is away: Connection was refused by other side."]


def test_links_that_are_stopped_say_nothing_and_leave_no_timer(redis: MemoryRedis, lines: list[str]) -> None:
    links = two_links(redis)
    redis.turn(1)
    redis.refuses = True
    redis.cut()
    redis.refuses = False
    redis.turn(0.5)
    for link in links:
        link.stop()
    redis.turn()
    assert len(lines) == 1
    assert redis.clock.getDelayedCalls() == []


def test_a_refusal_is_said_once_a_minute(lines: list[str], no_logged_failures: list[LogEvent]) -> None:
    clock = Clock()
    health = Health(clock, "redis://h:6379")
    for _ in range(610):
        health.refused(Refused("NOPERM no"))
        health.refused(Refused("BUSY yes"))
        clock.advance(0.1)
    assert sorted(lines) == sorted(
        2 * ["Redis at redis://h:6379 refuses: NOPERM no", "Redis at redis://h:6379 refuses: BUSY yes"]
    )
    assert {event["log_level"] for event in no_logged_failures} == {LogLevel.error}
    no_logged_failures.clear()


def test_a_password_that_is_wrong_is_tried_ever_less_often(
    redis: MemoryRedis, lines: list[str], no_logged_failures: list[LogEvent]
) -> None:
    def wrong(words: Words) -> bytes | None:
        return b"-WRONGPASS no\r\n" if words[0] == b"PING" else plain(words)

    redis.answer = wrong
    two_links(redis)
    redis.turn(59)
    assert lines == ["Redis at redis://h:6379 refuses: WRONGPASS no"]
    assert redis.connects < 2 * 40
    no_logged_failures.clear()


def test_refusals_that_are_all_different_do_not_fill_the_log(
    lines: list[str], no_logged_failures: list[LogEvent]
) -> None:
    clock = Clock()
    health = Health(clock, "redis://h:6379")
    for number in range(590):
        health.refused(Refused(f"ERR {number}"))
        clock.advance(0.1)
    assert len(lines) == MOST
    no_logged_failures.clear()
