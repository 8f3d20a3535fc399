"""Which URLs can be called, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError
from twisted.web.resource import Resource
from twisted.web.server import Site

from relay import outbound
from relay.outbound import UpstreamError
from relay.outbound.url import checked, host_of
from tests.outbound.conftest import Limits, Scene, scene
from tests.outbound.test_client import self_signed

__all__ = ["scene"]
NONE = [
    *("", " ", "http", "http:", "http:/", "http://", "http:///", "http:///x", "//x/", "/x", "x", "?", "#"),
    *("http://[::1", "http://::1]/", "http://[::1]x/", "http://[::g]/", "http://[]/", "http://[::1%25lo]/"),
    *("http://[fe80::1%eth0]/", "http://a:b:c/", "http://x:/y:z@/", "http://["),
    *("http://x:0/", "http://x:65536/", "http://x:99999999999999999999/", "http://x:-1/", "http://x:1a/"),
    *("http://me@x/", "http://me:secret@x/", "http://@x@y/", "http://x\\@y/", "http://x\\y/"),
    *("http://x/\n", "\thttp://x/", " http://x/", "http://x/\r\nHost: y", "http://x\x00/", "http://x y/"),
    *(
        "http://x/\x7f",
        "http://x%00/",
        "http://%78/",
        "http://x,y/",
        "http://x'/",
        'http://x"/',
        "http://x<y/",
    ),
    *(
        "http://a..b/",
        "http://.a/",
        "http://-a/",
        "http://a-/",
        f"http://{'a' * 64}/",
        "http://./",
        "http://../",
    ),
    *(
        f"http://{'a.' * 130}/",
        f"http://{'a' * 100_000}/",
        f"http://{'ü' * 60}.de/",
        f"http://{'ü' * 9_000}/",
    ),
    *("http://\u2100/", "http://\ud800/", "http://\u200b/", f"http://x/{'a' * 20_000}", "http://x:80:80/"),
    *("gopher://x/", "file:///etc/passwd", "javascript:x", "HTTP2://x/", "data:,x", "http+unix://x/"),
    *(b"", b"http://\xff/", b"http://[::1", None, 5, 1.5, [], {}, ...),
]


@ensureDeferred
@pytest.mark.parametrize("url", NONE, ids=lambda url: repr(url)[:40].encode("ascii", "replace").decode())
async def test_an_odd_url_is_a_bad_url(scene: Scene, url: Any) -> None:
    for call in (scene.job().get, scene.job().limited):
        with pytest.raises(UpstreamError) as caught:
            await call(url)
        assert (caught.value.type, caught.value.job_status) == ("bad-url", 422)


@ensureDeferred
async def test_a_redirect_to_an_odd_url_leads_nowhere(scene: Scene) -> None:
    with pytest.raises(UpstreamError) as caught:
        await scene.job().get(scene.api.url + "/moved-oddly")
    assert caught.value.type == "upstream-redirects"


FINE = {
    "http://X.example/": "x.example",
    "https://x.example:443/a b?c d": "x.example",
    "http://x.example:8080?q": "x.example:8080",
    "http://under_score.example./": "under_score.example.",
    "http://bücher.example/ü?ü#ü": "xn--bcher-kva.example",
    "http://[2606:4700::1111]/": "[2606:4700::1111]",
    "https://[2606:4700::1111]:8443/": "[2606:4700::1111]:8443",
    "http://127.1/": "127.1",
    "http://x.example/%": "x.example",
    "http://x.example/../..": "x.example",
}


@pytest.mark.parametrize("url", FINE)
def test_a_host_is_named_alike_however_it_is_written(url: str) -> None:
    assert host_of(checked(url).to_text().encode("ascii")) == FINE[url]


@pytest.mark.parametrize(
    "url", ["http://" + "ü" * 16_000, "http://" + "a." * 8_000, "http://x/" + "%" * 20_000]
)
def test_a_long_url_is_none(url: str) -> None:
    with pytest.raises(UpstreamError):
        checked(url)


@ensureDeferred
async def test_addresses_of_ipv6_are_called(scene: Scene) -> None:
    class Page(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return request.getHeader(b"host") or b""

    port = scene.reactor.listenTCP(0, Site(Page()), interface="::1")
    secure = scene.reactor.listenSSL(0, Site(Page()), self_signed(), interface="::1")
    host = f"[::1]:{port.getHost().port}"
    assert await (await scene.job().get(f"http://{host}/")).content() == host.encode()
    with pytest.raises(UpstreamError) as caught:
        await scene.job().get(f"https://[::1]:{secure.getHost().port}/")
    assert caught.value.type == "upstream-tls"
    await scene.upstreams.close()
    await port.stopListening()
    await secure.stopListening()


@ensureDeferred
async def test_private_addresses_of_ipv6_are_private() -> None:
    from twisted.internet import reactor

    upstreams = outbound.Upstreams(reactor, Limits(), allow_private=False, per_host=4)
    http = upstreams.client(outbound.AttemptOfJob("0-a-b", 9e9))
    for host in ("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"):
        for scheme in ("http", "https"):
            with pytest.raises(UpstreamError) as caught:
                await http.get(f"{scheme}://{host}/")
            assert caught.value.type == "private-address"
    waiting: Deferred[Any] = http.get("http://[2606:4700::1111]:1/", idempotent=False)
    http.close()
    with pytest.raises((CancelledError, ConnectError)):  # by the end of the job, or where there is no IPv6
        await waiting
