"""Questions that are posted to a server of an operator's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from relay.net.bodies import NotFetched
from relay.net.posts import LARGEST, Posted, Posts

reactor: Any = _reactor


class Server(Resource):
    """Answers as it is told to, and keeps what it was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, bytes, str | None]] = []
        self.answer: Callable[[Request], Any] = lambda request: b"{}"

    def render(self, request: Request) -> Any:
        self.asked.append((request.uri, request.content.read(), request.getHeader("authorization")))
        return self.answer(request)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    port = reactor.listenTCP(0, Site(server), interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}"
    pytest_twisted.blockon(port.stopListening())


def post(url: str, seconds: float = 5.0) -> Deferred[Posted]:
    return Posts(reactor).post(url, b'{"a":1}', {"Authorization": "Bearer t"}, seconds)


@pytest_twisted.ensureDeferred
async def test_a_body_is_posted_and_the_answer_read(server: Server, url: str) -> None:
    def answer(request: Request) -> bytes:
        request.setResponseCode(409)
        request.setHeader("content-type", "application/problem+json; charset=utf-8")
        return b'{"title":"no"}'

    server.answer = answer
    posted = await post(f"{url}/api/job")
    assert posted == Posted(409, "application/problem+json", b'{"title":"no"}')
    assert server.asked == [(b"/api/job", b'{"a":1}', "Bearer t")]


@pytest_twisted.ensureDeferred
async def test_a_redirect_is_an_answer_which_nobody_follows_with_a_token(server: Server, url: str) -> None:
    def answer(request: Request) -> bytes:
        request.redirect(f"{url}/elsewhere".encode())
        return b""

    server.answer = answer
    assert (await post(url)).status == 302
    assert len(server.asked) == 1


@pytest_twisted.ensureDeferred
async def test_an_answer_that_does_not_come_or_has_no_end_is_given_up(server: Server, url: str) -> None:
    server.answer = lambda request: NOT_DONE_YET
    with pytest.raises(NotFetched, match="did not come"):
        await post(url, 0.05)
    server.answer = lambda request: b" " * (LARGEST + 1)
    with pytest.raises(NotFetched, match="larger than"):
        await post(url)


@pytest_twisted.ensureDeferred
async def test_a_port_that_nobody_has_is_said_so() -> None:
    with pytest.raises(NotFetched, match="refused"):
        await post("http://127.0.0.1:1")
