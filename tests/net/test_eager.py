"""Writing at once: all goes to the socket in its order, and what does not fit is left to the transport."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor, StringTransport

from relay.net.eager import eager_write

LARGE = bytes(range(256)) * (4 << 12)  # 4 MiB, more than a socket takes


class Scene:
    """A connected transport, and the socket at its other end."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.reactor = MemoryReactor()
        self.transport: Any = Connection(ours, Protocol(), self.reactor)
        self.transport.connected = True

    def write(self, data: bytes) -> None:
        eager_write(self.transport, data)

    def waits(self) -> bool:
        """Whether the transport has something to write."""
        return self.transport in self.reactor.writers

    def arrived(self) -> bytes:
        """All that has come by now."""
        found = b""
        while True:
            try:
                piece = self.theirs.recv(1 << 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            found += piece

    def close(self) -> None:
        self.transport.socket.close()
        self.theirs.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_what_fits_is_there_at_once(scene: Scene) -> None:
    scene.write(b"one ")
    scene.write(b"two")
    assert (scene.arrived(), scene.waits()) == (b"one two", False)


def test_what_does_not_fit_follows_and_what_is_written_next_comes_behind_it(scene: Scene) -> None:
    scene.write(LARGE)
    scene.write(b"the next")
    assert scene.waits()
    found = b""
    while scene.waits():
        found += scene.arrived()
        assert scene.transport.doWrite() is None
    assert found + scene.arrived() == LARGE + b"the next"


def test_a_socket_without_room_raises_nothing(scene: Scene) -> None:
    while not scene.waits():
        scene.write(LARGE)
    scene.transport._tempDataBuffer.clear()
    scene.write(b"there is no room for this")
    assert scene.transport._tempDataBuffer == [b"there is no room for this"]


def test_the_end_of_a_connection_is_left_to_the_transport(scene: Scene) -> None:
    scene.theirs.close()
    scene.write(b"nobody reads this")
    assert scene.waits()
    assert scene.transport.doWrite() is CONNECTION_LOST


@pytest.mark.parametrize("how", ["disconnecting", "disconnected"])
def test_nothing_goes_out_behind_the_end(scene: Scene, how: str) -> None:
    if how == "disconnected":
        scene.transport.connected = False
    setattr(scene.transport, how, True)
    scene.write(b"too late")
    assert scene.arrived() == b""


def test_another_transport_writes_by_itself() -> None:
    transport = StringTransport()
    eager_write(transport, b"data")
    assert transport.value() == b"data"
