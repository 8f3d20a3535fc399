"""The client of a job against servers that want its worker's memory."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web._newclient import HTTP11ClientProtocol, HTTPClientParser

from relay.net.api_connection import HEAD
from relay.outbound import UpstreamError, pieces
from tests.outbound.conftest import Scene
from tests.outbound.hostile import CHUNKED, GZIP, OK, STALL, Hostile, bomb, packed
from tests.outbound.test_client import read

MUCH = 4 << 20  # bytes that no answer here needs to be refused
LINE = b"X-A: " + b"a" * 16_000 + b"\r\n"


FLOODS = {
    "headers": ((OK,), LINE),
    "one line": ((OK + b"X-A: ",), b"a" * 16_000),
    "a folded header": ((OK + b"X-A: a\r\n",), b" a" * 8_000 + b"\r\n"),
    "short headers": ((OK,), b"a:\r\n" * 4_000),
    "a status line": ((b"HTTP/1.1 200 ",), b"a" * 16_000),
    "informational answers": ((), b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 500),
    "chunk extensions": ((CHUNKED,), b"1;" + b"a" * 1_000 + b"\r\nx\r\n"),
    "trailers": ((CHUNKED + b"1\r\nx\r\n0\r\n",), LINE),
    "a compressed body that stays empty": ((GZIP, packed(b"")), packed(b"") * 1_000),
    "what follows a compressed body": ((GZIP, packed(b"x")), b"junk" * 4_000),
}


@ensureDeferred
@pytest.mark.parametrize("name", FLOODS)
async def test_all_that_is_no_body_has_a_bound(scene: Scene, hostile: Hostile, name: str) -> None:
    first, then = FLOODS[name]
    url = hostile.answer(*first, then=then)
    with pytest.raises(UpstreamError) as caught:
        await read(scene.job(), url, idempotent=False, max_bytes=10_000)
    assert caught.value.type in ("upstream-too-large", "upstream-malformed", "upstream-encoding")
    assert hostile.sent < MUCH + HEAD


@ensureDeferred
async def test_an_answer_that_is_too_much_ends_a_request_that_is_still_sent(
    scene: Scene, hostile: Hostile
) -> None:
    with pytest.raises(UpstreamError) as caught:
        await scene.job().post(hostile.answer(OK, then=LINE), data=bytes(20 << 20))
    assert caught.value.type == "upstream-too-large"


@ensureDeferred
@pytest.mark.parametrize("option", ["data", "files"])
async def test_a_large_body_that_is_cut_has_its_problem_type(
    scene: Scene, hostile: Hostile, option: str
) -> None:
    hostile.answer()
    body = bytes(20 << 20)
    options: Any = {option: body if option == "data" else {"file": ("name", BytesIO(body))}}
    with pytest.raises(UpstreamError) as caught:
        await scene.job().post(hostile.url, **options)
    assert caught.value.type == "upstream-cut"


@ensureDeferred
@pytest.mark.parametrize("size", [b"", b"Content-Length: 1000000000\r\n"])
async def test_a_redirect_is_followed_whatever_its_body(scene: Scene, hostile: Hostile, size: bytes) -> None:
    url = hostile.answer(b"HTTP/1.1 302 Found\r\nLocation: /there\r\n" + size + b"\r\n", then=bytes(16_000))
    hostile.answer(OK + b"Content-Length: 5\r\n\r\nthere")
    assert await (await scene.job().get(url)).content() == b"there"
    assert hostile.sent < MUCH


@ensureDeferred
async def test_a_redirect_is_followed_though_its_body_stops(scene: Scene, hostile: Hostile) -> None:
    location = b"Location: " + scene.api.url.encode() + b"/fine\r\n"
    url = hostile.answer(b"HTTP/1.1 302 Found\r\n" + location + b"Content-Length: 10\r\n\r\nstops", STALL)
    assert await (await scene.job().get(url)).content() == b"fine"


class Slow(Protocol):
    """Reads a body, and pauses after each piece."""

    def __init__(self) -> None:
        self.size = 0
        self.paused: Deferred[None] = Deferred()
        self.over: Deferred[Any] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.size += len(data)
        self.transport.pauseProducing()  # type: ignore[union-attr]
        if not self.paused.called:
            self.paused.callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        self.over.callback(None)


@ensureDeferred
async def test_nothing_is_pushed_on_a_reader_that_pauses(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(GZIP + bomb(64))
    response = await scene.job().get(url, unbuffered=True, max_bytes=0)
    slow = Slow()
    response.deliverBody(slow)
    await slow.paused
    await scene.job().get(scene.api.url + "/fine")  # meanwhile more has come
    assert slow.size <= 1 << 16
    slow.transport.loseConnection()  # type: ignore[union-attr]
    await slow.over


@ensureDeferred
async def test_a_compressed_body_is_taken_in_pieces_to_its_end(scene: Scene, hostile: Hostile) -> None:
    text = bytes(range(256)) * 40_000
    url = hostile.answer(GZIP + packed(text[:5_000_000]) + packed(text[5_000_000:]))
    response = await scene.job().get(url, unbuffered=True, max_bytes=0)
    assert b"".join([piece async for piece in pieces(response, 300_000)]) == text


@ensureDeferred
async def test_a_body_is_compressed_once(scene: Scene, hostile: Hostile) -> None:
    body = packed(packed(b"text"))
    response = await scene.job().get(hostile.answer(OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + body))
    with pytest.raises(UpstreamError) as caught:
        await response.content()
    assert caught.value.type == "upstream-encoding"


@ensureDeferred
async def test_tiny_chunks_are_read(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
    assert await (await scene.job().get(url)).content() == b"x" * 100_000


def test_what_is_used_of_twisteds_own_is_there() -> None:
    for name in ("_disconnectParser", "_state", "_parser", "_responseDeferred", "_finishedRequest"):
        assert hasattr(HTTP11ClientProtocol, name)
    assert {"_transferDecoders", "_log", "MAX_LENGTH"} <= {*dir(HTTPClientParser)}
