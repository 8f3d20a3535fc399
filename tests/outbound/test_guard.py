"""The guard of the HTTP client."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.web.client import RedirectAgent
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.util import Redirect

from relay import outbound
from relay.model.problems.base import JobError
from tests.outbound.conftest import Limits


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_private_addresses_are_private_in_every_disguise(address: str) -> None:
    assert not outbound.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert outbound.is_public(address)


@ensureDeferred
async def test_a_redirect_to_a_private_address_is_refused_even_from_a_server_that_may_be_reached() -> None:
    from twisted.internet import reactor

    root = Resource()
    root.putChild(b"out", Redirect(b"http://localhost:1/"))
    port: Any = reactor.listenTCP(0, Site(root), interface="127.0.0.1")  # type: ignore[attr-defined]
    number = port.getHost().port

    class FirstAllowed(outbound.Endpoints):
        """The first server counts as public, as one on the internet would."""

        def endpointForURI(self, uri: Any) -> Any:
            self._allow_private = uri.port == number
            return super().endpointForURI(uri)

    from twisted.web.client import Agent

    agent = RedirectAgent(Agent.usingEndpointFactory(reactor, FirstAllowed(reactor, False)))  # type: ignore[arg-type]
    with pytest.raises(JobError, match="private"):
        await agent.request(b"GET", b"http://127.0.0.1:%d/out" % number)
    await port.stopListening()


@ensureDeferred
async def test_nothing_is_sent_to_a_private_address() -> None:
    from twisted.internet import reactor

    connected: list[Protocol] = []

    class Notices(Factory):
        def buildProtocol(self, addr: Any) -> Protocol:
            connected.append(Protocol())
            return connected[-1]

    port: Any = reactor.listenTCP(0, Notices(), interface="127.0.0.1")  # type: ignore[attr-defined]
    for host in ("127.0.0.1", "localhost"):
        upstreams = outbound.Upstreams(reactor, Limits(), allow_private=False, per_host=4)
        http = upstreams.client(outbound.AttemptOfJob("0-a-b", 9e9))
        with pytest.raises(JobError) as caught:
            await http.get(f"http://{host}:{port.getHost().port}/")
        assert caught.value.job_status == 403
    stopped: Deferred[None] = port.stopListening()
    await stopped
    assert connected == []
