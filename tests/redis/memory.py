"""A Redis in memory, as far as links can tell: it answers what the test says, when the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hiredis
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

Words = list[bytes]


class _Transport(StringTransport):
    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.reader = hiredis.Reader()
        self.closing = False

    def abortConnection(self) -> None:
        self.closing = True

    loseConnection = abortConnection  # type: ignore[assignment]


@implementer(IStreamClientEndpoint)
class MemoryRedis:
    """`answer` makes the reply to each command, as it goes over the wire; None for silence, or for one that comes later
    by `push`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answer: Callable[[Words], bytes | None] = plain
        self.shown, self.greeting = "redis://h:6379", list[Any]()
        self.on_moved: list[Callable[[str], None]] = []
        self.astray: list[str] = []
        self.refuses = False
        self.asked: list[Words] = []
        self.connects = 0
        self._open: list[_Transport] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        self.connects += 1
        if self.refuses:
            return fail(ConnectionRefusedError())
        transport = _Transport()
        transport.protocol = factory.buildProtocol(None)
        self._open.append(transport)
        self.clock.callLater(0, transport.protocol.makeConnection, transport)
        return succeed(transport.protocol)

    @property
    def replicas(self) -> int:
        return 0

    def mistake(self, said: str) -> str:
        return ""

    def led_astray(self, said: str) -> None:
        self.astray.append(said)

    def turn(self, seconds: float = 0.0) -> None:
        """Let time pass and everything be answered, in steps that no timer of a link is shorter than."""
        end = self.clock.seconds() + seconds
        while True:
            self._serve()
            left = end - self.clock.seconds()
            self.clock.advance(min(0.05, max(0.0, left)))
            if left <= 0:
                self._serve()
                return

    def push(self, data: bytes) -> None:
        """Say something on every connection."""
        for transport in list(self._open):
            transport.protocol.dataReceived(data)
        self.turn()

    def cut(self) -> None:
        """Close every connection."""
        for transport in self._open:
            transport.closing = True
        self.turn()

    def verbs(self) -> list[bytes]:
        """The first word of each command so far."""
        return [words[0] for words in self.asked]

    def _serve(self) -> None:
        busy = True
        while busy:
            busy = False
            for transport in list(self._open):
                transport.reader.feed(transport.value())
                transport.clear()
                while (words := transport.reader.gets()) is not False and not transport.closing:
                    busy = True
                    self.asked.append(words)
                    reply = self.answer(words)
                    if reply is not None:
                        transport.protocol.dataReceived(reply)
                if transport.closing:
                    busy = True
                    self._open.remove(transport)
                    transport.protocol.connectionLost(Failure(ConnectionDone()))


class MemoryCluster:
    """Nodes that have all slots or none, each by what it knows: `knows` says of each node who it takes for the owner,
    as far as it was told by `moved`. Those in `down` take their Cluster for down, those in `hung` say nothing."""

    def __init__(self, clock: Clock, *ports: int) -> None:
        self.clock = clock
        self.nodes = {("n", port): MemoryRedis(clock) for port in ports}
        self.knows = dict.fromkeys(self.nodes, ("n", ports[0]))
        self.down: set[tuple[str, int]] = set()
        self.hung: set[tuple[str, int]] = set()
        for node, server in self.nodes.items():
            server.answer = lambda words, node=node: self._answer(node, words)  # type: ignore[misc]

    def reach(self, node: tuple[str, int]) -> MemoryRedis:
        """What connects to a node."""
        return self.nodes[node]

    def moved(self, port: int, *told: int) -> None:
        """The slots are at another node, as these nodes know; all of them if none is named."""
        for _, each in [("n", other) for other in told] or list(self.nodes):
            self.knows["n", each] = ("n", port)

    def turn(self, seconds: float = 0.0) -> None:
        """Let time pass and everything be answered."""
        end = self.clock.seconds() + seconds
        while True:
            for server in self.nodes.values():
                server.turn()
            left = end - self.clock.seconds()
            if left <= 0:
                return
            self.clock.advance(min(0.05, left))

    def asked(self, port: int, word: bytes) -> int:
        """How often a node heard a command."""
        return self.nodes["n", port].verbs().count(word)

    def _answer(self, node: tuple[str, int], words: Words) -> bytes | None:
        owner = self.knows[node]
        if node in self.hung:
            return None
        match words[:2]:
            case [b"CLUSTER", b"INFO"]:
                return bulk(b"cluster_state:%b\r\n" % (b"fail" if node in self.down else b"ok"))
            case [b"CLUSTER", b"SLOTS"]:
                return _slots([owner, *(each for each in self.nodes if each != owner)])
            case [b"PING"] | [b"ROLE"]:
                return plain(words)
        if node in self.down:
            return b"-CLUSTERDOWN The cluster is down\r\n"
        if owner != node:
            return b"-MOVED 1 %b:%d\r\n" % (owner[0].encode(), owner[1])
        return plain(words)


def _slots(nodes: list[tuple[str, int]]) -> bytes:
    rows = [
        b"*3\r\n%b:%d\r\n%b" % (bulk(host.encode()), port, bulk(b"name of %d" % port)) for host, port in nodes
    ]
    return b"*1\r\n*%d\r\n:0\r\n:16383\r\n%b" % (2 + len(rows), b"".join(rows))


def plain(words: Words) -> bytes | None:
    """A healthy server without data: nothing comes for a reader that blocks."""
    match words[0]:
        case b"PING":
            return b"+PONG\r\n"
        case b"INFO":
            return bulk(b"redis_version:7.0.15\r\nrun_id:abc\r\nmaxmemory_policy:noeviction\r\n")
        case b"EVALSHA":
            return b"*2\r\n$5\r\nepoch\r\n:0\r\n"
        case b"XREAD":
            return None
    return b"+OK\r\n"


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)
