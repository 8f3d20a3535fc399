"""Who may call. relay is closed by default, because there are no callers' tokens: it answers programs on this machine,
programs in networks that the operator names (``--allow``), and servers that prove to know a secret.

An address is not enough for that: a proxy passes on the whole world, and a browser passes on any page that it shows.
Both are recognized by their headers (except a proxy that sends none and calls itself localhost). A page can point its
own name to relay (DNS rebinding); then that name is the Host, and it is a name that anybody can register.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from relay.front.caller import ANONYMOUS, LOCAL, TICKET_HOLDER, Takes
from relay.front.credentials import Credentials
from relay.front.refusals import Refusals
from relay.http.forwarding import UNIX, Networks, Proxies, forwarded, said
from relay.http.request import Request
from relay.model import proofs
from relay.model.caller import Caller
from relay.model.problems.request import Forbidden, Malformed
from relay.model.proofs import ProofError

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*))(?::\d{1,5})?")
_LABEL = 63  # characters between the dots of a host name (RFC 1035)
_PRIVATE = (".internal", ".local", ".localhost", ".home.arpa")  # ends of names that nobody can register


class Access:
    """Asks who calls before anything else is done with a request. Programs at `allowed` addresses may call like those
    on this machine; `hosts` are names of this relay."""

    def __init__(
        self,
        open: bool,
        proxies: Proxies,
        allowed: Sequence[str] = (),
        hosts: Sequence[str] = (),
        credentials: Credentials | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._open = open
        self._proxies = proxies
        self._allowed = Networks(allowed)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._prover = Prover(credentials.secrets, refusals) if credentials and refusals else None

    def authenticate(self, request: Request, takes: Takes = Takes.CALLER) -> Caller:
        """Who calls a route that takes these. Raises `Malformed` for a bad Host, `Forbidden` for a caller who may
        not."""
        host = _host(request)
        if takes is Takes.TICKET:
            return TICKET_HOLDER
        if self._open:
            return ANONYMOUS
        how = forwarded(request)
        try:
            client = self._forwarded_for(request, how) if how else request.address
            local = is_here(client) and is_here(request.address)
            if not local:
                self._check_address(client, how, takes)
            self._check_page(request, host, local)
        except Forbidden:
            if self._prover is None or not self._prover.holds(request, self._proxies):
                raise
            return ANONYMOUS
        return LOCAL if local else ANONYMOUS

    def _check_page(self, request: Request, host: str, local: bool) -> None:
        """Whether a request may be that of a web page elsewhere."""
        if host and not is_loopback(host) and not self._is_ours(host, local):
            raise Forbidden(f"the Host is {host}")
        for origin in request.headers.get("origin", ()):
            if not is_loopback(_name(origin.partition("://")[2])):
                raise Forbidden(f"the Origin is {origin}")
        if "cross-site" in map(str.lower, request.headers.get("sec-fetch-site", ())):
            raise Forbidden("the request comes from a web page elsewhere (Sec-Fetch-Site)")

    def _forwarded_for(self, request: Request, how: str) -> str:
        if not self._proxies.trusts(request.address):
            raise Forbidden(f"the request was forwarded ({how})")
        if not said(request):
            raise Forbidden(f"the request was forwarded ({how}), and the proxy does not say for whom")
        return self._proxies.client(request)

    def _check_address(self, client: str, how: str, takes: Takes) -> None:
        """Whether a client elsewhere may call; loopback at a proxy elsewhere is the proxy's machine."""
        if not how and not is_loopback(client) and self._proxies.trusts(client):
            if takes is not Takes.PROBE:
                raise Forbidden(f"the request comes from a proxy ({client}), which does not say for whom")
        elif not is_loopback(client) and client not in self._allowed:
            raise Forbidden(f"the request {'was forwarded for' if how else 'comes from'} {client}")

    def _is_ours(self, host: str, local: bool) -> bool:
        """Whether a name may be ours. On this machine every program that passes requests on has a name for us."""
        return host.lower() in self._hosts or (not local and is_private(host))


class Prover:
    """Checks proofs, and logs those that are refused."""

    def __init__(self, secrets: Sequence[str], refusals: Refusals) -> None:
        self._secrets = secrets
        self._refusals = refusals

    def holds(self, request: Request, proxies: Proxies) -> bool:
        """Whether a request has a valid proof; False without secrets. Raises `Forbidden` for a bad proof."""
        if not self._secrets or not request.values("relay-proof"):
            return False
        proof, key = request.header("relay-proof"), request.header("idempotency-key")
        try:
            proofs.check(self._secrets, proof, request.method, request.path(), key, request.body, time.time())
        except ProofError as error:
            self._refusals.told(proxies.client(request), error)
            raise Forbidden(str(error)) from error
        return True


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


def _host(request: Request) -> str:
    hosts = request.headers.get("host", [])
    if (
        request.target[:1] != b"/" and len(hosts) < 2
    ):  # a whole URL, whose host counts: a proxy passes that on
        hosts = [request.authority()] if request.authority() else hosts
    if not hosts and request.version == "1.0":
        return ""
    if len(hosts) != 1:
        raise Malformed(f"a request must have one Host, not {len(hosts)}")
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
