"""Connections to public addresses only.

The guard stands where connections are made, behind name resolution, so that neither a redirect nor a name that
changes its address gets around it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from relay.model.problems.upstream import UpstreamError
from relay.net.client_tls import NamedServer
from relay.outbound.public import is_public

CONNECT_TIMEOUT = 10.0  # seconds


@implementer(IAgentEndpointFactory)
class Endpoints:
    """Makes the endpoints of an Agent."""

    def __init__(self, reactor: Any, allow_private: bool) -> None:
        self._reactor = reactor
        self._allow_private = allow_private

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        if uri.scheme not in (b"http", b"https"):
            raise UpstreamError("bad-url", f"the scheme is {uri.scheme.decode('latin-1')}, not http or https")
        guard = Guard(self._reactor, self._allow_private)
        endpoint: IStreamClientEndpoint = HostnameEndpoint(guard, uri.host, uri.port, timeout=CONNECT_TIMEOUT)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(NamedServer(uri.host.decode("ascii")), endpoint)
        return GuardedEndpoint(endpoint, guard)


@implementer(IReactorTCP, IReactorTime, IReactorPluggableNameResolver, IHostnameResolver)
class Guard:
    """The reactor as an endpoint sees it, but that no name resolves to a private address unless that is allowed."""

    def __init__(self, reactor: Any, allow_private: bool) -> None:
        self._reactor = reactor
        self._allow_private = allow_private
        self._resolution: IHostResolution | None = None
        self.refused = False

    @property
    def silent(self) -> bool:
        """Whether nobody answered for the name, of a resolver that tells (`relay.net.resolver`)."""
        return getattr(self._resolution, "silent", False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    @property
    def nameResolver(self) -> IHostnameResolver:
        return self

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, hostName: str, *args: Any, **kw: Any
    ) -> IHostResolution:
        resolver: IHostnameResolver = self._reactor.nameResolver
        receiver = resolutionReceiver if self._allow_private else _PublicOnly(resolutionReceiver, self)
        self._resolution = resolver.resolveHostName(receiver, hostName, *args, **kw)
        return self._resolution


@implementer(IResolutionReceiver)
class _PublicOnly:
    def __init__(self, receiver: IResolutionReceiver, guard: Guard) -> None:
        self._guard = guard
        self._receiver = receiver
        self.resolutionBegan = receiver.resolutionBegan
        self.resolutionComplete = receiver.resolutionComplete

    def addressResolved(self, address: IAddress) -> None:
        if is_public(address.host):  # type: ignore[attr-defined]
            self._receiver.addressResolved(address)
        else:
            self._guard.refused = True


@implementer(IStreamClientEndpoint)
class GuardedEndpoint:
    """An endpoint that says why its guard left it no address."""

    def __init__(self, endpoint: IStreamClientEndpoint, guard: Guard) -> None:
        self._endpoint = endpoint
        self._guard = guard

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addErrback(self._explain)

    def _explain(self, failure: Failure) -> Failure:
        if failure.check(DNSLookupError) and self._guard.refused:
            raise UpstreamError("private-address", "the host has a private address")
        if failure.check(DNSLookupError) and self._guard.silent:
            raise UpstreamError(
                "upstream-timeout", "the host name could not be resolved in time", phase="name"
            )
        return failure
