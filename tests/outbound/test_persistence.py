"""The connections of a job's client: which of them take a second request, and what becomes of one that is cut."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import treq
from pytest_twisted import ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.client import Agent

from relay.net import api_connection
from relay.net.api_connection import ApiConnection
from relay.net.api_pool import Pool
from relay.outbound import UpstreamError
from relay.outbound.guard import Endpoints
from tests.certificates import write_authority
from tests.outbound.conftest import Scene
from tests.outbound.hostile import CHUNKED, OK, STALL, Hostile

LARGE = 20 << 20  # bytes that no buffer holds
OLD = b"HTTP/1.0 200 OK\r\n"
FINE = b"Content-Length: 4\r\n\r\nfine"
EMPTY = b"HTTP/1.1 204 No Content\r\n"
PAD = b"X-A: " + b"a" * (4096 - len(OK) - len(b"X-A: \r\nContent-Length: 4\r\n\r\nfine")) + b"\r\n"

KEPT = {
    "HTTP/1.1": OK + FINE,
    "no phrase": b"HTTP/1.1 200\r\n" + FINE,
    "chunks": CHUNKED + b"4\r\nfine\r\n0\r\n\r\n",
    "no body": EMPTY + b"\r\n",
    "no body, and so long": EMPTY + b"Content-Length: 0\r\n\r\n",
    "HTTP/1.0 that keeps it": OLD + b"Connection: Keep-Alive\r\n" + FINE,
    "HTTP/1.0 that keeps it, in a list": OLD + b"connection: foo ,keep-alive\r\n" + FINE,
    "another option": OK + b"Connection: upgrade, disclosed\r\nUpgrade: h2c\r\n" + FINE,
    "an early hint that closes": b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n" + OK + FINE,
    "so many seconds": OK + b"Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n" + FINE,
    "seconds that are none": OK + b"Keep-Alive: timeout=soon\r\n" + FINE,
}
CLOSED = {
    "HTTP/1.0": OLD + FINE,
    "HTTP/1.0 with the seconds alone": OLD + b"Keep-Alive: timeout=5\r\n" + FINE,
    "HTTP/1.0 that says both": OLD + b"Connection: keep-alive\r\nConnection: close\r\n" + FINE,
    "HTTP/1.0 in chunks": OLD
    + b"Connection: keep-alive\r\n"
    + CHUNKED[len(OK) :]
    + b"4\r\nfine\r\n0\r\n\r\n",
    "no HTTP/1": b"ICY/1.1 200 OK\r\n" + FINE,
    "close": OK + b"Connection: close\r\n" + FINE,
    "Close": OK + b"Connection: Close\r\n" + FINE,
    "a list": OK + b"Connection: foo, Close\r\n" + FINE,
    "a list without spaces": OK + b"Connection: CLOSE,foo\r\n" + FINE,
    "two lines": OK + b"Connection: foo\r\nConnection: close ,\r\n" + FINE,
    "a folded line": OK + b"Connection: foo,\r\n close\r\n" + FINE,
    "a second at most": OK + b"Keep-Alive: max=5, Timeout=1\r\n" + FINE,
    "two lengths": OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
    "two codings": OK + b"Transfer-Encoding: chunked\r\n" + CHUNKED[len(OK) :] + b"4\r\nfine\r\n0\r\n\r\n",
    "no body, but so long": EMPTY + b"Content-Length: 10\r\n\r\n",
    "no body, but chunks": EMPTY + b"Transfer-Encoding: chunked\r\n\r\n",
    "more than its length": OK + FINE + b"more",
    "more than its chunks": CHUNKED + b"4\r\nfine\r\n0\r\n\r\nmore",
    "more than no body": EMPTY + b"\r\nmore",
    "a body behind a 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nfine",
    "another answer": OK + FINE + OK + b"Content-Length: 4\r\n\r\nevil",
    "another answer, in the next piece": OK + PAD + FINE + OK + b"Content-Length: 4\r\n\r\nevil",
}


async def ask(scene: Scene, hostile: Hostile, method: str = "POST", **options: Any) -> bytes:
    body: bytes = await (await scene.job().request(method, hostile.url + "/asked", **options)).content()
    return body


@ensureDeferred
@pytest.mark.parametrize("name", KEPT)
async def test_a_connection_takes_another_request(scene: Scene, hostile: Hostile, name: str) -> None:
    for _ in range(2):
        hostile.answer(KEPT[name], STALL)
        assert await ask(scene, hostile) in (b"fine", b"")
    assert hostile.by == [0, 0]


@ensureDeferred
@pytest.mark.parametrize("name", CLOSED)
async def test_a_connection_that_must_not_be_used_again_is_closed(
    scene: Scene, hostile: Hostile, name: str
) -> None:
    for _ in range(2):
        hostile.answer(CLOSED[name], STALL)
        assert await ask(scene, hostile) in (b"fine", b"")
    assert hostile.by == [0, 1]
    await hostile.all_closed()


@ensureDeferred
@pytest.mark.parametrize("start", [OK, OLD])
async def test_a_body_without_a_length_ends_with_its_connection(
    scene: Scene, hostile: Hostile, start: bytes
) -> None:
    for _ in range(2):
        hostile.answer(start + b"\r\nfi", b"ne")
        assert await ask(scene, hostile) == b"fine"
    assert hostile.by == [0, 1]


@ensureDeferred
@pytest.mark.parametrize(("rest", "by"), [(b"", [0, 0]), (b"fine", [0, 1])])
async def test_a_head_has_no_body(scene: Scene, hostile: Hostile, rest: bytes, by: list[int]) -> None:
    for _ in range(2):
        hostile.answer(OK + b"Content-Length: 4\r\n\r\n" + rest, STALL)
        assert await ask(scene, hostile, "HEAD") == b""
    assert hostile.by == by


@ensureDeferred
async def test_a_connection_that_is_cut_at_the_end_of_its_answer_is_not_kept(
    scene: Scene, hostile: Hostile
) -> None:
    hostile.answer(OK + b"Content-Encoding: gzip\r\n" + FINE, STALL)
    with pytest.raises(UpstreamError) as caught:
        await ask(scene, hostile)
    assert caught.value.type == "upstream-encoding"
    await hostile.all_closed()
    assert [pool._connections for pool in scene.upstreams._pools] == [{}, {}]


@ensureDeferred
@pytest.mark.parametrize("sent", [OK + b"Content-Length: 4\r\n\r\nevil", b"\r\n", b""])
async def test_what_comes_unasked_is_the_answer_to_nothing(
    scene: Scene, hostile: Hostile, sent: bytes
) -> None:
    hostile.answer(OK + FINE, STALL)
    assert await ask(scene, hostile) == b"fine"
    handle = hostile.connections[0].transport.getHandle()  # type: ignore[union-attr]
    if sent:  # at once, so that it has come when the next request is sent, and nobody has read it
        handle.send(sent)
    else:
        handle.shutdown(socket.SHUT_WR)
    hostile.answer(OK + FINE, STALL)
    assert await ask(scene, hostile) == b"fine"
    assert hostile.by == [0, 1]


@ensureDeferred
@pytest.mark.parametrize(
    ("method", "options", "by"),
    [
        ("GET", {}, [0, 0, 1]),
        ("DELETE", {}, [0, 0, 1]),
        ("PUT", {"data": b"x"}, [0, 0, 1]),
        ("POST", {"data": b"x", "idempotent": True}, [0, 0, 1]),
        ("POST", {"data": b"x"}, [0, 0]),
        ("POST", {}, [0, 0]),
        ("PATCH", {"data": b"x"}, [0, 0]),
        ("GET", {"idempotent": False}, [0, 0]),
    ],
)
async def test_a_request_on_a_connection_that_is_closed_is_sent_again_if_that_is_safe(
    scene: Scene, hostile: Hostile, method: str, options: dict[str, Any], by: list[int]
) -> None:
    for answer in ((OK + FINE, STALL), (), (OK + FINE, STALL)):
        hostile.answer(*answer)
    await ask(scene, hostile)
    if by[-1]:
        assert await ask(scene, hostile, method, **options) == b"fine"
    else:
        with pytest.raises(UpstreamError) as caught:
            await ask(scene, hostile, method, **options)
        assert caught.value.type == "upstream-cut"
    assert hostile.by == by


@ensureDeferred
async def test_the_connection_that_was_used_last_is_taken(scene: Scene, hostile: Hostile) -> None:
    waiting = []
    for _ in range(2):
        hostile.answer(OK + b"Content-Length: 4\r\n\r\n", STALL)
        waiting.append(await scene.job().post(hostile.url + "/asked"))
    for nth in (1, 0):
        hostile.connections[nth].transport.write(b"fine")  # type: ignore[union-attr]
        assert await waiting[nth].content() == b"fine"
    for _ in range(2):
        hostile.answer(OK + FINE, STALL)
        await ask(scene, hostile)
    assert hostile.by == [0, 1, 0, 0]


@ensureDeferred
@pytest.mark.parametrize(("told", "seconds"), [(b"", 20), (b"Keep-Alive: timeout=3\r\n", 2)])
async def test_a_connection_is_idle_for_less_than_its_server_says(
    scene: Scene, hostile: Hostile, told: bytes, seconds: int
) -> None:
    clock = Clock()
    pool = Pool(clock)
    pool.cachedConnectionTimeout = 20
    agent = Agent.usingEndpointFactory(scene.reactor, Endpoints(scene.reactor, True), pool)
    for passed in (seconds - 0.1, seconds):
        hostile.answer(OK + told + FINE, STALL)
        assert await treq.content(await agent.request(b"POST", hostile.url.encode())) == b"fine"
        clock.advance(passed)
    await hostile.all_closed()
    assert hostile.by == [0, 0]
    assert not pool._connections  # nothing is left of a server


def test_a_connection_that_is_gone_is_not_cut_later() -> None:
    for is_ours in (True, False):
        connection, transport = ApiConnection(), Transport()
        connection.makeConnection(transport)
        if is_ours:
            transport.loseConnection()
            assert len(transport.reactor.getDelayedCalls()) == 1
        connection.connectionLost(Failure(ConnectionDone()))
        transport.loseConnection()
        assert transport.reactor.getDelayedCalls() == []


class Transport(StringTransport):
    def __init__(self) -> None:
        super().__init__()
        self.reactor = Clock()


@ensureDeferred
async def test_an_answer_before_the_end_of_its_request_is_the_last_of_its_connection(
    scene: Scene, hostile: Hostile
) -> None:
    for size in (LARGE, 1):
        hostile.answer(OK + FINE, STALL)
        assert await ask(scene, hostile, data=bytes(size)) == b"fine"
    assert hostile.by == [0, 1]
    await scene.upstreams.close()
    await hostile.all_closed()
    assert hostile.received < LARGE


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    certificates = write_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["ca"]))
    monkeypatch.setattr(api_connection, "CLOSING", 0.05)
    with Silent(certificates["server"]) as silent:
        yield silent


@ensureDeferred
@pytest.mark.parametrize("told", [b"Connection: close\r\n", b""])
async def test_a_tls_peer_that_does_not_close_is_cut(scene: Scene, silent: Silent, told: bytes) -> None:
    answering = deferToThread(silent.answer, OK + told + FINE)
    response = await scene.job().get(silent.url)
    assert await response.content() == b"fine"
    await scene.upstreams.close()  # the idle ones
    assert await answering.addTimeout(5, scene.reactor) == "closed"


class Silent:
    """Answers a request over TLS, and never says that it closes."""

    def __init__(self, certificate: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/"

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def answer(self, answer: bytes) -> str:
        """What became of the connection: "closed", or "open" after some seconds."""
        accepted, _ = self._socket.accept()
        accepted.settimeout(2)
        with self._context.wrap_socket(accepted, server_side=True) as secure:
            secure.recv(1 << 16)
            secure.sendall(answer)
            with socket.socket(fileno=secure.detach()) as below:
                below.settimeout(2)
                try:
                    while below.recv(1 << 16):  # what TLS says at its end
                        pass
                except TimeoutError:
                    return "open"
                except OSError:  # it was cut
                    pass
        return "closed"
