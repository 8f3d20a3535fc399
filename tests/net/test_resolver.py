"""The resolver of host names, with a clock and threads that do their work when the test says so."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IResolutionReceiver
from twisted.internet.task import Clock
from zope.interface import implementer

from relay.net import resolver
from relay.net.resolver import FRESH, GIVE_UP, MOST_KNOWN, PATIENCE, STALE, Names

SILENCE = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@implementer(IResolutionReceiver)
class Asked:
    """Who asks for a name, and what was heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.resolution: Any = None
        self.complete = False

    def resolutionBegan(self, resolution: Any) -> None:
        self.resolution = resolution

    def addressResolved(self, address: Any) -> None:
        self.heard.append(f"{address.host}:{address.port}")

    def resolutionComplete(self) -> None:
        assert not self.complete
        self.complete = True


class Scene:
    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(10)
        self.asked: list[str] = []
        self.threads: list[tuple[bool, Deferred[Any], Callable[[], Any]]] = []
        self.answers: dict[str, Any] = {}
        self.names = Names(self.clock, self.in_thread, self.ask)

    def in_thread(self, known: bool, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.threads.append((known, done, lambda: function(*arguments)))
        return done

    def ask(self, name: str, *more: int) -> Any:
        if socket.AI_NUMERICHOST in more[3:]:
            return socket.getaddrinfo(name, *more)
        self.asked.append(name)
        answer = self.answers.get(name, SILENCE)
        if isinstance(answer, Exception):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in answer]

    def resolve(self, name: str, **more: Any) -> Asked:
        asked: Any = Asked()
        self.names.resolveHostName(asked, name, 80, **more)
        return asked

    def work(self) -> None:
        """All threads do what they have to."""
        threads, self.threads = self.threads, []
        for _, done, function in threads:
            try:
                result = function()
            except Exception as error:
                done.errback(error)
            else:
                done.callback(result)

    def know(self, name: str) -> None:
        self.answers[name] = ["192.0.2.1"]
        asked = self.resolve(name)
        self.work()
        assert asked.heard == ["192.0.2.1:80"]


@pytest.mark.parametrize("name", ["192.0.2.7", "::1", "0x7f.1", "2130706433", "127.1", "fe80::1%lo"])
def test_an_address_is_never_looked_up(name: str) -> None:
    scene = Scene()
    asked = scene.resolve(name)
    assert len(asked.heard) == 1
    assert asked.complete
    assert not scene.threads
    assert not scene.clock.getDelayedCalls()


def test_a_name_of_hexadecimal_digits_is_one() -> None:
    scene = Scene()
    scene.answers["dead.beef"] = ["192.0.2.1"]
    asked = scene.resolve("dead.beef")
    scene.work()
    assert asked.heard == ["192.0.2.1:80"]


def test_all_who_ask_for_a_name_wait_for_one_look_up_and_its_answer_is_good_for_a_while() -> None:
    scene = Scene()
    scene.answers["api.test"] = ["192.0.2.1", "192.0.2.2"]
    asked = [scene.resolve("API.test"), scene.resolve("api.test")]
    scene.work()
    scene.clock.advance(FRESH - 0.1)
    asked.append(scene.resolve("api.test"))
    assert [each.heard for each in asked] == [["192.0.2.1:80", "192.0.2.2:80"]] * 3
    assert scene.asked == ["api.test"]
    scene.clock.advance(0.1)
    scene.resolve("api.test")
    scene.work()
    assert len(scene.asked) == 2
    assert not scene.clock.getDelayedCalls()


def test_names_that_were_found_before_have_threads_of_their_own() -> None:
    scene = Scene()
    scene.know("api.test")
    scene.clock.advance(FRESH)
    for number in range(60):
        scene.resolve(f"slow{number}.test")
    scene.resolve("api.test")
    assert [known for known, _, _ in scene.threads] == [False] * 60 + [True]


def test_the_last_answer_serves_where_the_next_is_slow() -> None:
    scene = Scene()
    scene.know("api.test")
    scene.clock.advance(FRESH)
    asked = scene.resolve("api.test")
    scene.clock.advance(PATIENCE - 0.1)
    assert not asked.complete
    scene.clock.advance(0.1)
    assert asked.heard == ["192.0.2.1:80"]
    scene.answers["api.test"] = ["192.0.2.9"]
    scene.work()
    assert asked.heard == ["192.0.2.1:80"]
    assert scene.resolve("api.test").heard == ["192.0.2.9:80"]


def test_the_last_answer_serves_where_the_next_can_not_be_had_but_not_for_ever() -> None:
    scene = Scene()
    scene.know("api.test")
    scene.answers["api.test"] = SILENCE
    scene.clock.advance(FRESH)
    asked = scene.resolve("api.test")
    scene.work()
    assert asked.heard == ["192.0.2.1:80"]
    scene.clock.advance(STALE)
    asked = scene.resolve("api.test")
    scene.work()
    assert (asked.heard, asked.complete, asked.resolution.silent) == ([], True, True)


def test_a_name_that_is_gone_is_gone() -> None:
    scene = Scene()
    scene.know("api.test")
    scene.answers["api.test"] = UNKNOWN
    scene.clock.advance(FRESH)
    for _ in range(2):
        asked = scene.resolve("api.test")
        scene.work()
        assert (asked.heard, asked.complete, asked.resolution.silent) == ([], True, False)


def test_who_waits_for_a_silent_name_waits_no_longer_than_that() -> None:
    """And no thread is taken for a look-up that nobody waits for any more."""
    scene = Scene()
    asked = scene.resolve("slow.test")
    scene.clock.advance(GIVE_UP)
    assert (asked.heard, asked.complete, asked.resolution.silent) == ([], True, True)
    scene.work()
    assert scene.asked == []
    scene.resolve("slow.test")
    scene.work()
    assert scene.asked == ["slow.test"]


def test_an_error_of_any_kind_is_an_end() -> None:
    scene = Scene()
    scene.answers["bad"] = UnicodeError("label too long")
    asked = scene.resolve("bad")
    scene.work()
    assert (asked.heard, asked.complete, asked.resolution.silent) == ([], True, False)


def test_one_who_gave_up_is_told_nothing() -> None:
    scene = Scene()
    scene.answers["api.test"] = ["192.0.2.1"]
    asked = scene.resolve("api.test")
    asked.resolution.cancel()
    scene.work()
    assert not asked.complete
    assert not scene.clock.getDelayedCalls()


def test_families_are_looked_up_apart() -> None:
    from twisted.internet.address import IPv4Address

    scene = Scene()
    scene.know("api.test")
    scene.resolve("api.test", addressTypes=[IPv4Address])
    assert len(scene.threads) == 1


def test_only_so_many_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "MOST_KNOWN", 10)
    scene = Scene()
    for number in range(30):
        scene.know(f"n{number}.test")
    assert len(scene.names._known) == 10
    assert MOST_KNOWN == 5_000


def test_a_name_that_may_be_wrong_is_looked_up_again_and_serves_while_nobody_answers() -> None:
    scene = Scene()
    scene.know("redis.test")
    scene.names.forget("REDIS.test")
    scene.answers["redis.test"] = ["192.0.2.9"]
    asked = scene.resolve("redis.test")
    scene.work()
    assert asked.heard == ["192.0.2.9:80"]
    scene.names.forget("redis.test")
    scene.answers["redis.test"] = SILENCE
    asked = scene.resolve("redis.test")
    scene.work()
    assert asked.heard == ["192.0.2.9:80"]
