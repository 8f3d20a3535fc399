"""Who asks, behind proxies: what a proxy says of its client counts if the proxy is one that was named as trusted.

A proxy says it in ``X-Forwarded-For``, to which each adds at the right whom it was asked by, or in front of all
requests of a connection (PROXY protocol, ``--listen haproxy:…``), which Twisted then takes for the peer's address.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from relay.front.request import Request

UNIX = "unix:"  # for who connects to a unix socket
UNKNOWN = "unknown"
_FORWARDED = frozenset(
    {"forwarded", "via", "x-real-ip"}
    | {f"x-forwarded-{what}" for what in ("by", "for", "host", "port", "prefix", "proto", "server", "ssl")}
)


class Proxies:
    """The proxies whose word is taken; `trusted` are addresses, networks and `UNIX`."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._unix = UNIX in trusted
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(text, strict=False) for text in trusted if text != UNIX
        ]

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        if address == UNIX:
            return self._unix
        try:
            return any(ip_address(address) in network for network in self._networks)
        except ValueError:
            return False

    def client(self, request: Request) -> str:
        """The address of who asks: the last one in the chain of proxies that is not a trusted proxy's."""
        address = peer(request)
        chain = said(request)
        while chain and self.trusts(address):
            address = _address(chain.pop())
        return address


def forwarded(request: Request) -> str:
    """What says that a request came through a proxy; "" if nothing does."""
    if _is_proxied(request.transport):
        return "PROXY"
    if _FORWARDED.isdisjoint(request.headers):
        return ""
    return ", ".join(sorted(_FORWARDED & request.headers.keys()))


def peer(request: Request) -> str:
    """The address at the other end of the request's socket."""
    return _host(_socket(request.transport).getPeer())


def _socket(transport: Any) -> Any:
    while hasattr(transport, "wrappedProtocol"):  # TLS, PROXY
        transport = transport.transport
    return transport


def _is_proxied(transport: Any) -> bool:
    socket = _socket(transport)
    return socket is not transport and bool(socket.getPeer() != transport.getPeer())


def said(request: Request) -> list[str]:
    """Who asked whom, as the proxies say; the nearest last."""
    chain = [part for field in request.values("x-forwarded-for") for part in field.split(",")]
    if _is_proxied(request.transport):
        chain.append(_host(request.transport.getPeer()))
    return chain


def _host(address: Any) -> str:
    return _address(address.host) if hasattr(address, "host") else UNIX


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
