"""A connection's bytes, requests and times, with a clock and a transport in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from relay.front import answers
from relay.front.access import Access
from relay.http.connection import ClientConnection
from relay.http.connections import Connections
from relay.http.forwarding import Proxies
from relay.http.lingering import LINGER_TIME
from relay.http.parser import HEAD_LIMIT, TRAILER_LIMIT
from relay.http.receiving import LAST_REQUEST, REQUEST_TIME
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.http.site import Site
from relay.model.problems.base import RelayError
from relay.net.outgoing import PATIENCE
from tests.front.test_hold import doors

BODY_LIMIT = 1 << 20
KEEPALIVE = 75.0
GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Transport(StringTransportWithDisconnection):
    """A connection that says how much of what was written a client has not taken."""

    aborted = False
    left = 0

    def waiting(self) -> int:
        return self.left

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class Waiting(Transport):
    """One that closes once the other side does, as TLS does."""

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.aborted = True
        StringTransportWithDisconnection.loseConnection(self)


class Scene:
    """A connection to a site that answers each request with its path, at once or when it is told to."""

    def __init__(self, transport: type[Transport] = Transport) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.requests: list[Request] = []
        self.held: list[Deferred[Any]] = []
        self.hold = False
        self.access = Access(False, Proxies())
        self.site = Site(Connections(self.clock, self, BODY_LIMIT, KEEPALIVE, doors(self.clock)))
        self.site.startFactory()
        self.connection: ClientConnection = self.site.buildProtocol(None)
        self.transport = transport()
        self.transport.protocol = self.connection
        self.connection.makeConnection(self.transport)

    def refuse(self, error: RelayError, headers: Any) -> HttpAnswer:
        return answers.problem(error, "")

    def serve(self, request: Request) -> Any:
        self.requests.append(request)
        try:
            self.access.authenticate(request)
            path = request.path()
        except RelayError as error:
            return answers.problem(error, "")
        if not self.hold:
            return answers.json(path)
        self.held.append(Deferred())
        return self.held[-1]

    def send(self, data: bytes, cut: int = 0) -> None:
        for start in range(0, len(data), cut or len(data)):
            if self.transport.connected and self.transport.producerState == "producing":
                self.connection.dataReceived(data[start : start + (cut or len(data))])
            self.clock.advance(0)

    def statuses(self) -> list[int]:
        """Of all answers so far."""
        return [int(part[:3]) for part in self.transport.value().split(b"HTTP/1.1 ")[1:]]

    def problem(self) -> Any:
        return json.loads(self.transport.value().rpartition(b"\r\n\r\n")[2])

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.25] * int(seconds * 4))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def post(*headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    lines = [f"POST /x HTTP/{version}", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


# -- heads --


def test_who_meets_a_connection_in_a_debugger_sees_what_it_does(scene: Scene) -> None:
    scene.hold = True
    scene.connection.address = "127.0.0.1"
    scene.site.connections.doors.enter("127.0.0.1")
    seen = [repr(scene.connection)]
    for data in (b"GET / HTTP/1.1\r\n", b"Host: localhost\r\n\r\n"):
        scene.send(data)
        seen.append(repr(scene.connection))
    scene.transport.loseConnection()
    does = ["idle", "reading", "serving", "detached"]
    assert [*seen, repr(scene.connection)] == [
        f"<{ClientConnection.__name__} of 127.0.0.1, {each}>" for each in does
    ]


def test_a_trailer_is_no_header_and_has_a_limit_of_its_own(scene: Scene) -> None:
    large = b'{"x":"%s"}' % (b"x" * 3 * HEAD_LIMIT)
    trailers = b"X-Forwarded-For: ::1\r\nIdempotency-Key: k\r\n"
    scene.send(
        post("Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(large), large, trailers))
    )
    assert scene.statuses() == [200]
    assert scene.requests[0].headers.keys() == {"host", "transfer-encoding"}
    assert scene.requests[0].body == large
    many = b"".join(b"X-%04d: %s\r\n" % (n, b"y" * 90) for n in range(TRAILER_LIMIT // 100 + 1))
    scene.send(post("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n%b\r\n" % many))
    assert scene.statuses() == [200, 431]


@pytest.mark.parametrize("cut", [0, 1, 100, 1460, 4096, 10_000])
@pytest.mark.parametrize(
    ("size", "status"), [(8_000, 200), (HEAD_LIMIT - 100, 200), (HEAD_LIMIT, 431), (60_000, 431)]
)
@pytest.mark.parametrize("form", ["Cookie: %s", "X-%s: 1"])
def test_the_limit_of_a_head_does_not_depend_on_how_it_comes(
    scene: Scene, form: str, size: int, status: int, cut: int
) -> None:
    scene.send(post(form % ("c" * size), "Content-Length: 2", body=b"{}"), cut)
    assert scene.statuses() == [status]


@pytest.mark.parametrize("cut", [0, 1000])
def test_the_target_counts_for_the_limit_of_a_head(scene: Scene, cut: int) -> None:
    scene.send(b"GET /?%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"q" * HEAD_LIMIT), cut)
    assert scene.statuses() == [431]


def test_a_head_without_end_is_refused(scene: Scene) -> None:
    scene.send(b"GET / HTTP/1.1\r\nX:" + b" " * 1_000_000, cut=10_000)
    assert scene.statuses() == [431]


def test_white_space_around_values_is_taken_off(scene: Scene) -> None:
    scene.send(post("A: \t one two \t", "B:", "C: \t", "Content-Length:\t0 "))
    assert [scene.requests[0].header(name) for name in "abc"] == ["one two", "", ""]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(version="1.2"), 505),
        (post(version="2.0"), 505),
        (post(version="0.9"), 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (post("Transfer-Encoding: gzip", body=b"{}"), 501),
        (post("Transfer-Encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), 501),
        (post("Transfer-Encoding: identity", body=b"{}"), 501),
        (post("Transfer-Encoding: chunked", version="1.0", body=b"2\r\n{}\r\n0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked", "Content-Length: 2", body=b"2\r\n{}\r\n0\r\n\r\n"), 400),
        (b"GET /a%2fb HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
        (b"GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET HTTP://u:p@LOCALHOST:8080/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ],
)
def test_odd_heads(scene: Scene, data: bytes, status: int) -> None:
    scene.send(data)
    assert scene.statuses() == [status]


def test_100_continue_is_for_http_1_1(scene: Scene) -> None:
    scene.send(post("Expect: 100-continue", "Content-Length: 2", version="1.0"))
    assert scene.transport.value() == b""
    other = Scene()
    other.send(post("Expect: 100-continue", "Content-Length: 2"))
    assert other.statuses() == [100]


# -- what is pipelined --


def test_good_requests_before_a_malformed_one_are_answered(scene: Scene) -> None:
    scene.hold = True
    scene.send(b"".join(GET % n for n in range(3)) + b"\x16\x03\x01 what is this\r\n\r\n" + GET % 4)
    while scene.held:
        scene.held.pop(0).callback(answers.json("ok"))
    assert scene.statuses() == [200, 200, 200, 405]
    assert b"Connection: close" in scene.transport.value().rpartition(b"HTTP/1.1")[2]


def test_any_number_of_offers_to_upgrade_is_answered_as_if_there_were_none(scene: Scene) -> None:
    offer = b"GET /x HTTP/1.1\r\nHost: localhost\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    scene.send(offer * 900)
    scene.pass_time(1)
    assert scene.statuses() == [200] * 900
    scene.send(GET % 1)
    assert len(scene.statuses()) == 901


def test_what_waits_behind_a_request_is_bounded_in_bytes(scene: Scene) -> None:
    scene.hold = True
    large = post("Content-Length: 100000", body=b"x" * 100_000)
    sent = 0
    scene.send(GET % 0)
    while scene.transport.producerState == "producing":
        scene.send(large[sent % len(large) :][:65536])
        sent += min(65536, len(large) - sent % len(large))
    assert sent < 500_000
    scene.hold = False
    scene.held[0].callback(answers.json("ok"))
    assert scene.transport.producerState == "producing"


def test_what_waits_behind_a_request_is_bounded_in_number(scene: Scene) -> None:
    scene.hold = True
    scene.send(b"".join(GET % n for n in range(1500)))
    assert len(scene.connection._intake.backlog) < 250
    assert scene.transport.producerState == "paused"
    scene.hold = False
    scene.held[0].callback(answers.json("ok"))
    scene.pass_time(1)
    assert [request.path() for request in scene.requests] == [f"/{n}" for n in range(1500)]


def test_nothing_is_served_while_the_client_does_not_read(scene: Scene) -> None:
    scene.transport.producer.pauseProducing()
    scene.send(GET % 1 + GET % 2)
    assert scene.requests == []
    assert scene.transport.producerState == "paused"
    scene.transport.producer.resumeProducing()
    assert scene.statuses() == [200, 200]
    assert scene.transport.producerState == "producing"


def test_many_requests_are_served_over_several_turns(scene: Scene) -> None:
    scene.connection.dataReceived(b"".join(GET % n for n in range(500)))
    assert 0 < len(scene.requests) < 200
    scene.pass_time(1)
    assert len(scene.requests) == 500


def test_an_error_of_our_own_is_logged_and_ends_the_connection(
    scene: Scene, no_logged_failures: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(ClientConnection, "began", fails)
    scene.send(GET % 1)
    assert scene.transport.aborted
    assert [event["log_format"] for event in no_logged_failures] == ["a request could not be read"]
    no_logged_failures.clear()


@pytest.mark.parametrize("goes", [False, True])
def test_only_a_connection_on_which_nothing_is_read_is_looked_at(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, goes: bool
) -> None:
    looks: list[ClientConnection] = []
    monkeypatch.setattr(ClientConnection, "look", lambda connection: looks.append(connection))
    scene.hold = True
    scene.send(GET % 0)
    scene.pass_time(1)
    assert looks == []
    scene.send(b"".join(GET % n for n in range(1500)))
    scene.pass_time(1)
    assert looks == [scene.connection] * 4
    scene.hold = False
    scene.transport.loseConnection() if goes else scene.held[0].callback(answers.json("ok"))
    scene.pass_time(1)
    looks.clear()
    scene.pass_time(1)
    assert (looks, scene.site.connections.paused) == ([], set())


# -- times --


def test_a_body_that_comes_slowly_but_steadily_is_taken(scene: Scene) -> None:
    scene.send(post("Content-Length: 400000"))
    for _ in range(200):
        scene.pass_time(2)
        scene.send(b"x" * 2000)
    assert scene.statuses() == [200]


def test_a_body_that_comes_too_slowly_is_not_waited_for(scene: Scene) -> None:
    scene.send(post("Content-Length: 400000"))
    for _ in range(int(REQUEST_TIME) + 10):
        scene.pass_time(1)
        scene.send(b"x" * 10)
    assert not scene.transport.connected
    assert scene.transport.value() == b""


def test_a_client_that_reads_slowly_is_served_and_one_that_reads_nothing_is_given_up(scene: Scene) -> None:
    scene.transport.left = 1_000_000
    scene.send(GET % 1)
    scene.pass_time(KEEPALIVE)
    while scene.transport.left:
        assert scene.transport.connected
        scene.transport.left -= 100_000
        scene.pass_time(PATIENCE)
    scene.pass_time(PATIENCE + 1)
    assert not scene.transport.connected
    assert not scene.transport.aborted
    stuck = Scene()
    stuck.transport.left = 1_000_000
    stuck.send(GET % 1)
    stuck.pass_time(KEEPALIVE + 2 * PATIENCE + 1)
    assert stuck.transport.aborted


def test_a_client_that_closes_its_side_reads_what_it_asked_for(scene: Scene) -> None:
    scene.hold = True
    scene.send(GET % 1 + GET % 2)
    scene.connection.readConnectionLost()
    scene.held[0].callback(answers.json("one"))
    assert scene.transport.connected
    scene.held[1].callback(answers.json("two"))
    assert scene.statuses() == [200, 200]
    assert not scene.transport.connected


@pytest.mark.parametrize("data", [post("Connection: close"), b"what is this\r\n\r\n", GET % 1])
def test_a_client_that_does_not_close_is_cut_in_the_end(data: bytes) -> None:
    """Also where a transport waits for it, as TLS does once it has said that it closes."""
    scene = Scene(Waiting)
    scene.send(data)
    closed = scene.site.connections.close()
    scene.pass_time(KEEPALIVE + 3 * PATIENCE)
    assert scene.transport.aborted
    assert (len(scene.site.connections), len(scene.site.connections.doors)) == (0, 0)
    assert closed.called


@pytest.mark.parametrize("data", [b"", GET[:10]])
def test_a_client_that_closes_its_side_and_asked_for_nothing_has_gone(scene: Scene, data: bytes) -> None:
    if data:
        scene.send(data)
    scene.connection.readConnectionLost()
    assert not scene.transport.connected


def test_a_site_that_closes_answers_what_is_pipelined_and_says_so_with_the_last(scene: Scene) -> None:
    scene.hold = True
    scene.send(GET % 1 + GET % 2)
    closed = scene.site.connections.close()
    scene.held[0].callback(answers.json("one"))
    assert b"Connection: close" not in scene.transport.value()
    scene.held[1].callback(answers.json("two"))
    assert scene.transport.value().count(b"Connection: close") == 1
    scene.transport.loseConnection()
    assert closed.called


def test_a_site_that_closes_answers_another_request_on_an_idle_connection(scene: Scene) -> None:
    scene.send(GET % 1)
    closed = scene.site.connections.close()
    scene.pass_time(LAST_REQUEST - 1)
    scene.send(GET % 2)
    assert scene.statuses() == [200, 200]
    scene.pass_time(LINGER_TIME + 1)
    assert closed.called
    idle = Scene()
    idle.send(GET % 1)
    closed = idle.site.connections.close()
    idle.pass_time(LAST_REQUEST + 1)
    assert closed.called


def test_what_is_pipelined_by_a_client_that_seems_to_have_gone_is_still_read(scene: Scene) -> None:
    """A client that closed its side while nothing was read: what it had sent before stands in the socket."""
    scene.hold = True
    scene.send(b"".join(GET % n for n in range(150)))
    assert scene.transport.producerState == "paused"
    scene.connection._doubted = True
    scene.hold = False
    scene.held[0].callback(answers.json("ok"))
    scene.pass_time(1)
    assert scene.transport.producerState == "producing"
    assert len(scene.requests) == 150


def test_a_pipelined_body_has_its_time_from_when_its_turn_comes(scene: Scene) -> None:
    scene.hold = True
    scene.send(GET % 0 + post("Content-Length: 3000", body=b"x" * 300))
    scene.pass_time(REQUEST_TIME + 10)
    scene.hold = False
    scene.held[0].callback(answers.json("ok"))
    for _ in range(27):
        scene.pass_time(1)
        scene.send(b"x" * 100)
    assert scene.statuses() == [200, 200]


def test_100_continue_comes_behind_the_answers_before(scene: Scene) -> None:
    scene.hold = True
    scene.send(GET % 0 + post("Expect: 100-continue", "Content-Length: 2"))
    assert scene.transport.value() == b""
    scene.hold = False
    scene.held[0].callback(answers.json("ok"))
    assert scene.statuses() == [200, 100]


def test_head_is_refused_without_a_body(scene: Scene) -> None:
    scene.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert scene.statuses() == [501]
    assert scene.transport.value().endswith(b"\r\n\r\n")


def test_a_body_in_tiny_chunks_is_read_little_by_little(scene: Scene) -> None:
    """Each chunk costs as much as a large one, and others are to have their turn."""
    chunks = b"2\r\nxy\r\n" * 20_000
    scene.connection.dataReceived(post("Transfer-Encoding: chunked", body=chunks[: 60 << 10]))
    assert len(scene.connection._intake._body) < 4096
    assert scene.transport.producerState == "paused"
    sent = 60 << 10
    while sent < len(chunks):
        scene.pass_time(0.5)
        if scene.transport.producerState == "producing":
            scene.connection.dataReceived(chunks[sent : sent + (60 << 10)])
            sent += 60 << 10
    while scene.transport.producerState == "paused":
        scene.pass_time(0.5)
    scene.send(b"0\r\n\r\n")
    scene.pass_time(1)
    assert scene.statuses() == [200]
    assert scene.requests[0].body == b"xy" * 20_000


def test_a_body_in_ordinary_chunks_is_read_at_once(scene: Scene) -> None:
    body = b"400\r\n%b\r\n" % (b"x" * 1024) * 200
    scene.send(post("Transfer-Encoding: chunked", body=body + b"0\r\n\r\n"))
    assert scene.statuses() == [200]
