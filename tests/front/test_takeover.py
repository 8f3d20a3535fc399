"""Clients on their way from one front to the next, over a real socket."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.front.hold.context import HoldContext
from relay.front.hold.hold import Hold
from relay.front.hold.places import Places
from relay.front.hold.policy import HoldPolicy
from relay.front.hold.timing_wheel import Wheel
from relay.front.takeover.passed import FORMAT, Passed, decode, encode
from relay.front.takeover.predecessor import Predecessor
from relay.front.takeover.successor import MOST_UNDER_WAY, Successor
from relay.model.caller import Allowance, Caller
from relay.model.job import Job
from relay.model.limits import Rate
from relay.model.position import EventPosition
from relay.model.state import State
from relay.model.status import JobStatus
from relay.net import descriptors
from relay.store.messages import Submission
from relay.submitting.waiters import Waiters

JOB = Job("resize", "default", "", "f1", 0, 1, "", "", False, "", '{"a":"ä"}')
TERMS = HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=True, applied="wait=60", cancel=True)


def passed(number: int) -> Passed:
    id = f"0-a-{number}"
    known = JobStatus(id, "resize", State.RUNNING, 1_000_000, 1_001_000, 1, 0, '{"fraction":0.5}')
    submission = Submission(id, JOB, 1, 2, "token:app", Rate.parse("50/s"), 100)
    whose: Any = {"name": "token:app", "held": 20}
    return Passed(known, "sub:me", TERMS, True, "10.0.0.1", 60.5, 8.25, b"\n", submission, **whose)


def test_a_caller_keeps_its_name_and_its_places_at_the_next_front() -> None:
    caller = Caller("sub:me", name="token:app", allowance=Allowance(held=20))
    assert decode(encode(passed(1))).caller == caller
    before = msgspec.msgpack.decode(encode(passed(1)))  # as a front without callers passes it
    del before["name"], before["held"]
    assert decode(msgspec.msgpack.encode(before)).caller == Caller("sub:me")


class Waiting:
    """A client that waits; `ours` is its socket here, `theirs` its own end."""

    def __init__(self, number: int) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(20)
        self.passed = passed(number)
        self.is_here = True

    def detach(self) -> tuple[Passed, socket.socket] | None:
        if not self.is_here:
            return None
        self.is_here = False
        return self.passed, self.ours


class Fronts:
    """Both sides."""

    def __init__(self, predecessor: bool = True) -> None:
        from twisted.internet import reactor

        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.restored: list[Passed] = []
        self.adopted: list[tuple[Passed, socket.socket]] = []
        self.lost: Deferred[None] = Deferred()
        self.told: Deferred[None] = Deferred()
        self.wanted = 0
        self.successor = Successor(lambda passed, _: self.restored.append(passed), self._lost)
        self.successor.connect(reactor, here.detach())
        self.predecessor = Predecessor(self._adopt, self._told)
        self.there = there
        if predecessor:
            self.predecessor.connect(reactor, there.detach())

    def _lost(self) -> None:
        if not self.lost.called:
            self.lost.callback(None)

    def _adopt(self, passed: Passed, connected: socket.socket) -> None:
        self.adopted.append((passed, connected))

    def _told(self) -> None:
        if len(self.adopted) >= self.wanted > 0 and not self.told.called:
            self.told.callback(None)

    async def close(self) -> None:
        self.successor.close()
        await self.predecessor.over()


@pytest.fixture
def clients() -> Iterator[list[Waiting]]:
    made = [Waiting(number) for number in range(3)]
    yield made
    for client in made:
        client.theirs.close()
        client.ours.close()


@ensureDeferred
async def test_all_that_is_known_of_a_client_arrives_with_its_socket() -> None:
    fronts, count = Fronts(), 2 * MOST_UNDER_WAY + 10
    clients = [Waiting(number) for number in range(count)]
    fronts.wanted = count
    for client in clients:
        fronts.successor.give(client)
    assert all(client.is_here for client in clients)  # as nobody takes them yet
    fronts.predecessor.ready()
    await fronts.told
    await fronts.successor.emptied()
    assert [passed for passed, _ in fronts.adopted] == [client.passed for client in clients]
    for client, (_, connected) in zip(clients, fronts.adopted, strict=True):
        assert client.ours.fileno() == -1  # closed here, once it is taken
        connected.sendall(b"x")
        assert client.theirs.recv(1) == b"x"
        connected.close()
        client.theirs.close()
    assert fronts.successor.given == count
    await fronts.close()


async def given(clients: list[Waiting]) -> Fronts:
    """Both sides, of which one gives, and the other is ready and says nothing by itself."""
    fronts = Fronts(predecessor=False)
    fronts.there.sendall(f"ready {FORMAT}\n".encode())
    await fronts.successor.known()
    for client in clients:
        fronts.successor.give(client)
    return fronts


@ensureDeferred
async def test_whom_a_successor_that_died_did_not_take_comes_back(clients: list[Waiting]) -> None:
    fronts = await given(clients)
    fronts.there.sendall(b"took 1\n")
    while not fronts.successor.given:
        await turn()
    fronts.there.close()
    await fronts.lost
    assert [passed.known.id for passed in fronts.restored] == ["0-a-1", "0-a-2"]
    assert [client.ours.fileno() >= 0 for client in clients] == [False, True, True]
    assert not fronts.successor.takes
    await fronts.successor.emptied()


@ensureDeferred
async def test_a_successor_that_hangs_can_be_given_up(clients: list[Waiting]) -> None:
    fronts = await given(clients)
    assert fronts.successor.has_some()
    fronts.successor.give_up()
    await fronts.lost
    assert [passed.known.id for passed in fronts.restored] == ["0-a-0", "0-a-1", "0-a-2"]
    await fronts.successor.emptied()
    fronts.there.close()


@ensureDeferred
async def test_a_successor_of_another_format_is_none(clients: list[Waiting]) -> None:
    fronts = Fronts(predecessor=False)
    fronts.there.sendall(f"ready {FORMAT + 1}\n".encode())
    await fronts.successor.known()
    assert not fronts.successor.takes
    fronts.there.close()
    await fronts.lost


@ensureDeferred
async def test_one_that_stops_takes_what_is_on_its_way(clients: list[Waiting]) -> None:
    fronts = Fronts()
    fronts.predecessor.ready()
    await fronts.successor.known()
    fronts.wanted = 1
    fronts.successor.give(clients[0])
    fronts.predecessor.stop()
    await fronts.lost
    await fronts.successor.emptied()
    fronts.successor.give(clients[1])
    assert clients[1].is_here
    assert fronts.restored == []
    assert len(fronts.adopted) == 1
    fronts.adopted[0][1].close()
    await fronts.close()


@ensureDeferred
async def test_what_can_not_be_read_costs_its_client_only(no_logged_failures: list[Any]) -> None:
    from twisted.internet import reactor

    adopted: list[Any] = []
    received = Predecessor(lambda *given: adopted.append(given), lambda: None)
    ours, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    received.connect(reactor, ours.detach())
    one, its = socket.socketpair()
    its.settimeout(20)
    frame = os.fstat(one.fileno()).st_ino.to_bytes(8, "big") + b"abc"
    socket.send_fds(sender, [len(frame).to_bytes(4, "big") + frame], [one.fileno()])
    one.close()
    while not no_logged_failures:
        await turn()
    assert its.recv(1) == b""
    no_logged_failures.clear()
    sender.close()
    await received.over()
    assert adopted == []


@ensureDeferred
async def test_nobody_is_given_the_socket_of_another_whose_own_was_lost(
    clients: list[Waiting], no_logged_failures: list[Any]
) -> None:
    """As it is where the successor has no descriptor left, and then one again: the kernel does not say so."""
    fronts = Fronts()
    fronts.predecessor.ready()
    await fronts.successor.known()
    lost = clients[1].ours.fileno()
    send, fronts.wanted = fronts.successor.transport.sendFileDescriptor, 2  # type: ignore[union-attr]
    fronts.successor.transport.sendFileDescriptor = lambda number: None if number == lost else send(number)  # type: ignore[union-attr]
    for client in clients:
        fronts.successor.give(client)
    await fronts.successor.emptied()
    assert fronts.restored == [clients[1].passed]
    for client, (known, connected) in zip((clients[0], clients[2]), fronts.adopted, strict=True):
        assert known == client.passed
        connected.sendall(b"x")
        assert client.theirs.recv(1) == b"x"
        connected.close()
    assert [event["count"] for event in no_logged_failures] == [1]
    no_logged_failures.clear()
    await fronts.close()


@ensureDeferred
async def test_some_descriptors_are_left_for_the_front_itself(
    clients: list[Waiting], no_logged_failures: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Redis, and for files that it reads when it first needs them."""
    fronts, asked = Fronts(), iter([False, True, False])
    monkeypatch.setattr(descriptors, "is_scarce", lambda descriptor: next(asked))
    fronts.predecessor.ready()
    await fronts.successor.known()
    for client in clients:
        fronts.successor.give(client)
    await fronts.successor.emptied()
    assert fronts.restored == [clients[1].passed]
    assert [known for known, _ in fronts.adopted] == [clients[0].passed, clients[2].passed]
    for _, connected in fronts.adopted:
        connected.close()
    no_logged_failures.clear()
    await fronts.close()


@pytest.mark.parametrize(
    ("limit", "first"), [(1024, 974), (60, 45), (resource.RLIM_INFINITY, None)], ids=["many", "few", "all"]
)
def test_the_last_descriptors_are_scarce(
    limit: int, first: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    assert [number for number in range(3000) if descriptors.is_scarce(number)][:1] == [*filter(None, [first])]


def turn() -> Deferred[None]:
    """One of the reactor's."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0)  # type: ignore[arg-type]


@ensureDeferred
async def test_a_client_whose_job_is_another_by_now_is_passed_on_with_that_one(
    clients: list[Waiting],
) -> None:
    from twisted.internet import reactor

    shared: list[Any] = [reactor, Wheel(Clock()), Mock(), Mock(), Mock(), ""]
    context = HoldContext(*shared, Waiters(), Mock(), Places(), Mock())
    hold = Hold.taken_over(context, clients[0].passed, clients[0].ours)
    context.waiters.move(clients[0].passed.known.id, "0-a-other")
    found = hold.detach()
    assert found is not None
    again, connected = found
    assert again.known.id == "0-a-other"
    assert again.submission is not None
    assert again.submission.id == "0-a-other"
    assert len(context.waiters) == 0
    connected.close()


def test_what_a_client_was_told_of_events_goes_along() -> None:
    given = msgspec.structs.replace(passed(1), stream="events", told=EventPosition(2, 1, 7, 3))
    taken = decode(encode(given))
    assert (taken.stream, EventPosition(*taken.told)) == ("events", (2, 1, 7, 3))
    before = msgspec.msgpack.decode(encode(passed(1)))  # as a front passes it that knows no events
    del before["stream"], before["told"]
    assert decode(msgspec.msgpack.encode(before)).stream == ""


@ensureDeferred
async def test_a_successor_says_that_it_takes_those_who_are_told_events(clients: list[Waiting]) -> None:
    fronts = Fronts()
    fronts.predecessor.ready()
    while not fronts.successor.takes_streams:
        await turn()
    assert fronts.successor.takes
    fronts.predecessor.stop()
    await fronts.lost
    assert not fronts.successor.takes_streams
    await fronts.close()


@ensureDeferred
async def test_an_older_successor_takes_the_others(clients: list[Waiting]) -> None:
    fronts = await given(clients)
    assert fronts.successor.takes
    assert not fronts.successor.takes_streams
    fronts.there.close()
    await fronts.lost


@ensureDeferred
async def test_a_front_that_waits_for_its_successor_hears_of_all_that_it_takes() -> None:
    """Else it would send those elsewhere who are told events."""
    fronts = Fronts()
    known = fronts.successor.known().addCallback(lambda _: fronts.successor.takes_streams)
    fronts.predecessor.ready()
    assert await known
    await fronts.close()


@ensureDeferred
async def test_a_front_that_waits_for_its_successor_waits_for_its_whole_word() -> None:
    fronts = Fronts()
    known = fronts.successor.known()
    fronts.successor.dataReceived(b"rea")
    assert not known.called
    fronts.successor.dataReceived(b"dy %d\n" % FORMAT)
    assert known.called
    await fronts.close()
