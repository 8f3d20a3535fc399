"""Names and addresses of machines: whether they are this one, and whether somebody elsewhere can have them."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from relay.http.forwarding import UNIX
from relay.http.request import Request
from relay.model.problems.request import Malformed

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*))(?::\d{1,5})?")
_LABEL = 63  # characters between the dots of a host name (RFC 1035)
_PRIVATE = (".internal", ".local", ".localhost", ".home.arpa")  # ends of names that nobody can register


@lru_cache(maxsize=1000)
def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1000)
def is_here(address: str) -> bool:
    """Whether somebody with this address is on this machine, if it was not told by another one."""
    return address == UNIX or is_loopback(address)


@lru_cache(maxsize=1000)
def is_private(host: str) -> bool:
    """Whether a name is an address, or a name that nobody can register, so that no foreign web page has it."""
    name = host.lower().rstrip(".")
    if "." not in name or name.endswith(_PRIVATE):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def host_of(request: Request) -> str:
    """The name in the Host of a request, "" for HTTP/1.0 without one. Raises `Malformed`."""
    hosts = request.headers.get("host", [])
    if (
        request.target[:1] != b"/" and len(hosts) < 2
    ):  # a whole URL, whose host counts: a proxy passes that on
        hosts = [request.authority()] if request.authority() else hosts
    if not hosts and request.version == "1.0":
        return ""
    if len(hosts) != 1:
        raise Malformed(f"a request must have one Host, not {len(hosts)}")
    name = name_of(hosts[0])
    if not name:
        raise Malformed("the Host is not a host name")
    return name


@lru_cache(maxsize=1000)
def name_of(host: str) -> str:
    """The name or address in ``host[:port]``, "" if there is none."""
    match = _HOST.fullmatch(host)
    if match is None or any(len(label) > _LABEL for label in match["name"].split(".")):
        return ""
    return match["name"].strip("[]")
