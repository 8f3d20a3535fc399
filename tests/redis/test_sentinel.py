"""Links to a master that Sentinels watch; all of them are in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.redis.address import Address
from relay.redis.connection import SILENCE, Connection, LinkLost
from relay.redis.refusal import Elsewhere, Refused
from relay.redis.sentinel import SILENT, SURE, SWITCH, WATCH, Sentinels
from relay.redis.sentinel_voice import ASKED
from tests.redis.memory import MemoryRedis, Words, bulk, plain

URL = "redis+sentinel://s:1,s:2,s:3/main"
A, B = ("m", 1), ("m", 2)


class MemorySentinels:
    """Three Sentinels and two servers. `knows` says of each Sentinel where it takes the master to be, with the epoch of
    that, None for one that knows no such master; what is in `hung` says nothing."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.voices = {("s", port): MemoryRedis(self.clock) for port in (1, 2, 3)}
        self.servers = {at: MemoryRedis(self.clock) for at in (A, B)}
        self.knows: dict[Any, tuple[int, tuple[str, int]] | None] = dict.fromkeys(self.voices, (1, A))
        self.master = A
        self.replicas: dict[
            Any, list[tuple[bytes, bytes]]
        ] = {}  # flags and priority of each, as a Sentinel knows them
        self.hung: set[Any] = set()
        self.black_holes: set[Any] = set()
        for at, server in (*self.voices.items(), *self.servers.items()):
            server.answer = lambda words, at=at: None if at in self.hung else self.answer(at, words)

    def reach(self, address: Address) -> Any:
        """What connects to one of them."""
        at = (address.host, address.port)
        return _Nothing() if at in self.black_holes else {**self.voices, **self.servers}[at]

    def switch(self, to: tuple[str, int], epoch: int, *told: int) -> None:
        """Another one is the master, as these Sentinels know, all of them where none is named."""
        self.master = to
        for port in told or (1, 2, 3):
            self.knows["s", port] = epoch, to

    def turn(self, seconds: float = 0.0) -> None:
        end = self.clock.seconds() + seconds
        while True:
            for server in (*self.voices.values(), *self.servers.values()):
                server.turn()
            left = end - self.clock.seconds()
            if left <= 0:
                return
            self.clock.advance(min(0.05, left))

    def answer(self, at: Any, words: Words) -> bytes | None:
        known = self.knows.get(at)
        match words[:2]:
            case [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME"]:
                if known is None:
                    return b"*-1\r\n"
                return b"*2\r\n" + bulk(known[1][0].encode()) + bulk(b"%d" % known[1][1])
            case [b"SENTINEL", b"MASTER"]:
                if known is None:
                    return b"-ERR No such master with that name\r\n"
                return b"*4\r\n" + b"".join(map(bulk, (b"name", b"main", b"config-epoch", b"%d" % known[0])))
            case [b"SENTINEL", b"REPLICAS"]:
                rows = self.replicas.get(at, [])
                return b"*%d\r\n" % len(rows) + b"".join(
                    b"*4\r\n" + b"".join(map(bulk, (b"flags", flags, b"slave-priority", priority)))
                    for flags, priority in rows
                )
            case [b"SUBSCRIBE", channel]:
                return b"*3\r\n" + bulk(b"subscribe") + bulk(channel) + b":1\r\n"
            case [b"ROLE"] if at in self.servers:
                if at == self.master:
                    return b"*3\r\n" + bulk(b"master") + b":7\r\n*0\r\n"
                return b"*5\r\n" + bulk(b"slave") + bulk(b"m") + b":9\r\n" + bulk(b"connected") + b":7\r\n"
        return plain(words)


class _Nothing:
    """A machine that is cut off: nothing comes back."""

    def connect(self, factory: Any) -> Deferred[Any]:
        return Deferred()


class Scene:
    """A link to the master, and one that waits for messages as an inbox does."""

    def __init__(self, url: str = URL) -> None:
        self.there = MemorySentinels()
        self.sentinels = Sentinels(
            self.there.clock, Address.parse(url), self.there.reach, lambda addresses: None
        )
        self.refused: list[Refused] = []
        self.link, self.inbox = self.new_link(), self.new_link()
        self.lost: list[Any] = []

    def new_link(self) -> Connection:
        link = Connection(self.there.clock, self.sentinels.server_of("{r0}:epoch"))
        link.on_refused = self.refused.append
        return link

    def begin(self) -> Scene:
        self.sentinels.start()
        self.link.start()
        self.inbox.start()
        self.there.turn(0.2)
        self.inbox.command("XREAD", blocking=True).addErrback(lambda failure: self.lost.append(failure.value))
        return self

    def asked(self, at: tuple[str, int], word: bytes = b"INCR") -> int:
        return {**self.there.voices, **self.there.servers}[at].verbs().count(word)

    def say(self) -> Any:
        """What a command is answered, the exception for one that was not carried out, None before that."""
        said: list[Any] = []
        self.link.command("INCR", "x").addBoth(lambda result: said.append(getattr(result, "value", result)))
        self.there.turn(0.1)
        return said[0] if said else None


def test_a_link_leads_to_the_master_that_sentinels_name() -> None:
    scene = Scene().begin()
    assert scene.say() == b"OK"
    assert (scene.asked(A), scene.asked(B)) == (1, 0)


def test_a_sentinel_that_hangs_or_is_gone_delays_nobody() -> None:
    scene = Scene()
    scene.there.hung.add(("s", 1))
    scene.there.voices["s", 2].refuses = True
    scene.begin()
    assert scene.say() == b"OK"
    assert scene.there.clock.seconds() < ASKED


def test_links_of_both_kinds_are_cut_when_one_sentinel_says_that_the_master_has_changed() -> None:
    scene = Scene().begin()
    scene.there.switch(B, 2, 3)
    scene.there.turn(WATCH)
    assert isinstance(scene.lost[0], LinkLost)
    assert "m:2" in str(scene.lost[0]) or scene.link.up
    scene.there.turn(0.3)
    assert scene.say() == b"OK"
    assert (scene.asked(A), scene.asked(B)) == (0, 1)


def test_a_switch_that_is_published_is_heard_before_the_next_question() -> None:
    scene = Scene().begin()
    scene.there.turn(WATCH)
    scene.there.master = B
    message = b"*3\r\n" + bulk(b"message") + bulk(SWITCH.encode())
    for text in (b"other m 1 m 2", b"main m 7 m 2", b"nonsense"):
        scene.there.voices["s", 1].push(message + bulk(text))
    assert scene.link.up
    scene.there.voices["s", 1].push(message + bulk(b"main m 1 m 2"))
    assert not scene.link.up
    for port in (1, 2):
        scene.there.knows["s", port] = 2, B  # while the third one is behind
    scene.there.turn(2 * WATCH)
    assert scene.say() == b"OK"
    assert scene.asked(B) == 1


def test_it_is_sure_that_there_is_no_other_master_as_long_as_most_sentinels_are_heard() -> None:
    scene = Scene()
    assert not scene.sentinels.is_sure
    scene.begin()
    assert scene.sentinels.is_sure
    scene.there.hung = {("s", 1)}
    scene.there.turn(5)
    assert scene.sentinels.is_sure
    scene.there.hung = {("s", 1), ("s", 2)}
    scene.there.turn(SURE + 0.1)
    assert not scene.sentinels.is_sure
    scene.there.hung = set()
    scene.there.turn(ASKED + WATCH)
    assert scene.sentinels.is_sure


def test_replicas_are_as_many_as_the_sentinel_says_that_knows_of_most_and_could_be_promoted() -> None:
    scene = Scene()
    well, down, last = (b"slave", b"100"), (b"slave,s_down,disconnected", b"100"), (b"slave", b"0")
    scene.there.replicas = {("s", 1): [well, down, last], ("s", 2): [well, well, last], ("s", 3): [down]}
    scene.begin()
    assert scene.sentinels.replicas == 2
    scene.there.hung.add(("s", 2))  # what it said last is old
    scene.there.turn(SURE + WATCH)
    assert scene.sentinels.replicas == 1
    scene.there.replicas = {}
    scene.there.turn(WATCH)
    assert scene.sentinels.replicas == 0


def test_all_links_hear_that_no_sentinel_answers() -> None:
    scene = Scene()
    for voice in scene.there.voices.values():
        voice.refuses = True
    scene.begin()
    said: list[Exception] = []
    for _ in range(3):
        scene.sentinels.connect(None).addErrback(lambda failure: said.append(failure.value))
    scene.there.turn(ASKED)
    assert [type(each) for each in said] == [LinkLost] * 3


def test_the_log_hears_once_of_sentinels_none_of_which_answers_and_links_go_on(lines: list[str]) -> None:
    scene = Scene().begin()
    for voice in scene.there.voices.values():
        voice.refuses = True
        voice.cut()
    scene.there.turn(SILENT - 1)
    assert not [line for line in lines if "Sentinel" in line]
    scene.there.turn(3 * SILENT)
    assert scene.say() == b"OK"
    (line,) = [line for line in lines if "Sentinel" in line]
    assert "relay stays with m:1" in line
    for voice in scene.there.voices.values():
        voice.refuses = False
    scene.there.turn(2)
    assert [line.partition(" of ")[0] for line in lines if "entinel" in line] == ["no Sentinel", "Sentinels"]


def test_a_sentinel_that_is_behind_leads_nobody_back() -> None:
    scene = Scene().begin()
    scene.there.switch(B, 2, 3)
    scene.there.turn(3 * WATCH)
    for port in (2, 3):
        scene.there.voices["s", port].refuses = True
        scene.there.voices["s", port].cut()
    scene.there.master = A  # which does not know better
    scene.there.turn(3 * WATCH)
    assert scene.say() == b"OK"
    assert (scene.asked(A), scene.asked(B)) == (0, 1)


def test_sentinels_that_were_set_up_anew_are_believed_once_all_of_them_say_the_same() -> None:
    scene = Scene().begin()
    scene.there.switch(B, 0, 1, 2)
    scene.there.turn(2 * WATCH)
    assert scene.asked(B, b"PING") == 0
    scene.there.switch(B, 0)
    scene.there.turn(2 * WATCH)
    assert scene.say() == b"OK"
    assert scene.asked(B) == 1


def test_sentinels_that_keep_the_epoch_to_themselves_lead_to_the_master_all_the_same() -> None:
    scene = Scene()
    for voice, answer in ((voice, voice.answer) for voice in scene.there.voices.values()):
        voice.answer = lambda words, answer=answer: (
            b"-NOPERM no\r\n" if words[:2] == [b"SENTINEL", b"MASTER"] else answer(words)
        )
    scene.begin()
    assert scene.say() == b"OK"
    scene.there.switch(B, 0)
    scene.there.turn(2 * WATCH)
    assert scene.say() == b"OK"
    assert scene.asked(B) == 1


def test_a_master_that_became_a_replica_is_left_before_it_is_written_to() -> None:
    scene = Scene().begin()
    scene.there.servers[A].cut()
    scene.there.master = B  # which the Sentinels do not know yet
    scene.there.turn(0.2)
    assert not scene.link.up
    scene.there.switch(B, 2)
    scene.there.turn(0.5)
    assert scene.say() == b"OK"
    assert (scene.asked(A), scene.asked(B)) == (0, 1)


def test_a_link_leaves_a_master_that_hangs_once_there_is_another() -> None:
    scene = Scene().begin()
    scene.there.hung.add(A)
    assert scene.say() is None
    scene.there.switch(B, 2)
    scene.there.turn(WATCH + 0.4)
    assert scene.say() == b"OK"
    assert scene.there.clock.seconds() < SILENCE


def test_a_connection_that_is_being_made_to_a_machine_that_is_cut_off_is_given_up_for_the_new_master() -> (
    None
):
    scene = Scene().begin()
    scene.there.black_holes.add(A)
    scene.there.servers[A].cut()
    scene.there.turn(0.5)
    scene.there.switch(B, 2)
    scene.there.turn(WATCH + 0.4)
    assert scene.say() == b"OK"
    assert scene.asked(B) == 1


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
        (b"-NOPERM this user has no\r\n", "NOPERM"),
        (b"", ""),
    ],
)
def test_sentinels_that_do_not_say_are_told_of_as_refusals(reply: bytes, word: str) -> None:
    scene = Scene()
    if reply:
        for voice in scene.there.voices.values():
            voice.answer = lambda words: reply
    else:
        scene.there.knows = dict.fromkeys(scene.there.voices)
    scene.begin()
    assert scene.refused[0].word == (word or "ERR")
    assert "Sentinel at redis://s:" in str(scene.refused[0])
    assert "'main'" in str(scene.refused[0]) or reply


def test_sentinels_are_greeted_by_their_own_user_and_servers_by_theirs() -> None:
    scene = Scene("redis+sentinel://u:pw@s:1/main/2?sentinel_user=x&sentinel_password=y").begin()
    assert scene.say() == b"OK"
    (voice, *_), server = scene.there.voices.values(), scene.there.servers[A]
    assert voice.asked[0] == [b"AUTH", b"x", b"y"]
    assert [b"AUTH", b"u", b"pw"] not in voice.asked
    assert server.asked[:6:2] == [[b"AUTH", b"u", b"pw"], [b"SELECT", b"2"], [b"ROLE"]]


def test_whoever_stops_asks_no_more() -> None:
    scene = Scene().begin()
    scene.sentinels.stop()
    scene.link.stop()
    scene.inbox.stop()
    scene.there.turn(0.2)
    before = [len(voice.asked) for voice in scene.there.voices.values()]
    scene.there.turn(5)
    assert [len(voice.asked) for voice in scene.there.voices.values()] == before
    assert scene.there.clock.getDelayedCalls() == []


def test_a_sentinel_in_the_place_of_a_server_is_told_apart() -> None:
    scene = Scene()
    scene.there.servers[A].answer = lambda words: (
        b"*2\r\n" + bulk(b"sentinel") + b"*0\r\n" if words == [b"ROLE"] else plain(words)
    )
    scene.begin()
    assert "redis+sentinel://" in str(scene.refused[0])


@pytest.mark.parametrize("reply", [b"-NOPERM no\r\n", b"-ERR unknown command 'ROLE'\r\n", b"+OK\r\n"])
def test_a_server_that_keeps_its_role_to_itself_is_taken_as_it_is(reply: bytes) -> None:
    scene = Scene()
    scene.there.servers[A].answer = lambda words: reply if words == [b"ROLE"] else plain(words)
    scene.begin()
    assert scene.say() == b"OK"


def test_a_server_that_turns_out_to_be_a_replica_is_elsewhere() -> None:
    scene = Scene()
    scene.there.master = B
    astray: list[str] = []
    scene.sentinels.led_astray = astray.append  # type: ignore[method-assign]
    scene.begin()
    assert not scene.link.up
    assert astray[0].startswith("READONLY")
    assert not scene.refused
    assert issubclass(Elsewhere, LinkLost)
