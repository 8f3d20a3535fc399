"""Who asks, behind proxies."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory

from relay.front.access import Access
from relay.front.caller import Takes
from relay.http.forwarding import UNIX, Proxies, address_of
from relay.http.request import Request
from relay.model.problems.caller import Forbidden
from relay.net.outgoing import socket_of
from relay.net.proxied import Header, with_headers

NGINX = IPv4Address("TCP", "10.0.0.1", 40000)
LOCAL = IPv4Address("TCP", "127.0.0.1", 40000)
HERE = StringTransport(peerAddress=LOCAL)


V2 = b"\r\n\r\n\0\r\nQUIT\n"  # how version 2 begins
ODD = (  # headers that are none
    b"PROXY TCP4 a b x y\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\xcb\nPOST\r\n",
    b"PROXY TCP4 \xc3 5.6.7.8 1 2\r\n",
    b"PROXY TCP6 \xff \xff 1 2\r\n",
    b"PROXY\r\n",
    b"PROXY " + b"1" * 300,
    b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x77\0\x0c" + b"\0" * 12,
    V2 + b"\x25\x11\0\x0c" + b"\0" * 12,
    V2 + b"\x21\x31\0\x02ab",
    V2 + b"\x21\x21\0\x04abcd",
    b"GET / HTTP/1.1\r\n\r\n",
)
V1 = b"PROXY TCP4 %b 127.0.0.1 1 2\r\n"


def proxied(peer: Any, header: bytes) -> Header:
    """A transport of a connection on which a proxy has sent this header."""
    wrapper = Header(HAProxyWrappingFactory(Factory()), Protocol())
    wrapper.makeConnection(StringTransport(peerAddress=peer))
    wrapper.dataReceived(header)
    return wrapper


def asked(transport: Any, *forwarded_for: str, **headers: str) -> Request:
    given = {"host": ["localhost"], **{name: [value] for name, value in headers.items()}}
    if forwarded_for:
        given["x-forwarded-for"] = list(forwarded_for)
    request = Request("GET", b"/jobs/0", "1.1", given)
    request.transport, request.address = transport, address_of(socket_of(transport).getPeer())
    return request


def over(peer: Any, *forwarded_for: str) -> Request:
    return asked(StringTransport(peerAddress=peer), *forwarded_for)


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["127.0.0.1, 203.0.113.9"], "203.0.113.9"),  # what a client wrote itself
        (["203.0.113.9:1234"], "203.0.113.9"),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["127.0.0.1, nonsense"], "unknown"),
        ([""], "unknown"),
        (["localhost"], "unknown"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(said: list[str], client: str) -> None:
    assert Proxies(["10.0.0.0/8"]).client(over(NGINX, *said)) == client


def test_who_is_not_trusted_is_the_client_whatever_it_says() -> None:
    assert Proxies().client(over(NGINX, "127.0.0.1")) == "10.0.0.1"
    assert Proxies(["10.0.0.2"]).client(over(NGINX, "127.0.0.1")) == "10.0.0.1"
    assert Proxies(["10.0.0.2"]).client(asked(proxied(NGINX, V1 % b"127.0.0.1"))) == "10.0.0.1"


def test_unix_sockets_and_ipv6_are_trusted_by_name() -> None:
    assert Proxies().client(over(UNIXAddress("/a"), "203.0.113.9")) == UNIX
    assert Proxies([UNIX]).client(over(UNIXAddress("/a"), "203.0.113.9")) == "203.0.113.9"
    assert (
        Proxies(["2001:db8::/64"]).client(over(IPv6Address("TCP", "2001:db8::1", 1), "203.0.113.9"))
        == "203.0.113.9"
    )


def test_an_ipv4_address_on_an_ipv6_socket_is_itself() -> None:
    nginx = IPv6Address("TCP", "::ffff:10.0.0.1", 1)
    assert Proxies(["10.0.0.1"]).client(over(nginx, "203.0.113.9")) == "203.0.113.9"
    assert Proxies().client(over(nginx)) == "10.0.0.1"


def test_what_a_proxy_says_in_front_of_the_connection_is_nearer_than_what_headers_say() -> None:
    said = proxied(NGINX, V1 % b"203.0.113.9")
    assert Proxies(["10.0.0.1"]).client(asked(said)) == "203.0.113.9"
    assert Proxies(["10.0.0.1"]).client(asked(said, "127.0.0.1")) == "203.0.113.9"
    assert Proxies(["10.0.0.1", "203.0.113.9"]).client(asked(said, "127.0.0.1")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "request_", "said"),
    [
        ([], over(NGINX, "127.0.0.1"), "was forwarded (x-forwarded-for)"),
        ([], asked(StringTransport(), via="1.1 squid"), "was forwarded (via)"),
        ([], asked(proxied(NGINX, V1 % b"127.0.0.1")), "was forwarded (PROXY)"),
        ([], asked(proxied(NGINX, b"PROXY UNKNOWN 127.0.0.1 127.0.0.1 1 2\r\n")), "was forwarded (PROXY)"),
        ([], asked(proxied(NGINX, b"PROXY UNKNOWN\r\n")), "was forwarded (PROXY)"),
        ([], asked(proxied(NGINX, V2 + b"\x21\0\0\0")), "was forwarded (PROXY)"),
        (
            ["10.0.0.1"],
            asked(proxied(NGINX, b"PROXY UNKNOWN 127.0.0.1 127.0.0.1 1 2\r\n")),
            "was forwarded for unknown",
        ),
        (
            ["10.0.0.1"],
            asked(proxied(NGINX, b"PROXY UNKNOWN 127.0.0.1 127.0.0.1 1 2\r\n"), "127.0.0.1"),
            "for unknown",
        ),
        (["10.0.0.1"], asked(proxied(NGINX, V2 + b"\x21\0\0\0"), "127.0.0.1"), "for unknown"),
        *(
            ([], asked(StringTransport(), **{name: "127.0.0.1"}), f"was forwarded ({name})")
            for name in (
                *("x-forwarded", "x-forwarded-anything", "forwarded", "forwarded-for", "x-real-ip"),
                *("x-client-ip", "client-ip", "true-client-ip", "cf-connecting-ip", "fastly-client-ip"),
                *(
                    "x-cluster-client-ip",
                    "x-azure-clientip",
                    "x-envoy-external-address",
                    "cdn-loop",
                    "x-remote-ip",
                ),
                *("x-original-host", "x-original-forwarded-for", "x-appengine-user-ip", "wl-proxy-client-ip"),
            )
        ),
        (["10.0.0.1"], asked(StringTransport(peerAddress=NGINX), **{"x-real-ip": "127.0.0.1"}), "for whom"),
        (
            ["10.0.0.1"],
            asked(StringTransport(peerAddress=NGINX), **{"x-forwarded-proto": "https"}),
            "for whom",
        ),
        (["10.0.0.1"], over(NGINX, "203.0.113.9"), "was forwarded for 203.0.113.9"),
        (["10.0.0.1"], asked(proxied(NGINX, V1 % b"203.0.113.9")), "for 203.0.113.9"),
        (["10.0.0.1"], over(NGINX, "127.0.0.1, 203.0.113.9"), "for 203.0.113.9"),
    ],
)
def test_a_closed_relay_refuses_who_asks_from_elsewhere(
    trusted: list[str], request_: Request, said: str
) -> None:
    with pytest.raises(Forbidden) as refused:
        Access(False, Proxies(trusted)).authenticate(request_)
    assert said in refused.value.detail
    Access(True, Proxies(trusted)).authenticate(request_)


def test_a_closed_relay_serves_this_machine_behind_a_trusted_proxy_too() -> None:
    closed = Access(False, Proxies(["10.0.0.1"]))
    closed.authenticate(over(NGINX, "127.0.0.1"))
    closed.authenticate(asked(proxied(NGINX, V1 % b"127.0.0.1")))


def test_a_proxy_that_looks_whether_the_front_is_there_is_answered() -> None:
    Access(False, Proxies()).authenticate(asked(proxied(LOCAL, V2 + b"\x20\0\0\0")))
    for header in (V2 + b"\x20\0\0\0", b"PROXY TCP4 10.0.0.1 127.0.0.1 40000 80\r\n"):
        request = asked(proxied(NGINX, header))
        assert Access(False, Proxies(["10.0.0.1"])).authenticate(request, Takes.PROBE)
        for takes in (Takes.CALLER, Takes.PROBE):
            with pytest.raises(Forbidden, match=r"comes from 10\.0\.0\.1"):
                Access(False, Proxies()).authenticate(request, takes)


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
def test_a_request_of_a_web_page_elsewhere_is_refused_whatever_its_method(site: str) -> None:
    with pytest.raises(Forbidden, match="Sec-Fetch-Site"):
        Access(False, Proxies()).authenticate(asked(HERE, **{"sec-fetch-site": site}))
    Access(False, Proxies()).authenticate(asked(HERE, **{"sec-fetch-site": "same-origin"}))


@pytest.mark.parametrize("data", ODD)
def test_an_odd_proxy_header_ends_its_connection_and_nothing_else(data: bytes) -> None:
    factory = with_headers(TLSLike(HAProxyWrappingFactory(Factory.forProtocol(Protocol))))
    wrapper = factory.wrappedFactory.buildProtocol(LOCAL)
    transport = StringTransport()
    wrapper.makeConnection(transport)
    wrapper.dataReceived(data)
    assert transport.disconnecting


class TLSLike:
    """A factory around another."""

    def __init__(self, within: Any) -> None:
        self.wrappedFactory = within


def test_an_error_behind_the_header_is_not_the_headers() -> None:
    class Fails(Protocol):
        def dataReceived(self, data: bytes) -> None:
            raise ValueError("of our own")

    wrapper = with_headers(HAProxyWrappingFactory(Factory.forProtocol(Fails))).buildProtocol(LOCAL)
    wrapper.makeConnection(StringTransport())
    with pytest.raises(ValueError, match="of our own"):
        wrapper.dataReceived(V1 % b"127.0.0.1" + b"GET")
