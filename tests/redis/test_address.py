"""Addresses of Redis: a server, Sentinels, a Cluster."""

from __future__ import annotations

import pytest

from relay.net.client_tls import TLSFiles
from relay.redis.address import Address, AddressError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", Address("redis", "localhost", 6379, 0, "", "")),
        ("redis://h:7/2", Address("redis", "h", 7, 2, "", "")),
        ("redis://:p%40ss@h", Address("redis", "h", 6379, 0, "", "p@ss")),
        ("rediss://u:p@[::1]:7/1", Address("rediss", "::1", 7, 1, "u", "p")),
        ("unix:///run/r.sock", Address("unix", "/run/r.sock", 0, 0, "", "")),
        ("unix://:p@/run/r.sock?db=4", Address("unix", "/run/r.sock", 0, 4, "", "p")),
    ],
)
def test_an_address_is_read_from_its_url(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected
    assert "p@ss" not in expected.shown


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://h", "redis://", "redis://h:x", "redis://h/x", "unix://r.sock", "h:6379"),
        *(
            "redis://h:0",
            "redis://h:65536",
            "redis://h/-1",
            "redis://h/0/1",
            "redis://h/\u0661",
            "redis://[::1",
        ),
        *("redis://a..b", f"redis://{'a' * 64}", "redis://a b", f"unix:///{'a' * 107}", "unix:///a?db=-1"),
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AddressError):
        Address.parse(url)


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "shown"),
    [
        (
            "redis+sentinel://a,b:7/main",
            "sentinel",
            (("a", 26379), ("b", 7)),
            "redis+sentinel://a:26379,b:7/main",
        ),
        (
            "rediss+sentinel://u:p%40@[::1]:7,a:8/main/3",
            "sentinel",
            (("::1", 7), ("a", 8)),
            "rediss+sentinel://[::1]:7,a:8/main",
        ),
        (
            "redis+cluster://u:p%40@a,b:7,a",
            "cluster",
            (("a", 6379), ("b", 7)),
            "redis+cluster://a:6379,b:7",
        ),
        ("rediss+cluster://:p%40@a/0", "cluster", (("a", 6379),), "rediss+cluster://a:6379"),
    ],
)
def test_an_address_may_name_several_hosts(url: str, kind: str, hosts: object, shown: str) -> None:
    address = Address.parse(url)
    assert (address.kind, address.hosts, address.shown) == (kind, hosts, shown)
    assert address.scheme == url.partition("+")[0]
    assert address.password == ("p@" if "p%40" in url else "")


def test_servers_that_sentinels_name_are_greeted_as_the_url_says_and_sentinels_by_their_own_user() -> None:
    address = Address.parse(
        "rediss+sentinel://u:p@a,b/main/3?ca=/c&cert=/d&key=/k&sentinel_user=s&sentinel_password=t%26"
    )
    assert address.tls == TLSFiles("/c", "/d", "/k")
    server = address.server_at("10.0.0.1", 6380)
    assert server.shown == "rediss://10.0.0.1:6380"
    assert server.greeting == [("AUTH", "u", "p"), ("SELECT", 3)]
    assert [each.shown for each in address.sentinels()] == ["rediss://a:26379", "rediss://b:26379"]
    assert all(each.greeting == [("AUTH", "s", "t&")] for each in address.sentinels())
    assert {each.tls for each in (server, *address.sentinels())} == {address.tls}


def test_sentinels_are_never_given_the_password_of_the_servers() -> None:
    (sentinel,) = Address.parse("redis+sentinel://u:p@a/main").sentinels()
    assert sentinel.greeting == []


def test_a_server_with_tls_may_have_files_of_its_own_and_options_of_other_clients() -> None:
    address = Address.parse("rediss://h:7/2?ca=/c&ssl_cert_reqs=required")
    assert (address.database, address.tls) == (2, TLSFiles("/c"))


@pytest.mark.parametrize(
    "url",
    [
        *("redis+sentinel://a", "redis+sentinel://a,b/", "redis+sentinel:///main", "redis+sentinel://a,,b/m"),
        *(
            "redis+sentinel://a:0/m",
            "redis+sentinel://a:x/m",
            "redis+sentinel://a/m/x",
            "redis+sentinel://a b/m",
        ),
        *("redis+sentinel://a/m?db=1", "redis+sentinel://a/m?ca=/c", "rediss+sentinel://a/m?key=/k"),
        *("redis+cluster://", "redis+cluster://a/1", "redis+cluster://a?sentinel_user=x", "unix+cluster://a"),
        *("redis://h?ca=/c", "rediss://h?key=/k", "redis+sentinel://hid#den@a/m"),
    ],
)
def test_what_names_no_servers_is_refused(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        Address.parse(url)
    assert "hid" not in str(refused.value)
