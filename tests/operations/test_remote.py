"""Operations of a relay elsewhere, over HTTP: what is sent, and what each answer means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway
from relay.net.posts import Posts
from relay.operations.operations import NotPossible, Operations
from relay.operations.remote import NoListener, RemoteOperations
from relay.operations.seen import Done, JobFilter, JobPage, JobRow
from tests.operations.seen_values import MAIL, overview

reactor: Any = _reactor
PROBLEM = "application/problem+json"


class Listener(Resource):
    """Answers as an admin listener does: each method with what it is given."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Any]] = []
        self.tokens: list[str | None] = []
        self.answers: dict[str, Any] = {}
        self.refusal: tuple[int, str, bytes] | None = None

    def render_POST(self, request: Request) -> bytes:
        method = request.uri.decode().rpartition("/")[2]
        self.asked.append((request.uri.decode(), msgspec.json.decode(request.content.read())))
        self.tokens.append(request.getHeader("authorization"))
        status, kind, body = self.refusal or (
            200,
            "application/json",
            msgspec.json.encode(self.answers[method]),
        )
        request.setResponseCode(status)
        request.setHeader("content-type", kind)
        return body


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def url(listener: Listener) -> Iterator[str]:
    port = reactor.listenTCP(0, Site(listener), interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}"
    pytest_twisted.blockon(port.stopListening())


@pytest.fixture
def remote(url: str) -> RemoteOperations:
    return RemoteOperations(Posts(reactor), f"{url}/", "secret")


@pytest_twisted.ensureDeferred
async def test_what_is_asked_is_sent_and_the_answer_is_the_value(
    remote: RemoteOperations, listener: Listener
) -> None:
    now = overview(MAIL)
    row = JobRow("0-k7-q3", "mail", "default", "token:app", "queued", 5)
    listener.answers = {
        "overview": now,
        "jobs": JobPage([row], "c7", 100),
        "cancel": "cancelled",
        "quiet": None,
    }
    listener.answers["retry_some"] = Done(3, 100, "c9", 50)
    assert await remote.overview() == now
    assert await remote.jobs(JobFilter(state="dead", before=7), 10, "c6") == JobPage([row], "c7", 100)
    assert await remote.cancel("0-k7-q3") == "cancelled"
    assert await remote.retry_some(JobFilter(name="mail"), "c8") == Done(3, 100, "c9", 50)
    await remote.quiet("worker-1", True)
    paths, arguments = zip(*listener.asked, strict=True)
    assert paths == ("/api/overview", "/api/jobs", "/api/cancel", "/api/retry_some", "/api/quiet")
    assert arguments[0] == {}
    assert arguments[1] == {
        "wanted": msgspec.to_builtins(JobFilter(state="dead", before=7)),
        "most": 10,
        "cursor": "c6",
    }
    assert arguments[4] == {"process": "worker-1", "on": True}
    assert set(listener.tokens) == {"Bearer secret"}


def test_each_operation_can_be_asked_for_from_elsewhere() -> None:
    names = {name for name in vars(Operations) if not name.startswith("_")}
    assert names <= set(vars(RemoteOperations))


def problem(status: int, detail: str) -> tuple[int, str, bytes]:
    return status, PROBLEM, msgspec.json.encode({"title": "Refused", "detail": detail})


@pytest.mark.parametrize(
    ("refusal", "kind", "said"),
    [
        (problem(409, "there is no job x"), NotPossible, "there is no job x"),
        (problem(503, "away"), StoreAway, "away"),
        (problem(401, "which one?"), NoListener, "wants the token of an operator .*: which one"),
        (problem(403, "may look"), NoListener, "does not let this be done: may look"),
        (problem(429, "later"), NoListener, "too many wrong tokens from here: later"),
        (problem(404, ""), NoListener, "another version than this command .*: it has no cancel"),
        (problem(400, "bad\n\x1b[31margument"), NoListener, r"bad \\x1b\[31margument \(status 400\)"),
        (
            (404, "text/html", b"<h1>nginx</h1>"),
            NoListener,
            "is not an admin listener of relay: it answered 404",
        ),
        ((302, "text/html", b""), NoListener, "is not an admin listener"),
        ((200, "text/html", b"<h1>hello</h1>"), NoListener, "is not an admin listener"),
        ((200, "application/json", b'{"a":1}'), NoListener, "of another version"),
        ((401, PROBLEM, b"<"), NoListener, "it does not say why"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_refused_is_one_line(
    refusal: tuple[int, str, bytes],
    kind: type[RelayError],
    said: str,
    remote: RemoteOperations,
    listener: Listener,
) -> None:
    listener.refusal = refusal
    with pytest.raises(kind, match=said) as raised:
        await remote.cancel("x")
    assert "\n" not in str(raised.value)


@pytest_twisted.ensureDeferred
async def test_a_listener_that_is_not_there_is_one_line() -> None:
    asking: Deferred[Any] = Deferred.fromCoroutine(
        RemoteOperations(Posts(reactor), "http://127.0.0.1:1", "").overview()
    )
    with pytest.raises(NoListener, match=r"no answer from http://127\.0\.0\.1:1: .*refused"):
        await asking
