"""Where keys come from: a file that changes, a provider that is there, slow, away, or hostile."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.front.callers import keys as sources
from relay.front.callers.fetched_keys import AT_MOST, FetchedKeys
from relay.front.callers.jwt import JwtCheck
from relay.front.callers.keys import LOOK, FileKeys, keys_of
from relay.http.request import Request
from relay.model.caller import FREE, Caller
from relay.model.caller_settings import CallerSettings
from relay.model.problems.caller import KeysAway, Unauthorized
from relay.model.sources import SettingError
from relay.net.bodies import NotFetched
from relay.net.documents import LARGEST, Document, Documents
from tests.certificates import write_certificate
from tests.front.callers.provider import AUDIENCE, ISSUER, Issuer, ProviderServer, Served, jwks

URL = "https://login.example.com/keys?token=secret"


@cache
def issuer(kid: str) -> Issuer:
    """The same key for the same name."""
    return Issuer("EdDSA", kid)


class Fetches:
    """Fetches that a test answers."""

    def __init__(self) -> None:
        self.open: list[Deferred[Document]] = []
        self.urls: list[str] = []
        self.cancelled = 0

    def __call__(self, url: str) -> Deferred[Document]:
        self.urls.append(url)
        self.open.append(Deferred(self._cancelled))
        return self.open[-1]

    def _cancelled(self, deferred: Deferred[Document]) -> None:
        self.cancelled += 1

    def answer(self, *kids: str, cache_control: str = "") -> None:
        body = jwks(*(issuer(kid).jwk() for kid in kids))
        self.open.pop().callback(Document(body, cache_control))

    def fail(self, error: Exception | None = None) -> None:
        self.open.pop().errback(error or NotFetched("the status is 500"))


class Scene:
    def __init__(self) -> None:
        self.clock, self.fetches = Clock(), Fetches()
        self.keys = FetchedKeys(self.clock, URL, self.fetches)
        self.keys.start()

    def kids(self) -> list[str]:
        assert self.keys.current is not None
        return [key.kid for key in self.keys.current.keys]

    @property
    def asked(self) -> int:
        return len(self.fetches.urls)

    def seconds_until_asked(self) -> float:
        """Seconds until the next fetch, found by waiting for it."""
        before, began = self.asked, self.clock.seconds()
        while self.asked == before:
            (timer,) = self.clock.getDelayedCalls()
            self.clock.advance(max(0.0, timer.getTime() - self.clock.seconds()))
        return self.clock.seconds() - began


@pytest.fixture
def scene() -> Scene:
    return Scene()


# -- a provider, by the clock --


def test_keys_are_fetched_at_the_start(scene: Scene) -> None:
    assert scene.keys.current is None
    assert scene.fetches.urls == [URL]
    scene.fetches.answer("one", "two")
    assert scene.kids() == ["one", "two"]
    assert not scene.keys.away


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 300),
        ("public, max-age=3600", 3600),
        ("max-age=5", 60),
        ("max-age=0", 60),
        ("max-age=9999999999", 86_400),
        ("max-age=-1", 60),
        ("max-age=soon", 300),
        ("no-store", 60),
        ("no-cache, max-age=3600", 60),
        ("s-maxage=10", 300),
        ("\x00,,=;;max-age", 300),
    ],
)
def test_keys_are_fetched_again_when_they_are_not_fresh_any_more(
    scene: Scene, said: str, seconds: float
) -> None:
    scene.fetches.answer("one", cache_control=said)
    assert scene.seconds_until_asked() == pytest.approx(seconds)
    scene.fetches.answer("two")
    assert scene.kids() == ["two"]


@pytest.mark.parametrize(
    "go_wrong",
    [
        lambda fetches: fetches.fail(),
        lambda fetches: fetches.open.pop().callback(Document(b"<html>sorry</html>")),
        lambda fetches: fetches.open.pop().callback(Document(b'{"keys": 1}')),
    ],
    ids=["away", "not JSON", "no keys"],
)
def test_keys_stay_while_the_provider_is_away_which_is_told_once(
    scene: Scene, lines: list[str], go_wrong: Callable[[Fetches], None]
) -> None:
    scene.fetches.answer("one")
    scene.seconds_until_asked()
    pauses = []
    for _ in range(8):
        go_wrong(scene.fetches)
        assert scene.kids() == ["one"]
        assert scene.keys.away
        pauses.append(scene.seconds_until_asked())
    assert pauses[0] <= 2
    assert pauses[0] < pauses[2] < pauses[4]
    assert all(40 <= pause <= 60 for pause in pauses[6:])
    scene.fetches.answer("one")
    assert not scene.keys.away
    assert scene.seconds_until_asked() == pytest.approx(300)
    told = [line for line in lines if "login.example.com" in line]
    assert [("can't" in line, "again" in line) for line in told] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert not any("secret" in line for line in lines)


def test_an_error_nobody_expected_is_logged_and_ends_nothing(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.fetches.fail(ZeroDivisionError())
    assert "could not be fetched" in no_logged_failures.pop()["log_format"]
    scene.seconds_until_asked()
    scene.fetches.answer("one")
    assert scene.kids() == ["one"]


def test_all_who_need_a_new_key_wait_for_the_same_fetch(scene: Scene) -> None:
    scene.fetches.answer("one")
    scene.clock.advance(AT_MOST)
    waiting = [scene.keys.renew() for _ in range(50)]
    assert scene.asked == 2
    assert all(each is not None and not each.called for each in waiting)
    scene.fetches.answer("two")
    assert all(each is not None and each.called for each in waiting)
    assert scene.kids() == ["two"]


def test_unknown_keys_cause_a_fetch_every_10_seconds_at_most(scene: Scene) -> None:
    scene.fetches.answer("one")
    for _ in range(1000):  # 100 s
        scene.clock.advance(0.1)
        if scene.keys.renew() is not None:
            scene.fetches.answer("one")
    assert 10 <= scene.asked <= 11
    assert len(scene.clock.getDelayedCalls()) == 1


def test_they_do_so_while_the_provider_is_away(scene: Scene) -> None:
    scene.fetches.fail()
    for _ in range(1000):
        scene.clock.advance(0.1)
        scene.keys.renew()
        if scene.fetches.open:
            scene.fetches.fail()
    assert scene.asked <= 20


def test_who_does_not_wait_any_more_takes_nothing_from_others(scene: Scene) -> None:
    first, second = scene.keys.renew(), scene.keys.renew()  # for the fetch of the start
    assert first is not None
    assert second is not None
    first.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()
    assert not second.called
    assert scene.fetches.cancelled == 0
    scene.fetches.answer("one")
    assert second.called
    assert scene.kids() == ["one"]


def test_nobody_waits_for_keys_that_are_not_fetched_any_more(scene: Scene, lines: list[str]) -> None:
    waiting = scene.keys.renew()
    assert waiting is not None
    scene.keys.stop()
    assert waiting.called
    assert scene.fetches.cancelled == 1
    assert scene.clock.getDelayedCalls() == []
    scene.clock.advance(1000)
    assert scene.keys.renew() is None
    assert scene.asked == 1
    assert lines == []


def test_a_stop_between_fetches_leaves_nothing(scene: Scene) -> None:
    scene.fetches.answer("one")
    scene.keys.stop()
    assert scene.clock.getDelayedCalls() == []


# -- a file --


def write(path: Path, *kids: str) -> None:
    """As careful programs do it: the new file takes the old one's place."""
    new = path.with_suffix(".new")
    new.write_bytes(jwks(*(issuer(kid).jwk() for kid in kids)))
    new.replace(path)


def kids_of(keys: FileKeys) -> list[str]:
    return [key.kid for key in keys.current.keys]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "keys.json", "one")
    return tmp_path / "keys.json"


def test_a_file_is_read_again_when_it_changes(path: Path, lines: list[str]) -> None:
    clock = Clock()
    keys = FileKeys(clock, path)
    keys.start()
    assert kids_of(keys) == ["one"]
    write(path, "two")
    assert kids_of(keys) == ["one"]
    clock.advance(LOOK)
    assert kids_of(keys) == ["two"]
    clock.pump([LOOK] * 10)
    assert lines == [f"1 of 1 keys in {path} are used"]
    keys.stop()
    assert clock.getDelayedCalls() == []


def test_an_unknown_key_has_a_file_looked_at_now(path: Path) -> None:
    keys = FileKeys(Clock(), path)
    write(path, "one", "two")
    assert keys.renew() is None
    assert kids_of(keys) == ["one", "two"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"{"),
        lambda path: path.write_bytes(jwks() + b" " * LARGEST),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: path.chmod(0o666),
    ],
    ids=["malformed", "huge", "gone", "a folder", "a pipe", "anybody's"],
)
def test_a_file_that_can_not_be_read_leaves_the_keys_before_and_is_told_once(
    path: Path, lines: list[str], damage: Callable[[Path], object]
) -> None:
    keys = FileKeys(Clock(), path)
    damage(path)
    for _ in range(5):
        keys.look()
    assert kids_of(keys) == ["one"]
    assert len(lines) == 1
    assert "the previous ones stay in use" in lines[0]
    if path.is_dir():
        path.rmdir()
    write(path, "two")
    keys.look()
    assert kids_of(keys) == ["two"]


def test_a_file_of_the_same_size_and_time_but_another_inode_is_another(path: Path) -> None:
    keys = FileKeys(Clock(), path)
    before = os.stat(path)
    write(path, "two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(path).st_size == before.st_size
    keys.look()
    assert kids_of(keys) == ["two"]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"-----BEGIN PUBLIC KEY-----"])
def test_a_file_without_keys_is_a_bad_setting(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=f"--jwt-keys {path}: "):
        keys_of(Clock(), str(path))


def test_a_file_that_everybody_may_write_is_a_bad_setting(path: Path) -> None:
    path.chmod(0o666)
    with pytest.raises(SettingError, match="everybody may write it"):
        keys_of(Clock(), str(path))


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@localhost/keys",
        "https://me@localhost/keys",
        "https:",
        "https:///keys",
        "https://[::1/keys",
    ],
)
def test_an_address_that_is_none_is_a_bad_setting(url: str) -> None:
    with pytest.raises(SettingError, match="--jwt-keys: ") as refused:
        keys_of(Clock(), url)
    assert "secret" not in str(refused.value)


def test_an_address_is_told_from_a_file(path: Path) -> None:
    from twisted.internet import reactor

    assert isinstance(keys_of(reactor, str(path)), sources.FileKeys)  # type: ignore[arg-type]
    assert isinstance(keys_of(reactor, "HTTPS://login.example.com/keys"), FetchedKeys)  # type: ignore[arg-type]


# -- a provider on a real socket --


@pytest_twisted.async_yield_fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ProviderServer]:
    """Afterwards no connection to it is open, whatever it did."""
    from twisted.internet import reactor

    certificate = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = ProviderServer(reactor, certificate)
    yield provider
    await provider.all_closed()
    await provider.stop()


def documents() -> Documents:
    from twisted.internet import reactor

    return Documents(reactor)


async def why_not(url: str) -> str:
    with pytest.raises(NotFetched) as failed:
        await documents().fetch(url)
    return str(failed.value)


@ensureDeferred
async def test_a_document_is_fetched_whole(provider: ProviderServer) -> None:
    provider.jwks, provider.headers = b"x" * LARGEST, ["Cache-Control: public", "cache-control: max-age=60"]
    assert await documents().fetch(provider.url) == Document(provider.jwks, "public, max-age=60")
    assert b"accept-encoding: identity" in provider.asked[0][1]


@ensureDeferred
async def test_a_document_that_is_too_large_is_not_read_to_its_end(provider: ProviderServer) -> None:
    provider.says = lambda served: served.transport.write(  # type: ignore[union-attr]
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * (LARGEST + 1)
    )
    assert await why_not(provider.url) == "it is larger than 256 KiB"


@ensureDeferred
@pytest.mark.parametrize(
    "status", ["204 No Content", "404 Not Found", "500 Internal Server Error", "304 Not Modified"]
)
async def test_only_200_is_an_answer(provider: ProviderServer, status: str) -> None:
    provider.says = lambda served: served.say(b"", status)
    assert await why_not(provider.url) == f"the status is {status[:3]}"


@ensureDeferred
async def test_a_compressed_document_is_not_read(provider: ProviderServer) -> None:
    bomb = gzip.compress(bytes(50 << 20))
    provider.says = lambda served: served.say(bomb, "200 OK", "Content-Encoding: gzip")
    assert "compressed" in await why_not(provider.url)


@ensureDeferred
async def test_a_redirect_is_followed_over_https(provider: ProviderServer) -> None:
    provider.says = lambda served: served.say(b"moved", "302 Found", "Location: /there?a=b")
    assert (await documents().fetch(provider.url)).body == provider.jwks
    assert [path for path, _ in provider.asked] == ["/keys", "/there?a=b"]


@ensureDeferred
@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp", "file"])
async def test_a_redirect_to_another_scheme_is_not_followed(provider: ProviderServer, scheme: str) -> None:
    provider.says = lambda served: served.say(b"", "302 Found", f"Location: {scheme}://localhost:1/keys")
    assert await why_not(provider.url) == "it is redirected to an address without https"


@ensureDeferred
@pytest.mark.parametrize("target", ["//:0:0/", "https://[::1/", "https://a b/", "https:"])
async def test_a_redirect_to_no_address_is_an_error(provider: ProviderServer, target: str) -> None:
    provider.says = lambda served: served.say(b"", "302 Found", f"Location: {target}")
    assert await why_not(provider.url)


@ensureDeferred
async def test_a_redirect_in_a_circle_is_followed_three_times(provider: ProviderServer) -> None:
    provider.says = lambda served: served.say(b"", "301 Moved Permanently", "Location: /keys")
    assert await why_not(provider.url) == "it is redirected more than 3 times"
    assert len(provider.asked) == 4


@ensureDeferred
@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["no head", "half a body"]
)
async def test_a_provider_that_is_slow_is_given_up(
    provider: ProviderServer, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.net.documents.SECONDS", 0.3)
    provider.says = lambda served: served.transport.write(sent)  # type: ignore[union-attr]
    assert "did not come within" in await why_not(provider.url)


@ensureDeferred
async def test_a_fetch_that_is_cancelled_leaves_nothing_open(provider: ProviderServer) -> None:
    asked: Deferred[Served] = Deferred()
    provider.says = asked.callback
    fetching = documents().fetch(provider.url)
    await asked
    fetching.cancel()
    with pytest.raises(NotFetched):
        await fetching


@ensureDeferred
@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 3000])
async def test_a_provider_that_does_not_speak_http_is_given_up(provider: ProviderServer, sent: bytes) -> None:
    def say(served: Served) -> None:
        served.transport.write(sent)  # type: ignore[union-attr]
        served.transport.loseConnection()  # type: ignore[union-attr]

    provider.says = say
    assert await why_not(provider.url)


@ensureDeferred
async def test_a_provider_that_is_not_there_is_given_up(provider: ProviderServer) -> None:
    await provider.stop()
    assert "refused" in await why_not(provider.url)
    assert await why_not("https://[::1/keys")
    assert await why_not("https:///keys")


@ensureDeferred
async def test_a_certificate_that_nobody_trusts_is_refused(
    provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path / "other")))
    assert "certificate verify failed" in await why_not(provider.url)
    assert provider.asked == []


@ensureDeferred
async def test_a_certificate_of_another_name_is_refused(provider: ProviderServer) -> None:
    assert await why_not(provider.url.replace("localhost", "127.0.0.1"))
    assert provider.asked == []


# -- all of it --


@ensureDeferred
async def test_a_provider_rotates_goes_away_and_comes_back(provider: ProviderServer) -> None:
    from twisted.internet import reactor

    time = 1_800_000_000.0
    clock: Any = reactor
    first, second = Issuer("ES256", "one", time), Issuer("RS256", "two", time)
    keys = keys_of(clock, provider.url)
    set_ = {"jwt_keys": provider.url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    check = JwtCheck(CallerSettings(**set_), keys, FREE, lambda: time)

    def asked(issuer: Issuer) -> Request:
        return Request("GET", b"/jobs/a", "1.1", {"authorization": [f"Bearer {issuer.token()}"]})

    async def caller(request: Request) -> Any:
        found = check.identify(request)
        return await found if isinstance(found, Deferred) else found

    provider.jwks = jwks(first.jwk())
    keys.start()
    request = asked(first)
    assert (await caller(request)).owner == "sub:alice"  # waits for the keys
    with pytest.raises(Unauthorized, match="key of the token is not known"):
        await caller(asked(second))
    assert len(provider.asked) == 1
    await provider.all_closed()
    keys.stop()

    provider.jwks = jwks(second.jwk())
    keys.start()
    assert (await caller(asked(second))).owner == "sub:alice"
    assert check.recall(request) is None
    keys.stop()

    provider.says = lambda served: served.say(
        json.dumps({"error": "away"}).encode(), "503 Service Unavailable"
    )
    keys.start()
    with pytest.raises(KeysAway):
        await caller(request)
    assert isinstance(await caller(asked(second)), Caller)
    keys.stop()
