"""Links and inboxes on a real server that goes away and comes back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from relay.model.problems.request import StoreAway
from relay.redis.address import Address
from relay.redis.connection import Connection, LinkLost
from relay.redis.refusal import ELSEWHERE, Refused
from relay.redis.topology import OneServer
from relay.store.demands import unfit
from relay.store.inbox import RedisInbox
from relay.store.mail import Message
from relay.store.partition import Partition
from relay.store.terms import StoreSettings
from tests.processes import PATIENCE, RedisProcess
from tests.store.conftest import Store

TERMS = StoreSettings(keep=60, lease=10, queue_limit=100)


def make_link(server: RedisProcess) -> Connection:
    from twisted.internet import reactor

    address = Address.parse(server.url)
    return Connection(reactor, OneServer(reactor, address))


def came_up(link: Connection) -> Deferred[None]:
    up: Deferred[None] = Deferred()
    link.on_up = lambda: up.callback(None) if not up.called else None
    return up


@ensureDeferred
async def test_commands_given_before_the_connection_wait_for_it(server: RedisProcess) -> None:
    link = make_link(server)
    waiting, forgotten = link.command("SET", "a", 1), link.command("SET", "b", 1)
    forgotten.addErrback(lambda _: None)
    forgotten.cancel()
    link.start()
    assert await waiting == b"OK"
    assert server.client.keys() == [b"a"]
    await link.stop()


@ensureDeferred
async def test_a_connection_that_breaks_says_so_and_comes_back(server: RedisProcess) -> None:
    link = make_link(server)
    link.start()
    await link.command("PING")
    blocked = link.command("BLPOP", "nothing", 0, blocking=True)
    up = came_up(link)
    server.client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(LinkLost):
        await blocked
    await up
    assert await link.command("PING") == b"PONG"
    await link.stop()


@ensureDeferred
async def test_a_connection_whose_descriptor_is_gone_is_given_up_and_said_to_be_broken(
    server: RedisProcess,
) -> None:
    link = make_link(server)
    link.start()
    await link.command("PING")
    connection = link._connection
    assert connection is not None
    broken: list[str] = []
    link.on_broken = broken.append

    class Gone:
        def write(self, data: bytes) -> None:
            raise OSError("Bad file descriptor")

        def abortConnection(self) -> None:
            raise OSError("Bad file descriptor")

    transport, connection.transport = connection.transport, Gone()
    with pytest.raises(LinkLost):
        await link.command("PING")
    assert "Bad file descriptor" in broken[0]
    assert not link.up
    connection.transport = transport
    transport.abortConnection()
    assert await link.command("PING") == b"PONG"
    await link.stop()


@ensureDeferred
async def test_the_database_of_the_address_is_selected_on_every_connection(server: RedisProcess) -> None:
    from twisted.internet import reactor

    address = Address.parse(server.url + "?db=3")
    link = Connection(reactor, OneServer(reactor, address))
    link.start()
    for key in ("one", "two"):
        await link.command("SET", key, "1")
        up = came_up(link)
        server.client.client_kill_filter(_type="normal", skipme=True)
        await up
    await link.stop()
    assert server.client.info("keyspace")["db3"]["keys"] == 2


@ensureDeferred
async def test_a_server_that_refuses_the_password_is_asked_again(
    server: RedisProcess, no_logged_failures: list[LogEvent]
) -> None:
    from twisted.internet import reactor

    server.client.config_set("requirepass", "right")
    address = Address.parse(server.url.replace("unix://", "unix://:right@"))
    link = Connection(reactor, OneServer(reactor, Address("unix", address.host, 0, 0, "", "wrong")))
    refused: Deferred[Refused] = Deferred()
    link.on_refused = lambda refusal: refused.callback(refusal) if not refused.called else None
    link.start()
    assert (await refused).word == "WRONGPASS"
    assert not link.up
    link._server = OneServer(reactor, address)
    assert await link.command("PING") == b"PONG"
    await link.stop()
    assert all("refuses" in event["log_format"] for event in no_logged_failures)
    no_logged_failures.clear()
    server.client.execute_command("AUTH", "right")
    server.client.config_set("requirepass", "")


@ensureDeferred
async def test_a_store_that_is_away_says_so_within_2_seconds_and_resumes(server: RedisProcess) -> None:
    from twisted.internet import reactor

    store = Store(Partition(reactor, make_link(server)), "front", TERMS)
    store.start()
    await store.sweep()
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(StoreAway):
        await store.look("me", store.mint())
    assert time.monotonic() - began < PATIENCE / 2  # and not whenever it is back
    server.signal(signal.SIGCONT)
    assert (await store.sweep()).there
    await store.stop()


@ensureDeferred
async def test_a_store_that_was_never_reached_says_so(tmp_path: Path) -> None:
    from twisted.internet import reactor

    address = Address("unix", str(tmp_path / "nothing"), 0, 0, "", "")
    store = Store(Partition(reactor, Connection(reactor, OneServer(reactor, address))), "front", TERMS)
    store.start()
    with pytest.raises(StoreAway):
        store.mint()
    with pytest.raises(StoreAway):
        await store.sweep()
    await store.stop()


class Post:
    """Collects mail, and fires once a letter for an id was there."""

    def __init__(self) -> None:
        self.mail: list[Message] = []
        self._waiting: dict[str, Deferred[None]] = {}

    def deliver(self, mail: list[Message]) -> None:
        for message in mail:
            self.mail.append(message)
            if message.id in self._waiting:
                self._waiting.pop(message.id).callback(None)

    def wait(self, id: str) -> Deferred[None]:
        return self._waiting.setdefault(id, Deferred())


@ensureDeferred
async def test_an_inbox_is_read_in_order_and_trimmed_and_survives_a_lost_connection(
    server: RedisProcess,
) -> None:
    from twisted.internet import reactor

    post = Post()
    inbox = RedisInbox(reactor, make_link(server), "box", post.deliver)
    inbox.start()
    server.client.xadd("box", {"1": b"oone", "2": b"c"})
    server.client.xadd("box", {"3": b"rlast"})
    await post.wait("3")
    assert [(m.kind, m.id, m.data) for m in post.mail] == [
        ("o", "1", b"one"),
        ("c", "2", b""),
        ("r", "3", b"last"),
    ]
    server.client.xadd("box", {"4": b"w"})
    await post.wait("4")
    server.client.client_kill_filter(_type="normal", skipme=True)
    server.client.xadd("box", {"5": b"w"})
    await post.wait("5")
    for number in range(6, 40):
        server.client.xadd("box", {str(number): b"w"})
        await post.wait(str(number))
    assert server.client.xlen("box") <= 17
    await inbox.stop()


@ensureDeferred
async def test_one_message_that_can_not_be_delivered_does_not_stop_the_inbox(
    server: RedisProcess, no_logged_failures: list[LogEvent]
) -> None:
    from twisted.internet import reactor

    done: Deferred[None] = Deferred()

    def deliver(mail: list[Message]) -> None:
        if mail[0].id == "bad":
            server.client.xadd("box", {"good": b"w"})
            raise RuntimeError
        done.callback(None)

    inbox = RedisInbox(reactor, make_link(server), "box", deliver)
    server.client.xadd("box", {"bad": b"w"})
    inbox.start()
    await done
    await inbox.stop()
    no_logged_failures.clear()


async def insist(link: Connection, *words: str) -> object:
    """Ask until there is an answer."""
    while True:
        try:
            return await link.command(*words)
        except LinkLost:
            continue


@pytest.mark.long
@ensureDeferred
async def test_a_server_that_still_loads_its_file_is_waited_for(server: RedisProcess) -> None:
    from twisted.internet import reactor

    link, post = make_link(server), Post()
    inbox = RedisInbox(reactor, make_link(server), "box", post.deliver)
    link.start()
    inbox.start()
    await link.command("PING")
    for part in range(10):
        fill = f"for i = 1, 100000 do redis.call('SET', 'key{part}:' .. i, 'x') end"
        server.client.eval(fill, 0)
    server.stop()
    server.start(wait=False)
    assert await insist(link, "ECHO", "loaded") == b"loaded"
    server.client.xadd("box", {"1": b"w"})
    await post.wait("1")
    await link.stop()
    await inbox.stop()


@ensureDeferred
@pytest.mark.parametrize("error", ELSEWHERE)
async def test_a_server_that_is_not_the_one_to_ask_is_left(server: RedisProcess, error: str) -> None:
    link = make_link(server)
    link.start()
    await link.command("PING")
    up = came_up(link)
    with pytest.raises(LinkLost):
        await link.command("EVAL", f"return redis.error_reply('{error} not now')", 0)
    await up
    assert await link.command("PING") == b"PONG"
    await link.stop()


# -- addresses --


# -- servers that relay can't work with --


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({}, ""),
        ({"redis_version": "7.0.15", "maxmemory_policy": "noeviction"}, ""),
        ({"redis_version": "10.1.0"}, ""),
        ({"redis_version": "6.2.1"}, "too old"),
        ({"redis_version": "7.2.4", "maxmemory_policy": "allkeys-lru"}, "noeviction"),
    ],
)
def test_a_server_that_would_lose_jobs_is_told_apart(info: dict[str, str], said: str) -> None:
    assert said in unfit(info)
    assert bool(unfit(info)) is bool(said)


@ensureDeferred
async def test_a_server_that_evicts_is_refused(
    server: RedisProcess, no_logged_failures: list[LogEvent]
) -> None:
    from twisted.internet import reactor

    server.client.config_set("maxmemory-policy", "allkeys-lru")
    store = Store(Partition(reactor, make_link(server)), "front", TERMS)
    reasons: list[str] = []
    store.partition.on_unfit = reasons.append
    store.start()
    with pytest.raises(StoreAway):
        await store.sweep()
    assert "noeviction" in reasons[0]
    assert not server.client.exists("{r0}:epoch")
    await store.stop()
    no_logged_failures.clear()
