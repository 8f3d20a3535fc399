"""One HTTP/2 connection, with h2 at its other end."""

from __future__ import annotations

from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamReset
from h2.settings import SettingCodes, Settings
from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from relay.model.problems.upstream import UpstreamError
from relay.push.goodbye import Goodbye, Goodbyes
from relay.push.http2 import LARGEST, Http2Answer, Http2Connection


class Secure(StringTransport):
    """A transport after its TLS has begun."""

    negotiatedProtocol = b"h2"
    aborting = False

    def abortConnection(self) -> None:
        self.aborting = self.disconnecting = True


class Ends:
    """A connection, and its server."""

    def __init__(self, most: int = 100) -> None:
        self.transport = Secure()
        self.connection = Http2Connection("api.example")
        self.connection.makeConnection(self.transport)  # type: ignore[arg-type]
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        said = {SettingCodes.MAX_CONCURRENT_STREAMS: most}
        self.server.local_settings = Settings(client=False, initial_values=said)
        self.server.initiate_connection()
        self.seen: list[Any] = []

    def pump(self) -> None:
        """Have both ends hear what the other has said, until they are silent."""
        while True:
            sent = self.transport.value()
            self.transport.clear()
            self.seen += self.server.receive_data(sent)
            answer = self.server.data_to_send()
            if not sent and not answer:
                return
            if answer:
                self.connection.dataReceived(answer)

    def requests(self) -> list[int]:
        return [event.stream_id for event in self.seen if isinstance(event, RequestReceived)]

    def answer(self, stream: int, status: str = "200", body: bytes = b"") -> None:
        self.server.send_headers(stream, [(":status", status), ("apns-id", "x")], end_stream=not body)
        for at in range(0, len(body), 8192):
            self.server.send_data(stream, body[at : at + 8192], end_stream=at + 8192 >= len(body))

    def post(self, body: bytes = b"{}") -> list[Any]:
        """What comes of a request."""
        told: list[Any] = []
        self.connection.post("/3/device/x", [("a", "b")], body).addBoth(told.append)
        return told


def error_of(told: list[Any]) -> UpstreamError:
    assert isinstance(told[0], Failure), told
    error = told[0].value
    assert isinstance(error, UpstreamError)
    return error


def goodbye(last: int, why: bytes = b"") -> bytes:
    frame: bytes = GoAwayFrame(0, last_stream_id=last, error_code=0, additional_data=why).serialize()
    return frame


def test_a_request_is_sent_once_the_server_has_said_what_it_takes() -> None:
    ends = Ends()
    told = ends.post(b"body")
    assert b"body" not in ends.transport.value()
    ends.pump()
    (asked,) = [event for event in ends.seen if isinstance(event, RequestReceived)]
    assert dict(asked.headers) == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": "api.example",
        ":path": "/3/device/x",
        "a": "b",
    }
    assert [event.data for event in ends.seen if isinstance(event, DataReceived)] == [b"body"]
    ends.answer(1, "410", b"{}")
    ends.pump()
    assert told == [Http2Answer(410, {"apns-id": "x"}, b"{}")]
    assert ends.connection.is_idle


def test_no_more_are_open_than_the_server_takes() -> None:
    ends = Ends(most=2)
    told = [ends.post() for _ in range(3)]
    ends.pump()
    assert ends.requests() == [1, 3]
    ends.answer(3)
    ends.pump()
    assert ends.requests() == [1, 3, 5]
    assert [len(each) for each in told] == [0, 1, 0]


def test_bodies_wait_for_the_window_of_the_connection() -> None:
    ends = Ends()
    for _ in range(17):
        ends.post(b"x" * 4000)
    ends.pump()
    assert len(ends.requests()) == 16  # of 65,535 bytes
    ends.server.increment_flow_control_window(8000)
    ends.pump()
    assert len(ends.requests()) == 17


def test_one_that_is_taken_back_makes_room() -> None:
    ends = Ends(most=1)
    first = ends.connection.post("/", [], b"")
    first.addErrback(lambda _: None)
    waiting = ends.connection.post("/", [], b"")
    waiting.addErrback(lambda _: None)
    last = ends.post()
    ends.pump()
    waiting.cancel()
    first.cancel()
    ends.pump()
    assert [event.stream_id for event in ends.seen if isinstance(event, StreamReset)] == [1]
    assert ends.requests() == [1, 3]
    ends.answer(3)
    ends.pump()
    assert last[0].status == 200


def test_a_server_that_says_goodbye_still_ends_what_it_has_looked_at() -> None:
    ends = Ends()
    told = [ends.post() for _ in range(3)]
    ends.pump()
    ends.connection.dataReceived(goodbye(3, b'{"reason":"Shutdown"}'))
    error = error_of(told[2])
    assert (error.type, error.retryable, error.members["unsent"]) == ("upstream-cut", True, True)
    assert "Shutdown" in error.detail
    assert not ends.connection.is_usable
    ends.answer(1)
    ends.answer(3)
    ends.pump()
    assert [each[0].status for each in told[:2]] == [200, 200]
    assert ends.transport.disconnecting
    assert "unsent" in error_of(ends.post()).members


def test_an_idle_connection_that_is_told_goodbye_is_closed() -> None:
    ends = Ends()
    ends.pump()
    ends.connection.dataReceived(goodbye(0))
    assert ends.transport.disconnecting


def test_what_was_open_when_the_connection_is_lost_may_have_been_seen_and_what_waited_not() -> None:
    ends = Ends(most=1)
    told = [ends.post() for _ in range(2)]
    ends.pump()
    ends.connection.connectionLost(Failure(ConnectionLost()))
    assert [("unsent" in error_of(each).members) for each in told] == [False, True]
    assert all(error_of(each).retryable for each in told)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64])
def test_what_is_no_http2_ends_the_connection(said: bytes) -> None:
    ends = Ends()
    told = ends.post()
    ends.connection.dataReceived(said)
    assert error_of(told).type == "upstream-malformed"
    assert ends.transport.disconnecting
    assert not ends.connection.is_usable


def test_a_server_that_agreed_to_nothing_is_told_nothing() -> None:
    ends = Ends()
    ends.transport.negotiatedProtocol = None  # type: ignore[assignment]
    told = ends.post(b"body")
    ends.connection.dataReceived(ends.server.data_to_send())
    assert error_of(told).type == "upstream-malformed"
    assert b"body" not in ends.transport.value()


def test_an_answer_that_is_too_long_is_cut_and_the_connection_goes_on() -> None:
    ends = Ends()
    told = ends.post()
    ends.pump()
    ends.answer(1, body=b"x" * (LARGEST + 1))
    ends.pump()
    assert error_of(told).type == "upstream-too-large"
    again = ends.post()
    ends.pump()
    ends.answer(3)
    ends.pump()
    assert again[0].status == 200


def test_a_closed_connection_fails_all_and_takes_nothing_more() -> None:
    ends = Ends()
    told = ends.post()
    ends.pump()
    ends.connection.close("that is enough")
    assert error_of(told).detail == "that is enough"
    assert ends.transport.aborting
    assert "unsent" in error_of(ends.post()).members


# -- goodbyes --


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 1000])
def test_goodbyes_are_taken_out_of_any_pieces(size: int) -> None:
    ping, data = PingFrame(0, b"12345678").serialize(), DataFrame(1, b"x" * 300).serialize()
    empty = DataFrame(1, b"").serialize()
    said = ping + goodbye(7, b"why") + empty + data + goodbye(0) + empty
    goodbyes, passed, found = Goodbyes(), b"", []
    for at in range(0, len(said), size):
        some, told = goodbyes.take(said[at : at + size])
        passed += some
        found += told
    assert passed == ping + empty + data + empty
    assert found == [Goodbye(7, 0, "why"), Goodbye(0, 0, "")]


@pytest.mark.parametrize(
    "head", [b"\x00\x00\x07\x07\x00\x00\x00\x00\x00", b"\x00\x40\x01\x07\x00\x00\x00\x00\x00"]
)
def test_a_goodbye_of_a_wrong_size_ends_the_connection(head: bytes) -> None:
    ends = Ends()
    told = ends.post()
    ends.pump()
    ends.connection.dataReceived(head + b"\0" * 7)
    assert error_of(told).type == "upstream-malformed"
