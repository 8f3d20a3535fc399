"""Text, JSON and cookies of answers, whatever they are said to be."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred
from treq import text_content
from twisted.web.http_headers import Headers

from relay.model.limits import Learned
from relay.outbound import UpstreamError
from relay.outbound.announced import learn
from relay.outbound.headers import media_type
from tests.outbound.conftest import Scene
from tests.outbound.hostile import OK, Hostile

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
async def test_no_way_of_treqs_to_read_text_is_a_trap(scene: Scene, hostile: Hostile) -> None:
    body = "\U0001f600".encode("punycode")
    for name in ("punycode", "PunyCode", '"punycode"', "rot13", "x" * 2_000):
        head = OK + b"Content-Type: text/plain; charset=" + name.encode() + b"\r\n\r\n"
        response = await scene.job().get(hostile.answer(head + body))
        assert await text_content(response) == body.decode()
    head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Type: text/plain; charset=punycode\r\n"
    url = hostile.answer(head + b"Content-Length: 4\r\n\r\n" + body)
    hostile.answer(OK + b"Content-Length: 0\r\n\r\n")
    (before,) = (await scene.job().get(url)).history()
    assert await before.text() == body.decode()


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


LONG = ("1" * 200_000, "[" * 8_000, '"' * 8_000, "1" * 8_000, "a;" * 100_000, "a " * 3_000)


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:4])
def test_headers_that_would_take_their_square_are_read(text: str) -> None:
    names = ("retry-after", "ratelimit-policy", "ratelimit", "x-app-usage", "content-type", "ratelimit-reset")
    headers = Headers({name: [text] for name in names})
    assert learn(429, headers, 0.0) == Learned()
    assert media_type(headers)[1] == ""
