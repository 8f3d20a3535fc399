"""The socket of a client that waits, on real sockets."""

from __future__ import annotations

import socket
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from relay.net.detached import DetachedSocket, detach


class Waiting:
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


def pair(sent_at_once: int = 0) -> tuple[DetachedSocket, Waiting, socket.socket]:
    from twisted.internet import reactor

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(20)
    if sent_at_once:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sent_at_once)
    waiting = Waiting()
    return DetachedSocket(reactor, ours, waiting), waiting, theirs


def read_all(theirs: socket.socket) -> bytes:
    data = b""
    while piece := theirs.recv(10_000):
        data += piece
    return data


@ensureDeferred
async def test_what_does_not_fit_is_written_as_the_client_reads_and_then_it_is_closed() -> None:
    parked, waiting, theirs = pair(sent_at_once=4096)
    sent = [b"\n", bytes(range(256)) * 4000, b"the end"]
    for data in sent:
        parked.write(data)
    parked.loseConnection()
    parked.write(b"too late")
    assert await deferToThread(read_all, theirs) == b"".join(sent)
    theirs.close()
    assert await waiting.reason() is ConnectionDone


@ensureDeferred
async def test_who_does_not_close_is_not_waited_for_when_that_is_said_again() -> None:
    parked, waiting, theirs = pair()
    parked.write(b"the end")
    parked.loseConnection()
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
async def test_a_cut_is_one_end_and_nothing_is_written_after_it() -> None:
    parked, waiting, theirs = pair()
    parked.abortConnection()
    parked.abortConnection()
    parked.write(b"x")
    assert await waiting.reason() is ConnectionAborted
    assert parked.fileno() == -1
    assert await deferToThread(theirs.recv, 10) == b""
    theirs.close()


def test_a_transport_with_a_wrapper_stays_as_it_is() -> None:
    transport: Any = object()
    assert detach(transport, Waiting()) is transport
