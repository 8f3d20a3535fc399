"""Which addresses belong to the public internet, by a table of our own, because Python's `is_global` differs between
versions and counts some addresses of routers and clouds as public.

The tables are those of IANA (special-purpose address registries, RFC 6890), and a few addresses that clouds answer at.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_SPECIAL_4 = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # of carriers
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_GLOBAL_6 = ip_network("2000::/3")  # all else has other uses, or none yet
_SPECIAL_6 = [
    ip_network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # the upper half of an interface id that has an IPv4 address in its lower


def is_public(address: str) -> bool:
    """Whether an address, without a port, is one of the public internet. Of an IPv6 address that carries an IPv4 one,
    that must be."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _SPECIAL_4)
    carried = ip.ipv4_mapped or (_last(ip) if ip in _NAT64 else None)
    if carried is not None:
        return is_public(str(carried))
    if ip not in _GLOBAL_6 or any(ip in network for network in _SPECIAL_6):
        return False
    return (int(ip) >> 32) & 0xFFFFFFFF not in _ISATAP or is_public(str(_last(ip)))


def _last(ip: IPv6Address) -> IPv4Address:
    """The last four bytes."""
    return IPv4Address(int(ip) & 0xFFFFFFFF)
