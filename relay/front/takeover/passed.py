"""A front that leaves hands its held clients over to the front that succeeds it: their sockets, and what is known of
them. The clients notice nothing.

Both have one end of a Unix stream socket. The one that leaves sends a frame for each client (4 bytes of length, then 8
of the socket's inode, then a `Passed` as MessagePack) with the client's socket beside it (``SCM_RIGHTS``). It hears
lines: ``ready FORMAT``, from then on clients are taken; ``streams``, said together with it: those who are told events
are taken, too; ``took N``, the next N clients were taken over; ``back N``, the next N can't be; ``stop``, no more are
taken. It keeps its own copy of a socket until then, so no client is lost if its successor dies.

A process that has no descriptor left gets the frame without the socket, and no notice of that. The inode tells which
socket belongs to which client, so that no client gets the answer of another.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory

from relay.front.hold.policy import HoldPolicy
from relay.model.caller import FREE, Allowance, Caller
from relay.model.status import JobStatus
from relay.store.messages import Submission

FORMAT = 2  # of what is handed over: another is not read
INODE = 8  # bytes
READY, STREAMS, TOOK, BACK, STOP = "ready", "streams", "took", "back", "stop"


class Passed(msgspec.Struct, frozen=True):
    """What is known of a client that was committed. Times are seconds of the machine's monotonic clock."""

    known: JobStatus
    owner: str
    policy: HoldPolicy = msgspec.field(name="terms")  # by the name that fronts before this one read
    chunked: bool
    address: str
    until: float  # when the wait ends
    due: float  # when its next heartbeat is
    unsent: bytes = b""
    submission: Submission | None = None  # in case the store forgets the job
    name: str = ""  # of its caller, among whose held requests it counts
    held: int = 0  # how many its caller may have held, 0 for any number
    trail: tuple[str, ...] | None = None  # of its request
    stream: str = ""  # the form in which it is told events (`relay.front.hold.event_streams`), "" for none
    told: tuple[int, int, int, int] = (0, 0, 0, 0)  # what it was told of these: a `EventPosition`

    @property
    def caller(self) -> Caller:
        """The caller, as far as a hold has to know it."""
        return Caller(self.owner, name=self.name, allowance=Allowance(held=self.held) if self.held else FREE)


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Passed).decode


def inode(connected: socket.socket) -> bytes:
    """The same in each process that has this socket."""
    return os.fstat(connected.fileno()).st_ino.to_bytes(INODE, "big")


def adopt(reactor: Any, descriptor: int, protocol: Any) -> None:
    """Have a protocol speak through a socket that this process was handed."""
    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    os.set_blocking(descriptor, False)
    reactor.adoptStreamConnection(descriptor, socket.AF_UNIX, factory)
    os.close(descriptor)  # which was duplicated


def waited(waiting: list[Deferred[None]], is_so: bool) -> Deferred[None]:
    """Fires at once if it is so, else with `fire`."""
    if is_so:
        return succeed(None)
    deferred: Deferred[None] = Deferred()
    waiting.append(deferred)
    return deferred


def fire(waiting: list[Deferred[None]]) -> None:
    """It is so: whoever waited for it hears it."""
    fired, waiting[:] = list(waiting), []
    for deferred in fired:
        if not deferred.called:
            deferred.callback(None)
