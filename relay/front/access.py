"""Who may call. Closed by default: as long as nobody shows a token, only programs on this machine are answered.

Listening on loopback is not enough for that: a proxy on this machine passes the whole world on, and so does a
browser for any page it shows. Both can be told by their headers (a proxy that sends none and calls itself localhost can
not).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from relay.errors import Forbidden, Malformed
from relay.front.proxies import Proxies, forwarded, peer, said
from relay.front.request import Request

_TICKETS = b"/tickets/"  # where a ticket stands for the caller
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*))(?::\d{1,5})?")
_LABEL = 63  # characters between the dots of a host name (RFC 1035)


class Access:
    """Checks each request before anything else is done with it."""

    def __init__(self, open: bool, proxies: Proxies) -> None:
        self._open = open
        self._proxies = proxies

    def check(self, request: Request) -> None:
        """Raise `Malformed` for a bad Host, `Forbidden` for a caller who may not."""
        host = _host(request)
        if self._open or request.target.startswith(_TICKETS):
            return
        self._check_forwarded(request)
        if host and not is_loopback(host):
            raise Forbidden(f"the Host is {host}")
        for origin in request.values("origin"):
            if not is_loopback(_name(origin.partition("://")[2])):
                raise Forbidden(f"the Origin is {origin}")

        if "cross-site" in map(str.lower, request.headers.get("sec-fetch-site", ())):
            raise Forbidden("the request comes from a web page elsewhere (Sec-Fetch-Site)")

    def _check_forwarded(self, request: Request) -> None:
        how = forwarded(request)
        if not how:
            return
        if not self._proxies.trusts(peer(request)):
            raise Forbidden(f"the request was forwarded ({how})")
        if not said(request):
            raise Forbidden(f"the request was forwarded ({how}), and the proxy does not say for whom")
        client = self._proxies.client(request)
        if not is_loopback(client):
            raise Forbidden(f"the request was forwarded for {client}")


@lru_cache(maxsize=1000)
def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(request: Request) -> str:
    hosts = request.values("host")
    if (
        request.target[:1] != b"/" and len(hosts) < 2
    ):  # a whole URL, whose host counts: a proxy passes that on
        hosts = [request.authority()] if request.authority() else hosts
    if not hosts and request.version == "1.0":
        return ""
    if len(hosts) != 1:
        raise Malformed(f"a request has one Host, not {len(hosts)}")
    name = _name(hosts[0])
    if not name:
        raise Malformed("the Host is not a host name")
    return name


@lru_cache(maxsize=1000)
def _name(host: str) -> str:
    """The name or address in ``host[:port]``, "" if there is none."""
    match = _HOST.fullmatch(host)
    if match is None or any(len(label) > _LABEL for label in match["name"].split(".")):
        return ""
    return match["name"].strip("[]")
