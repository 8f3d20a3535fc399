"""Who may call. Where callers have credentials (`relay.front.callers`), those with valid ones may. Otherwise relay is
closed: it answers programs on this machine, programs in networks that the operator names (``--allow``), and servers
that prove to know a secret.

An address is not enough for that: a proxy passes on the whole world, and a browser passes on any page that it shows.
Both are recognized by their headers (except a proxy that sends none and calls itself localhost). A page can point its
own name to relay (DNS rebinding); then that name is the Host, and it is a name that anybody can register.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from relay.front.caller import ANONYMOUS, LOCAL, NOBODY, TICKET_HOLDER, Takes
from relay.front.callers.check import SUBJECT, bearer
from relay.front.callers.identities import Identities
from relay.front.callers.prover import Prover
from relay.http.forwarding import Networks, Proxies, forwarded, said
from relay.http.request import Request
from relay.model.caller import Caller
from relay.model.origins import PageOrigins
from relay.model.problems.caller import Forbidden
from relay.serving.hosts import host_of, is_here, is_loopback, is_private, name_of

#: schemes of `Authorization` that a browser sends on its own, "" for none
_SENT_BY_BROWSERS = frozenset({"", "basic", "digest", "negotiate", "ntlm"})


class Access:
    """Asks who calls before anything else is done with a request.

    Without `identities` programs at `allowed` addresses may call like those on this machine; `hosts` are names of this
    relay. With them programs at `allowed` addresses may call without credentials, and those on this machine may not.
    Pages of `origins` may call.
    """

    def __init__(
        self,
        open: bool,
        proxies: Proxies,
        allowed: Sequence[str] = (),
        hosts: Sequence[str] = (),
        prover: Prover | None = None,
        identities: Identities | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        self._open = open
        self._proxies = proxies
        self._allowed = Networks(allowed)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._prover = prover
        self._identities = identities
        self._origins = PageOrigins(origins)

    def authenticate(self, request: Request, takes: Takes = Takes.CALLER) -> Caller | Deferred[Caller]:
        """Who calls a route that takes these. Raises `Malformed` for a bad Host, `Unauthorized` and `Forbidden` for a
        caller who may not; so does the Deferred."""
        if request.trail is not None and self._proxies.are_there:
            request.trail.address = self._proxies.client(request)
        host = host_of(request)
        if takes is Takes.TICKET:
            return TICKET_HOLDER
        if self._identities is not None:
            if takes is Takes.READER:
                return NOBODY
            return self._identified(self._identities, request, host, takes)
        if SUBJECT in request.headers:
            return self._acting(request)
        return ANONYMOUS if self._open else self._unidentified(request, host, takes)

    # -- where callers have credentials --

    def _identified(
        self, identities: Identities, request: Request, host: str, takes: Takes
    ) -> Caller | Deferred[Caller]:
        caller = identities.recall(request)
        if caller is not None:
            return self._named(caller, identities, request, host)
        if not request.values("authorization"):
            if takes is Takes.PROBE:
                return self._probing(identities, request, host)
            proven = self._proven(request)
            if proven is not None:  # it is known without a check, whoever else fails from its address
                return proven
        return identities.identify(request).addCallback(self._named, identities, request, host)

    def _probing(self, identities: Identities, request: Request, host: str) -> Caller:
        """Whoever looks whether relay is there needs no credentials on this machine, nor does a proxy."""
        try:
            return self._unidentified(request, host, Takes.PROBE)
        except Forbidden as error:
            raise identities.unnamed() from error

    def _named(self, caller: Caller | None, identities: Identities, request: Request, host: str) -> Caller:
        """The caller that was found. What a browser sends on its own, such as a cookie or a password that was typed
        once, does not show that the page that it shows may call."""
        if caller is None:
            return self._without_credentials(identities, request, host)
        if not bearer(request) and _scheme(request) in _SENT_BY_BROWSERS:
            self._check_origin(request, host)
        return caller

    def _without_credentials(self, identities: Identities, request: Request, host: str) -> Caller:
        if SUBJECT in request.headers:
            raise identities.unnamed()
        try:
            client, _ = self._client(request)
        except Forbidden as error:
            raise identities.unnamed() from error
        if client not in self._allowed:
            raise identities.unnamed()
        return self._unidentified(request, host, Takes.CALLER)

    # -- where they have none --

    def _acting(self, request: Request) -> Caller:
        """For whom a server acts, which has to prove that it may."""
        proven = self._proven(request)
        if proven is None:
            raise Forbidden("Relay-Subject is for servers that send a trusted token or a proof")
        return proven

    def _unidentified(self, request: Request, host: str, takes: Takes) -> Caller:
        try:
            client, how = self._client(request)
            local = is_here(client) and (not how or is_here(request.address))
            if not local:
                self._check_address(client, how, takes)
            self._check_page(request, host, local)
        except Forbidden:
            proven = self._proven(request)
            if proven is None:
                raise
            return proven
        return LOCAL if local else ANONYMOUS

    def _proven(self, request: Request) -> Caller | None:
        """Whoever a request with a valid proof is for; None without one. Raises `Forbidden` for a bad proof."""
        return self._prover.prove(request) if self._prover is not None else None

    def _client(self, request: Request) -> tuple[str, str]:
        """The client's address, and how a request was forwarded, "" if it was not."""
        how = forwarded(request)
        return (self._forwarded_for(request, how) if how else request.address), how

    def _check_page(self, request: Request, host: str, local: bool) -> None:
        """Whether a request may be that of a web page elsewhere."""
        if host and not is_loopback(host) and not self._is_ours(host, local):
            raise Forbidden(f"the Host is {host}")
        self._check_origin(request)

    def _check_origin(self, request: Request, ours: str = "") -> None:
        """Pages of this machine may call, those of `ours` (a host name), and those that the operator names."""
        if not ("origin" in request.headers or "sec-fetch-site" in request.headers):  # which browsers send
            return
        if self._origins.match(request.values("origin")):
            return
        for origin in request.values("origin"):
            name = name_of(origin.partition("://")[2])
            if not is_loopback(name) and not (name and name == ours):
                raise Forbidden(f"the Origin is {origin}")
        if "cross-site" in map(str.lower, request.values("sec-fetch-site")):
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


def _scheme(request: Request) -> str:
    """Of its `Authorization`, "" if it has none."""
    return request.header("authorization").partition(" ")[0].lower()
