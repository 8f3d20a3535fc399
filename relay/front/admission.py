"""Who may call this front, put together from its settings and from what its operator's files say."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from relay.front.access import Access
from relay.front.callers.check import schemes_of
from relay.front.callers.identities import Identities
from relay.front.callers.prover import Prover
from relay.front.credentials import Credentials
from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.model.settings import Settings
from relay.serving.refusals import Refusals


class Admission:
    """What the pages of a front ask of its callers."""

    def __init__(
        self, clock: IReactorTime, settings: Settings, credentials: Credentials, proxies: Proxies
    ) -> None:
        self._proxies = proxies
        self._refusals = Refusals(clock)
        self.secrets = credentials.secrets
        #: the schemes of `Authorization` that callers send; None where they need no credentials
        self.schemes = schemes_of(credentials.checks) if credentials.checks else None
        self.access = Access(
            settings.open,
            proxies,
            settings.allow,
            settings.host,
            Prover(credentials.secrets, self._refusals, proxies),
            Identities(clock, credentials.checks, self._refusals, proxies) if credentials.checks else None,
            settings.cors,
        )

    def refused(self, request: Request, what: str, error: Exception) -> None:
        """What a client showed is not valid."""
        self._refusals.told(self._proxies.client(request), what, error)
