"""The socket of a client, on real sockets."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from relay.net.bare import bare, cut
from relay.net.client_socket import AT_ONCE, ClientSocket
from relay.net.epoll import DirectEPollReactor
from relay.net.reactors import LoopReactor, ReactorError, new_loop
from relay.net.socket_owner import SocketOwner

LARGE = bytes(range(256)) * 1000  # more than these sockets take


class Waiting(SocketOwner):
    """Is told of the end."""

    def __init__(self) -> None:
        self.lost: Deferred[Failure] = Deferred()
        self.closed: Deferred[None] = Deferred()

    def half_closed(self) -> None:
        self.closed.callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost.callback(reason)  # a second time would be an error

    async def reason(self) -> type | None:
        try:
            await self.lost
        except Exception as error:
            return type(error)
        return None


class Hearing(Protocol):
    """Hears what comes, and does something with it, too; it knows nothing of closing one side."""

    def __init__(self, does: Callable[[], None] = lambda: None) -> None:
        self.does = does
        self.heard: list[bytes] = []
        self.lost: list[type] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        self.does()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.type is not None
        self.lost.append(reason.type)


class Producing:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pauseProducing(self) -> None:
        self.asked.append("pause")

    def resumeProducing(self) -> None:
        self.asked.append("resume")

    def stopProducing(self) -> None:
        self.asked.append("stop")


def sockets(sent_at_once: int = 0) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    if sent_at_once:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sent_at_once)
    return ours, theirs


def over_tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        return listening.accept()[0], theirs


def pair(sent_at_once: int = 0) -> tuple[ClientSocket, Waiting, socket.socket]:
    from twisted.internet import reactor

    ours, theirs = sockets(sent_at_once)
    waiting = Waiting()
    return ClientSocket(reactor, ours, waiting), waiting, theirs


def read_all(theirs: socket.socket) -> bytes:
    data = b""
    while piece := theirs.recv(10_000):
        data += piece
    return data


class Scene:
    """A client, and a reactor that turns when it is told to."""

    def __init__(self, reactor: Any, protocol: Any, sent_at_once: int = 4096) -> None:
        ours, self.theirs = sockets(sent_at_once)
        self.reactor, self.protocol = reactor, protocol
        self.client = ClientSocket(reactor, ours, protocol)

    def until(self, is_so: Callable[[], Any]) -> None:
        for _ in range(2000):
            if is_so():
                return
            self.reactor.iterate(0.01)
        raise AssertionError(f"it never came: {self.client!r}")

    def turn(self) -> None:
        for _ in range(3):
            self.reactor.iterate(0)

    def read(self, size: int) -> bytes:
        """So many bytes that are sent to the client, as it reads them, slowly."""
        self.theirs.setblocking(False)
        data = b""
        while len(data) < size:
            self.reactor.iterate(0)
            try:
                data += self.theirs.recv(min(5000, size - len(data)))
            except BlockingIOError:
                self.reactor.iterate(0.01)
        return data


REACTORS: dict[str, Callable[[], Any]] = {
    "epoll": DirectEPollReactor,
    "poll": PollReactor,
    "select": SelectReactor,
    "asyncio": lambda: LoopReactor(new_loop("asyncio")),
    "uvloop": lambda: LoopReactor(new_loop("uvloop")),
}


@pytest.fixture(params=REACTORS)
def reactor(request: pytest.FixtureRequest) -> Any:
    try:
        return REACTORS[request.param]()
    except ReactorError as error:
        pytest.skip(str(error))


# -- as a hold uses it --


@ensureDeferred
async def test_what_does_not_fit_is_written_as_the_client_reads_and_then_it_is_closed() -> None:
    parked, waiting, theirs = pair(sent_at_once=4096)
    sent = [b"\n", LARGE, b"the end"]
    for data in sent:
        parked.write(data)
    parked.loseWriteConnection()
    parked.write(b"too late")
    assert await deferToThread(read_all, theirs) == b"".join(sent)
    theirs.close()
    assert await waiting.reason() is ConnectionDone


@ensureDeferred
async def test_who_does_not_close_is_not_waited_for_when_that_is_said_again() -> None:
    parked, waiting, theirs = pair()
    parked.write(b"the end")
    parked.loseWriteConnection()
    parked.loseConnection()
    assert await waiting.reason() is ConnectionDone
    theirs.close()


@ensureDeferred
async def test_a_client_that_closes_its_side_is_written_to_until_it_reads_no_more() -> None:
    parked, waiting, theirs = pair()
    theirs.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    theirs.shutdown(socket.SHUT_WR)
    await waiting.closed
    parked.write(b"still")
    assert await deferToThread(theirs.recv, 10) == b"still"
    theirs.close()
    parked.write(b"and then")
    assert await waiting.reason() is ConnectionLost


@ensureDeferred
async def test_once_the_client_has_closed_its_side_our_end_is_the_end() -> None:
    parked, waiting, theirs = pair(sent_at_once=4096)
    theirs.shutdown(socket.SHUT_WR)
    await waiting.closed
    parked.write(LARGE)
    parked.loseWriteConnection()
    assert await deferToThread(read_all, theirs) == LARGE
    assert await waiting.reason() is ConnectionDone
    theirs.close()


@ensureDeferred
async def test_a_client_that_closes_its_side_during_the_answer_gets_all_of_it() -> None:
    parked, waiting, theirs = pair(sent_at_once=4096)
    parked.write(LARGE)
    parked.loseWriteConnection()
    theirs.shutdown(socket.SHUT_WR)
    assert await deferToThread(read_all, theirs) == LARGE
    assert await waiting.reason() is ConnectionDone
    theirs.close()


@ensureDeferred
async def test_a_cut_is_one_end_and_nothing_is_written_after_it() -> None:
    parked, waiting, theirs = pair()
    parked.abortConnection()
    parked.abortConnection()
    parked.write(b"x")
    parked.loseConnection()
    parked.loseWriteConnection()
    assert parked.give_away() is None
    assert not waiting.lost.called  # whoever cuts goes on first
    assert await waiting.reason() is ConnectionAborted
    assert parked.fileno() == -1
    assert await deferToThread(theirs.recv, 10) == b""
    theirs.close()


def test_a_cut_resets_the_connection() -> None:
    reactor = DirectEPollReactor()
    ours, theirs = over_tcp()
    client = ClientSocket(reactor, ours, Hearing())
    client.abortConnection()
    reactor.iterate(0)
    theirs.settimeout(20)
    with pytest.raises(ConnectionResetError):
        theirs.recv(10)
    theirs.close()


def test_whoever_waits_can_cut_it_at_once() -> None:
    ours, theirs = sockets()
    clock, waiting = MemoryReactorClock(), Hearing()
    client = ClientSocket(clock, ours, waiting)
    client.abortConnection()
    cut(client)
    assert waiting.lost == [ConnectionAborted]
    clock.advance(1)
    cut(client)
    assert waiting.lost == [ConnectionAborted]
    theirs.close()


def test_a_transport_with_a_wrapper_stays_as_it_is() -> None:
    transport: Any = object()
    assert bare(transport, Waiting()) is transport


# -- as a connection uses it, on each reactor --


def test_all_is_heard_until_the_client_closes(reactor: Any) -> None:
    scene = Scene(reactor, Hearing())
    scene.theirs.sendall(b"one")
    scene.until(lambda: scene.protocol.heard)
    scene.theirs.sendall(b"two")
    scene.theirs.close()
    scene.until(lambda: scene.protocol.lost)
    assert scene.protocol.heard == [b"one", b"two"]
    assert scene.protocol.lost == [ConnectionDone]
    assert (
        scene.client.doRead() is scene.client.doWrite() is None
    )  # a reactor may be in the middle of its round
    assert scene.client not in reactor.getReaders()


def test_what_is_written_goes_out_before_the_end_and_nothing_is_heard_any_more(reactor: Any) -> None:
    scene = Scene(reactor, Hearing())
    scene.client.write(LARGE)
    scene.client.write(b"the end")
    scene.client.loseConnection()
    scene.client.loseConnection()
    scene.theirs.sendall(b"more")
    assert scene.read(len(LARGE) + 7) == LARGE + b"the end"
    scene.until(lambda: scene.protocol.lost)
    assert (scene.protocol.heard, scene.protocol.lost) == ([], [ConnectionDone])
    scene.theirs.close()


def test_whoever_closes_hears_of_the_end_later(reactor: Any) -> None:
    scene = Scene(reactor, Hearing())
    scene.client.loseConnection()
    assert scene.protocol.lost == []
    scene.until(lambda: scene.protocol.lost)
    assert scene.protocol.lost == [ConnectionDone]
    scene.theirs.close()


def test_nothing_is_read_while_it_is_paused(reactor: Any) -> None:
    scene = Scene(reactor, Hearing(lambda: scene.client.pauseProducing()))
    scene.theirs.sendall(b"one")
    scene.until(lambda: scene.protocol.heard)
    scene.theirs.sendall(b"two")
    scene.turn()
    assert scene.protocol.heard == [b"one"]
    scene.client.resumeProducing()
    scene.until(lambda: len(scene.protocol.heard) == 2)
    scene.client.abortConnection()
    scene.client.resumeProducing()
    scene.until(lambda: scene.protocol.lost)
    scene.theirs.close()


def test_what_is_written_goes_out_also_to_a_client_that_closes_its_side(reactor: Any) -> None:
    """The reactor may have seen that before it was told to read no more."""
    scene, producer = Scene(reactor, Hearing()), Producing()
    scene.client.registerProducer(producer, True)
    scene.client.write(LARGE)
    scene.client.loseConnection()
    scene.client.readConnectionLost(Failure(ConnectionDone()))
    assert scene.read(len(LARGE)) == LARGE
    scene.until(lambda: scene.protocol.lost)
    assert producer.asked == ["pause", "stop"]
    scene.theirs.close()


def test_who_produces_pauses_while_the_client_reads_slowly(reactor: Any) -> None:
    scene, producer = Scene(reactor, Hearing()), Producing()
    scene.client.registerProducer(producer, True)
    with pytest.raises(RuntimeError):
        scene.client.registerProducer(Producing(), True)
    scene.client.write(b"fits")
    assert producer.asked == []
    scene.client.write(LARGE)
    assert producer.asked == ["pause"]
    assert scene.client.waiting() > AT_ONCE
    assert scene.read(4 + len(LARGE)) == b"fits" + LARGE
    scene.until(lambda: len(producer.asked) > 1)
    assert producer.asked == ["pause", "resume"]
    scene.theirs.close()
    scene.until(lambda: scene.protocol.lost)
    assert producer.asked == ["pause", "resume", "stop"]


def test_a_connection_that_has_ended_has_no_producer(reactor: Any) -> None:
    scene, producer = Scene(reactor, Hearing()), Producing()
    scene.client.abortConnection()
    scene.client.registerProducer(producer, True)
    assert producer.asked == ["stop"]
    scene.until(lambda: scene.protocol.lost)
    scene.theirs.close()


def test_a_protocol_that_cuts_what_it_hears_is_called_once_more(reactor: Any) -> None:
    scene = Scene(reactor, Hearing(lambda: scene.client.abortConnection()))
    scene.client.write(LARGE)  # so that the socket may be ready for both
    scene.theirs.sendall(b"one")
    scene.until(lambda: scene.protocol.lost)
    scene.turn()
    assert (scene.protocol.heard, scene.protocol.lost) == ([b"one"], [ConnectionAborted])
    scene.theirs.close()


def fails() -> None:
    raise ValueError("of the protocol")


class FailingAtItsEnd(Waiting):
    """Can't hear that the client has closed its side."""

    def half_closed(self) -> None:
        fails()


def kinds(logged: list[Any]) -> list[type]:
    """The errors that were logged, which are forgotten."""
    found = [(event.get("log_failure") or event["failure"]).type for event in logged]
    logged.clear()
    return found


def test_a_protocol_that_fails_is_logged_and_its_connection_ends(
    reactor: Any, no_logged_failures: list[Any]
) -> None:
    scene = Scene(reactor, Hearing(fails))
    scene.theirs.sendall(b"one")
    scene.until(lambda: scene.protocol.lost)
    assert scene.protocol.lost == [ValueError]
    assert kinds(no_logged_failures) == [ValueError]
    assert scene.theirs.recv(10) == b""
    scene.theirs.close()


def test_a_protocol_that_fails_as_a_side_closes_is_logged_too(
    reactor: Any, no_logged_failures: list[Any]
) -> None:
    scene = Scene(reactor, FailingAtItsEnd())
    scene.theirs.shutdown(socket.SHUT_WR)
    scene.until(lambda: scene.protocol.lost.called)
    scene.protocol.lost.addErrback(lambda failure: failure.trap(ValueError))
    assert kinds(no_logged_failures) == [ValueError]
    scene.theirs.close()


def test_a_reset_is_the_loss_of_the_connection(reactor: Any) -> None:
    ours, theirs = over_tcp()
    protocol = Hearing()
    client = ClientSocket(reactor, ours, protocol)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    for _ in range(2000):
        reactor.iterate(0.01)
        if protocol.lost:
            break
    assert protocol.lost == [ConnectionLost]
    assert client.getPeer().host == ""


def test_a_socket_that_is_given_away_takes_along_what_is_unsent(reactor: Any) -> None:
    scene = Scene(reactor, Hearing())
    scene.client.write(LARGE)
    given = scene.client.give_away()
    assert given is not None
    assert scene.client.give_away() is None
    assert scene.client.fileno() == -1
    scene.client.write(b"x")
    scene.client.loseConnection()
    scene.turn()
    connected, unsent = given
    assert 0 < len(unsent) < len(LARGE)
    assert LARGE.endswith(unsent)
    assert scene.protocol.lost == []
    again = Hearing()
    taken = ClientSocket(reactor, connected, again)
    taken.write(unsent)
    taken.loseConnection()
    assert scene.read(len(LARGE)) == LARGE
    scene.until(lambda: again.lost)
    scene.theirs.close()


def test_another_protocol_hears_what_comes_from_then_on(reactor: Any) -> None:
    scene, other = Scene(reactor, Hearing()), Hearing()
    scene.theirs.sendall(b"one")
    scene.until(lambda: scene.protocol.heard)
    scene.client.protocol = other
    scene.theirs.sendall(b"two")
    scene.theirs.close()
    scene.until(lambda: other.lost)
    assert (scene.protocol.heard, scene.protocol.lost, other.heard) == ([b"one"], [], [b"two"])


# -- addresses, descriptors, and odd errors --


@pytest.mark.parametrize(
    ("family", "name", "kind"),
    [
        (socket.AF_INET, ("127.0.0.1", 0), IPv4Address),
        (socket.AF_INET6, ("::1", 0), IPv6Address),
        (socket.AF_UNIX, "\0relay-test-client-socket", UNIXAddress),
    ],
)
def test_it_knows_who_speaks_with_whom(family: int, name: Any, kind: type) -> None:
    with socket.socket(family) as listening, socket.socket(family) as theirs:
        try:
            listening.bind(name)
        except OSError:
            pytest.skip("this machine has none")
        listening.listen()
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        client = ClientSocket(MemoryReactorClock(), ours, Hearing())
        assert isinstance(client.getPeer(), kind)
        assert isinstance(client.getHost(), kind)
        if family != socket.AF_UNIX:
            assert client.getPeer().port == theirs.getsockname()[1]  # type: ignore[attr-defined]
            assert client.getHost().port == listening.getsockname()[1]  # type: ignore[attr-defined]
        client.close()


def test_descriptors_may_be_high() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 2000:
        pytest.skip("too few descriptors")
    reactor, protocol = DirectEPollReactor(), Hearing()
    ours, theirs = socket.socketpair()
    high = socket.socket(fileno=fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD_CLOEXEC, 1500))
    ours.close()
    ClientSocket(reactor, high, protocol)
    theirs.sendall(b"one")
    theirs.close()
    while not protocol.lost:
        reactor.iterate(0.01)
    assert protocol.heard == [b"one"]


class Full(ClientSocket):
    """Has no room in the kernel, and then it has."""

    __slots__ = ("errors",)

    def send(self, data: Any, flags: int = 0) -> int:
        if self.errors:
            raise OSError(self.errors.pop(0), "no")
        return super().send(data, flags)


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EINTR, errno.ENOBUFS])
def test_a_kernel_that_has_no_room_is_asked_again(error: int) -> None:
    ours, theirs = socket.socketpair()
    client = Full(MemoryReactorClock(), ours, Hearing())
    client.errors = [error, error]
    client.write(b"one")
    assert client.doWrite() is None
    assert client.waiting() == 3
    assert client.doWrite() is None
    assert theirs.recv(10) == b"one"
    assert not client.waiting()
    client.close()
    theirs.close()


def test_a_loss_that_a_write_meets_is_told_by_the_next() -> None:
    ours, theirs = socket.socketpair()
    client = Full(MemoryReactorClock(), ours, Hearing())
    client.errors = [errno.EPIPE, errno.EPIPE]
    client.write(b"one")
    assert isinstance(client.doWrite(), ConnectionLost)
    os.close(client.detach())
    theirs.close()
