"""The client of a job against servers that want its worker's memory, its time or its secrets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web._newclient import HTTP11ClientProtocol, HTTPClientParser

from relay.outbound import UpstreamError, UpstreamLimited, pieces
from relay.outbound.connection import HEAD
from tests.outbound.conftest import Scene, scene
from tests.outbound.hostile import CHUNKED, GZIP, OK, Hostile, bomb, packed
from tests.outbound.test_client import read

__all__ = ["scene"]
MUCH = 4 << 20  # bytes that no answer here needs to be refused
LINE = b"X-A: " + b"a" * 16_000 + b"\r\n"


@pytest_twisted.async_yield_fixture
async def hostile(scene: Scene) -> AsyncIterator[Hostile]:
    hostile = Hostile(scene.reactor)
    yield hostile
    for client in scene.clients:
        client.close()
    await scene.upstreams.close()
    await hostile.stop()


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
@pytest.mark.parametrize("size", [b"", b"Content-Length: 1000000000\r\n"])
async def test_a_redirect_is_followed_whatever_its_body(scene: Scene, hostile: Hostile, size: bytes) -> None:
    url = hostile.answer(b"HTTP/1.1 302 Found\r\nLocation: /there\r\n" + size + b"\r\n", then=bytes(16_000))
    hostile.answer(OK + b"Content-Length: 5\r\n\r\nthere")
    assert await (await scene.job().get(url)).content() == b"there"
    assert hostile.sent < MUCH


@ensureDeferred
async def test_a_redirect_is_followed_though_its_body_stops(scene: Scene, hostile: Hostile) -> None:
    class Stops:
        def __iter__(self) -> Iterator[bytes]:
            yield b"HTTP/1.1 302 Found\r\nLocation: " + scene.api.url.encode() + b"/fine\r\n"
            yield b"Content-Length: 10\r\n\r\nstops"
            hostile_stops.callback(None)
            while True:
                yield b"."

    hostile_stops: Deferred[None] = Deferred()
    hostile.answers.append(Stops())
    response = await scene.job().get(hostile.url + "/")
    assert await response.content() == b"fine"


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


CHARSETS = {
    "punycode": "pÃ¼",
    "unicode_escape": "pÃ¼",
    "idna": "pÃ¼",
    "rot13": "pÃ¼",
    "x" * 300: "pÃ¼",
    "utf-8": "pü",
    "'UTF8'": "pü",
    "windows-1251": "p\u0413\u0458",
}


@ensureDeferred
@pytest.mark.parametrize("name", CHARSETS)
async def test_text_is_read_in_character_sets_only(scene: Scene, hostile: Hostile, name: str) -> None:
    head = OK + b"Content-Type: text/plain; charset=" + name.encode() + b"\r\n\r\n"
    response = await scene.job().get(hostile.answer(head + "pü".encode()))
    assert await response.text() == CHARSETS[name]


@ensureDeferred
async def test_text_of_wide_characters_needs_no_mark(scene: Scene, hostile: Hostile) -> None:
    for name, body in (("utf-16", "pü".encode("utf-16-le")), ("utf-16", "pü".encode("utf-16"))):
        head = OK + b"Content-Type: text/plain; charset=" + name.encode() + b"\r\n\r\n"
        assert await (await scene.job().get(hostile.answer(head + body))).text() == "pü"


@ensureDeferred
async def test_text_is_decoded_a_part_at_a_time(scene: Scene, hostile: Hostile) -> None:
    text = "ü€😀" * 30_000
    for name in ("utf-8", "gb18030", "utf-16"):
        head = OK + b"Content-Type: text/plain; charset=" + name.encode() + b"\r\n\r\n"
        assert await (await scene.job().get(hostile.answer(head + text.encode(name)))).text() == text


@ensureDeferred
async def test_cookies_are_those_that_a_browser_would_keep(scene: Scene, hostile: Hostile) -> None:
    lines = [b"Set-Cookie: long=" + b"x" * 5_000, *(b"Set-Cookie: c%d=1" % n for n in range(100))]
    response = await scene.job().get(hostile.answer(OK + b"\r\n".join(lines) + b"\r\n\r\n"))
    assert {cookie.name for cookie in response.cookies()} == {f"c{n}" for n in range(50)}


@ensureDeferred
async def test_json_is_read_up_to_a_size_unless_the_call_says_more(scene: Scene, hostile: Hostile) -> None:
    body = b"[" + b"0," * (2 << 20) + b"0]"
    head = OK + b"Content-Length: %d\r\n\r\n" % len(body)
    response = await scene.job().get(hostile.answer(head + body))
    with pytest.raises(UpstreamError) as caught:
        await response.json()
    assert caught.value.type == "upstream-too-large"
    response = await scene.job().get(hostile.answer(head + body), max_bytes=8 << 20)
    assert len(await response.json()) == (2 << 20) + 1


SECRETS = {
    "Authorization": "Bearer s",
    "Cookie": "s=1",
    "X-Api-Key": "s",
    "Idempotency-Key": "s",
    "X-Own": "s",
    "Accept": "text/plain",
    "Range": "bytes=0-9",
}


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@ensureDeferred
async def test_another_origin_is_told_no_secret_of_any_name(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect(scene.api.url + "/fine"))
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    response = await scene.job(trace=trace).get(url, headers=SECRETS, cookies={"c": "1"})
    assert await response.content() == b"fine"
    ((_, _, headers, _),) = scene.api.requests
    assert {*headers} == {"host", "accept", "accept-encoding", "range", "traceparent"}


@ensureDeferred
async def test_authentication_stays_with_its_origin(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect("/again"))
    hostile.answer(redirect(scene.api.url + "/fine"))
    await scene.job().get(url, auth=("me", "secret"), headers={"X-Api-Key": "s"})
    assert {"authorization", "x-api-key"} <= {*hostile.headers(0)} & {*hostile.headers(1)}
    ((_, _, headers, _),) = scene.api.requests
    assert not {"authorization", "x-api-key"} & {*headers}


@ensureDeferred
async def test_each_location_is_read_from_where_it_was_given(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect(scene.api.url + "/moved"))
    response = await scene.job().get(url)
    assert response.request.absoluteURI.decode() == scene.api.url + "/fine"
    assert [previous.code for previous in response.history()] == [302, 302]


@ensureDeferred
async def test_a_login_that_sets_a_cookie_and_redirects_works(scene: Scene, hostile: Hostile) -> None:
    head = (
        b"HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: session=new\r\nContent-Length: 0\r\n\r\n"
    )
    url = hostile.answer(head)
    hostile.answer(OK + b"Content-Length: 2\r\n\r\nok")
    await scene.job().post(url, data={"user": "me"}, cookies={"session": "old"})
    assert hostile.asked[1].startswith("GET /home ")
    assert hostile.headers(0)["cookie"].endswith("old")
    assert hostile.headers(1)["cookie"].endswith("new")
    assert "content-type" not in hostile.headers(1)


LIMITED = b"HTTP/1.1 429 Too Many\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"
NEVER = b'HTTP/1.1 200 OK\r\nRateLimit-Policy: "a";q=1;w=86400\r\nContent-Length: 0\r\n\r\n'


@ensureDeferred
async def test_a_host_that_a_client_chose_stops_itself_for_minutes(scene: Scene, hostile: Hostile) -> None:
    with pytest.raises(UpstreamLimited):
        await scene.job(lane="@s3").get(hostile.answer(LIMITED))
    scene.limits.grants.clear()
    await scene.job(lane="@s3").get(hostile.answer(NEVER))
    (refused, limited), (policy, rated) = scene.limits.learned
    assert refused == policy == [hostile.host]
    assert (limited.pause, rated.rate.window) == (300, 300)


@ensureDeferred
@pytest.mark.parametrize("named", [True, False])
async def test_a_jobs_own_host_stops_the_jobs_of_its_lane(
    scene: Scene, hostile: Hostile, named: bool
) -> None:
    http = scene.job(lane="@graph", hosts=(hostile.host,) if named else ())
    with pytest.raises(UpstreamLimited):
        await http.get(hostile.answer(LIMITED), own=not named)
    ((scopes, learned),) = scene.limits.learned
    assert (scopes, learned.pause) == ([hostile.host, "@graph"], 86400)


@ensureDeferred
async def test_a_redirect_teaches_no_limit_of_whoever_redirects(scene: Scene, hostile: Hostile) -> None:
    own = Hostile(scene.reactor)
    http = scene.job(lane="@graph", hosts=(own.host,))
    hostile.answer(LIMITED)
    with pytest.raises(UpstreamLimited):
        await http.get(own.answer(redirect(hostile.url + "/")), own=True)
    ((scopes, _),) = scene.limits.learned
    assert scopes == [hostile.host]
    assert [scope for scope, _ in scene.limits.asked] == [own.host, hostile.host]
    http.close()
    await scene.upstreams.close()
    await own.stop()


def test_foreign_text_is_read_in_no_time() -> None:
    """What may be megabytes is bounded before anything looks at it that takes its square."""
    from twisted.web.http_headers import Headers

    from relay.outbound.announced import learn
    from relay.outbound.response import media_type

    for long in ("1" * 200_000, "[" * 8_000, '"' * 8_000, "1" * 8_000, "a;" * 100_000, "a " * 3_000):
        names = (
            "retry-after",
            "ratelimit-policy",
            "ratelimit",
            "x-app-usage",
            "content-type",
            "ratelimit-reset",
        )
        headers = Headers({name: [long] for name in names})
        begun = time.process_time()
        learn(429, headers, 0.0)
        media_type(headers)
        assert time.process_time() - begun < 2


def test_what_is_used_of_twisteds_own_is_there() -> None:
    for name in ("_disconnectParser", "_state", "_parser", "_responseDeferred", "_finishedRequest"):
        assert hasattr(HTTP11ClientProtocol, name)
    assert {"_transferDecoders", "_log", "MAX_LENGTH"} <= {*dir(HTTPClientParser)}
