"""The client of a job against an API that misbehaves, each case with its problem type, and nothing left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import CertificateOptions
from twisted.web.resource import Resource
from twisted.web.server import Site

from relay.outbound import Http, UpstreamError, UpstreamLimited, pieces
from relay.outbound.host import OPENS_AFTER
from tests.outbound.conftest import Scene


async def read(http: Http, url: str, **options: Any) -> bytes:
    response = await http.request("GET", url, **options)
    content: bytes = await response.content()
    return content


CASES = [
    ("/silent", "upstream-timeout", {"stall": 0.1}),
    ("/stalls-in-head", "upstream-timeout", {"stall": 0.1}),
    ("/stalls-in-body", "upstream-timeout", {"stall": 0.1}),
    ("/drips", "upstream-timeout", {}),
    ("/promises-too-much", "upstream-cut", {}),
    ("/cut-in-chunks", "upstream-cut", {}),
    ("/closes", "upstream-cut", {}),
    ("/no-http", "upstream-malformed", {}),
    ("/large", "upstream-too-large", {"max_bytes": 1000}),
    ("/bomb", "upstream-too-large", {"max_bytes": 1 << 20}),
    ("/broken-gzip", "upstream-encoding", {}),
    ("/half-gzip", "upstream-encoding", {}),
    ("/in-circles", "upstream-redirects", {}),
]


@ensureDeferred
@pytest.mark.parametrize(("path", "type", "options"), CASES)
async def test_what_goes_wrong_has_its_problem_type(
    scene: Scene, path: str, type: str, options: dict[str, Any]
) -> None:
    http = scene.job(seconds=1 if path == "/drips" else 20)
    with pytest.raises(UpstreamError) as caught:
        await read(http, scene.api.url + path, idempotent=False, **options)
    assert caught.value.type == type


@ensureDeferred
async def test_what_is_no_address_or_nobodys(scene: Scene) -> None:
    for url, type in {
        "http://127.0.0.1:1/": "upstream-unreachable",
        "http://a..b/": "bad-url",
        "gopher://x/": "bad-url",
        "http://no-such-host.invalid/": "upstream-unknown-host",
    }.items():
        with pytest.raises(UpstreamError) as caught:
            await scene.job().get(url, idempotent=False)
        assert caught.value.type == type


@ensureDeferred
async def test_bodies_are_decompressed_and_redirects_followed(scene: Scene) -> None:
    assert await (await scene.job().get(scene.api.url + "/gzip")).content() == b"words"
    for path in ("/moved", "/moved-in-old-style"):
        assert await (await scene.job().get(scene.api.url + path)).content() == b"fine"


@ensureDeferred
async def test_a_body_can_be_taken_in_pieces(scene: Scene) -> None:
    response = await scene.job().get(scene.api.url + "/large", unbuffered=True)
    sizes = [len(piece) async for piece in pieces(response, 300_000)]
    assert sizes == [300_000, 300_000, 300_000, (1 << 20) - 900_000]


@ensureDeferred
async def test_what_is_safe_is_sent_again_and_nothing_else(scene: Scene) -> None:
    assert (await scene.job().get(scene.api.url + "/fails-twice")).code == 200
    assert scene.api.counts["/fails-twice"] == 3
    assert (await scene.job().post(scene.api.url + "/fails", json={})).code == 503
    assert scene.api.counts["/fails"] == 1
    assert (await scene.job().post(scene.api.url + "/fails", json={}, idempotent=True)).code == 503
    assert scene.api.counts["/fails"] == 4


@ensureDeferred
async def test_a_call_carries_its_jobs_key_and_trace(scene: Scene) -> None:
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    for _ in range(2):  # two attempts of one job
        http = scene.job(trace=trace)
        await http.post(scene.api.url + "/fine", data=b"1")
        await http.post(scene.api.url + "/fine", data=b"2")
        await http.get(scene.api.url + "/fine")
    sent = [headers for _, _, headers, _ in scene.api.requests]
    keys = [headers.get("idempotency-key") for headers in sent]
    assert keys[:3] == keys[3:]
    assert keys[0] != keys[1]
    assert str(keys[0]).startswith("0-a-b-")
    assert keys[2] is None
    spans = {headers["traceparent"].split("-")[2] for headers in sent}
    assert len(spans) == 6
    assert all(headers["traceparent"].startswith(f"00-{'ab' * 16}-") for headers in sent)


@ensureDeferred
async def test_a_refused_call_waits_in_place_and_others_are_told(scene: Scene) -> None:
    host = scene.api.url.removeprefix("http://")
    http = scene.job(lane="@graph 12345", hosts=(host,))
    response = await http.post(scene.api.url + "/limited-once", data=b"1")
    assert await response.content() == b"at last"
    ((scopes, learned),) = scene.limits.learned
    assert scopes == [f"{host} 12345", "@graph 12345"]
    assert learned.pause == 1
    assert scene.limits.asked == [(f"{host} 12345", 1)] * 3  # free; closed for a second; free


@ensureDeferred
async def test_a_call_that_can_not_go_in_time_fails_at_once_and_costs_no_attempt(scene: Scene) -> None:
    with pytest.raises(UpstreamLimited) as caught:
        await scene.job().get(scene.api.url + "/limited", own=True)
    assert (caught.value.uncounted, caught.value.pause) == (True, 3600)


@ensureDeferred
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(scene: Scene) -> None:
    port = scene.reactor.listenSSL(0, Site(Resource()), self_signed(), interface="127.0.0.1")
    with pytest.raises(UpstreamError) as caught:
        await scene.job().get(f"https://localhost:{port.getHost().port}/")
    assert (caught.value.type, caught.value.retryable) == ("upstream-tls", False)
    await port.stopListening()


def self_signed() -> CertificateOptions:
    """A certificate for localhost, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertificateOptions(key, certificate)


@ensureDeferred
async def test_a_host_that_keeps_failing_is_left_alone_for_a_while(scene: Scene) -> None:
    for _ in range(OPENS_AFTER):
        with pytest.raises(UpstreamError):
            await scene.job().get(scene.api.url + "/closes", idempotent=False)
    with pytest.raises(UpstreamError) as caught:
        await scene.job().get(scene.api.url + "/fine", idempotent=False)
    assert caught.value.type == "upstream-unavailable"
    assert scene.api.counts["/fine"] == 0


@ensureDeferred
@pytest.mark.parametrize("path", ["/silent", "/stalls-in-head", "/stalls-in-body", "/drips"])
async def test_the_end_of_a_job_closes_what_it_has_open(scene: Scene, path: str) -> None:
    http = scene.job()
    calling = Deferred.fromCoroutine(read(http, scene.api.url + path))
    await scene.api.asked(path)
    http.close()
    with pytest.raises(CancelledError):
        await calling
    await scene.api.all_closed()


@ensureDeferred
async def test_calls_are_under_way_from_their_beginning_to_the_end_of_their_bodies(scene: Scene) -> None:
    http = scene.job()
    await read(http, scene.api.url + "/fine")
    assert scene.upstreams.under_way() == {"127.0.0.1": (0, 0.0)}
    paths = "/silent", "/stalls-in-body"
    calling = [Deferred.fromCoroutine(read(http, scene.api.url + path)) for path in paths]
    for path in paths:
        await scene.api.asked(path)
    count, oldest = scene.upstreams.under_way()["127.0.0.1"]
    assert count == 2
    assert 0.0 < oldest < 20
    http.close()
    for call in calling:
        with pytest.raises(CancelledError):
            await call
    assert scene.upstreams.under_way() == {"127.0.0.1": (0, 0.0)}


@ensureDeferred
async def test_calls_to_a_host_wait_for_a_place(scene: Scene) -> None:
    http = scene.job()
    calling = [http.get(scene.api.url + "/silent") for _ in range(6)]
    await scene.api.asked("/silent", times=4)
    assert scene.api.counts["/silent"] == 4
    http.close()
    for call in calling:
        call.addErrback(lambda failure: failure.trap(CancelledError))
        call.cancel()


@ensureDeferred
async def test_pauses_of_an_api_that_says_none_grow_from_job_to_job(scene: Scene) -> None:
    url = scene.api.url + "/fine"
    await scene.job().limited(url)
    await scene.job().limited(url)
    await scene.job().limited(url, 7.0)
    pauses = [learned.pause for _, learned in scene.limits.learned]
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2
    assert pauses[2] == 7


@ensureDeferred
async def test_an_api_that_limits_its_callers_for_too_long_is_not_waited_for(scene: Scene) -> None:
    with pytest.raises(UpstreamLimited):
        await scene.job(seconds=5).limited(scene.api.url, 6.0)


@ensureDeferred
async def test_what_has_to_be_finished_outlives_its_attempt(scene: Scene) -> None:
    http = scene.job()
    waiting = http.finish(lambda http: read(http, scene.api.url + "/fine"))
    waiting.cancel()
    http.close()
    with pytest.raises(CancelledError):
        await waiting
    await scene.api.asked("/fine")
    await scene.upstreams.close()
    await scene.api.all_closed()


@ensureDeferred
async def test_what_has_to_be_finished_tells_how_it_ended(scene: Scene) -> None:
    assert await scene.job().finish(lambda http: read(http, scene.api.url + "/fine")) == b"fine"
    with pytest.raises(UpstreamError):
        await scene.job().finish(lambda http: read(http, scene.api.url + "/in-circles"))
