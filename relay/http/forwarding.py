"""The client's address behind proxies: what a proxy says of its client counts if the proxy is trusted.

A proxy says it in ``X-Forwarded-For``, to which each adds at the right whom it was asked by, or in front of all
requests of a connection (PROXY protocol, ``--listen haproxy:…``), which Twisted then takes for the peer's address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from relay.http.request import Request
from relay.net.outgoing import socket_of
from relay.net.proxied import header_of

_TELLING = re.compile(
    r"forwarded|client-?ip|(connecting|real|user|originating|remote|true|src|source)-?ip|remote-addr"
    r"|external-address|original-(host|url)|^(via|cdn-loop|cf-ray|x-amz-cf-id|x-host|x-cluster-.*)$"
)
_LONGEST_TELLING = 64  # characters of a name
UNIX = "unix:"  # for who connects to a unix socket
UNKNOWN = "unknown"


class Networks:
    """Addresses, networks and `UNIX`, by their texts."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._unix = UNIX in texts
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(text, strict=False) for text in texts if text != UNIX
        ]

    def __contains__(self, address: str) -> bool:
        if address == UNIX:
            return self._unix
        try:
            return any(ip_address(address) in network for network in self._networks)
        except ValueError:
            return False


class Proxies:
    """The proxies that are trusted."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        #: whether there is one
        self.are_there = bool(trusted)
        self._trusted = Networks(trusted)

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        return address in self._trusted

    def client(self, request: Request) -> str:
        """The client's address: the last one in the chain of proxies that is not a trusted proxy's."""
        address = request.address
        chain = said(request)
        while chain and self.trusts(address):
            address = _address(chain.pop())
        return address

    def is_https(self, request: Request) -> bool:
        """Whether a trusted proxy says that its client came by https."""
        said = ",".join(request.values("x-forwarded-proto"))
        return self.trusts(request.address) and said.partition(",")[0].strip().lower() == "https"


def forwarded(request: Request) -> str:
    """The header or protocol that shows that a request came through a proxy; "" if none."""
    is_plain = not hasattr(request.transport, "wrappedProtocol")  # neither PROXY nor TLS came before
    if not is_plain and _proxied(request.transport) is not None:
        return "PROXY"
    return _telling(tuple(request.headers))


@lru_cache(maxsize=500)
def _telling(names: tuple[str, ...]) -> str:
    """The headers that say that a request was passed on: those of the common proxies, and what is named like them."""
    return ", ".join(sorted(name for name in names if _TELLING.search(name[:_LONGEST_TELLING])))


def _proxied(transport: Any) -> str | None:
    """For whom a connection was passed on, as its PROXY header says, `UNKNOWN` where it does not; None for one without
    such a header, or of the proxy itself."""
    header = header_of(transport)
    if header is None or header.is_local or header.source == socket_of(transport).getPeer():
        return None
    return UNKNOWN if header.source is None else address_of(header.source)


def said(request: Request) -> list[str]:
    """Who asked whom, as the proxies say; the nearest last."""
    chain = [part for field in request.values("x-forwarded-for") for part in field.split(",")]
    proxied = _proxied(request.transport)
    return chain if proxied is None else [*chain, proxied]


def address_of(peer: Any) -> str:
    """The address of the other end of a socket, as text; `UNIX` for one of a unix socket."""
    return _address(peer.host) if hasattr(peer, "host") else UNIX


@lru_cache(maxsize=1000)
def _address(text: str) -> str:
    """An address, without the port that some proxies add."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return UNKNOWN
    return str(getattr(address, "ipv4_mapped", None) or address)
