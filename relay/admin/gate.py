"""Who may look at a relay, and who may act on it.

Where the file of tokens has operators, they alone may: with their token as ``Authorization: Bearer``, or with the
session that it was exchanged for. Without any, who can reach a listener of this machine may look; nobody may act.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.admin.operators import SOMEBODY, AdminTakes, Operator
from relay.admin.sessions import OperatorSessions
from relay.http.forwarding import Proxies, forwarded
from relay.http.request import Request
from relay.model.problems.caller import Forbidden, Unauthorized
from relay.serving.bearer import bearer
from relay.serving.failures import Failures
from relay.serving.hosts import host_of, is_loopback
from relay.serving.known_tokens import KnownToken, KnownTokens
from relay.serving.refusals import Refusals

_LOG_IN = "log in with the token of an operator (relay tokens add NAME --operator look)"
_OWN_PAGES = frozenset({"same-origin", "none"})  # of Sec-Fetch-Site; "none": typed by the user
_SHOWN = 200  # characters of a name that is refused
_OF_TOKENS = len("token:")  # in front of their names in owners


class AdminGate:
    """`known`: the tokens that are valid now · `now`: seconds since 1970 · `is_wide`: others than this machine reach
    the listener, so that a token is needed, whatever the file has · `hosts`: names of this relay."""

    def __init__(
        self,
        known: Callable[[], KnownTokens],
        now: Callable[[], float],
        sessions: OperatorSessions,
        failures: Failures,
        refusals: Refusals,
        proxies: Proxies,
        hosts: Sequence[str] = (),
        is_wide: bool = False,
    ) -> None:
        self._known = known
        self._now = now
        self._sessions = sessions
        self._failures = failures
        self._refusals = refusals
        self._proxies = proxies
        self._hosts = frozenset(host.lower() for host in hosts)
        self._is_wide = is_wide
        self._has_operators = is_wide or known().has_operators

    @property
    def needs_tokens(self) -> bool:
        """Whether operators have to show who they are: once there was one, whoever is revoked opens nothing."""
        if not self._has_operators:
            self._has_operators = self._is_wide or self._known().has_operators
        return self._has_operators

    def authenticate(self, request: Request, takes: AdminTakes) -> Operator:
        """Who asks for a route that `takes` these. Raises `Malformed`, `Unauthorized`, `Forbidden` and
        `TooManyFailures`."""
        host = host_of(request)
        if takes is AdminTakes.ANYBODY:
            return SOMEBODY
        self._check_page(request)
        if not self.needs_tokens:
            return self._unnamed(request, host)
        operator = self._named(request)
        if operator is not None:
            return operator
        if takes is AdminTakes.OPERATOR:
            raise Unauthorized(_LOG_IN, given=False)
        return Operator(address=self._proxies.client(request))

    def log_in(self, request: Request, text: str) -> tuple[Operator, str]:
        """Who has a token, and the header line that gives its browser a session. Raises `Unauthorized` and
        `TooManyFailures`."""
        token = self._checked(request, text)
        line, csrf = self._sessions.open(request, token)
        return self._operator(request, token, csrf), line

    def log_out(self, request: Request) -> str:
        """The header line that takes a browser's session away."""
        return self._sessions.close(request)

    def _check_page(self, request: Request) -> None:
        """Raise `Forbidden` for a request of a web page that is not this listener's own."""
        why = _foreign_page(request)
        if why:
            error = Forbidden(why)
            self._refusals.told(self._proxies.client(request), "a web page elsewhere", error)
            raise error

    def _unnamed(self, request: Request, host: str) -> Operator:
        how = forwarded(request)
        if how:
            raise Forbidden(f"the request was forwarded ({how}): {_LOG_IN}")
        if host and not is_loopback(host) and host.lower() not in self._hosts:
            raise Forbidden(f"the Host is {host}")
        return Operator(address=request.address)

    def _named(self, request: Request) -> Operator | None:
        text = bearer(request)
        if text:
            return self._operator(request, self._checked(request, text))
        found = self._sessions.find(request)
        if found is None or not self._is_valid(found[0]):
            return None
        return self._operator(request, *found)

    def _checked(self, request: Request, text: str) -> KnownToken:
        """An operator's token, by its text."""
        address = self._proxies.client(request)
        token = self._known().find(text)
        if token is not None and self._is_valid(token):
            return token
        self._failures.check(address)
        self._failures.failed(address)
        error = Unauthorized("this is not the token of an operator, or it has expired or was revoked")
        self._refusals.told(address, "an operator", error)
        raise error

    def _is_valid(self, token: KnownToken) -> bool:
        return bool(token.operator) and self._now() < token.expires

    def _operator(self, request: Request, token: KnownToken, csrf: str = "") -> Operator:
        name, address = token.caller.name[_OF_TOKENS:], self._proxies.client(request)
        return Operator(name, token.operator == "act", csrf, address)


def _foreign_page(request: Request) -> str:
    """What shows that a request is of a web page that is not this listener's own; "" for nothing."""
    host = request.header("host").lower()
    for origin in request.values("origin"):
        if not host or origin.lower().partition("://")[2] != host:
            return f"the Origin is {origin[:_SHOWN]}, and the Host is {host}"
    for site in request.values("sec-fetch-site"):
        if site.lower() not in _OWN_PAGES:
            return "the request comes from a web page elsewhere (Sec-Fetch-Site)"
    return ""
