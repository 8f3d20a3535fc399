"""Logs that credentials were refused (a ticket, a proof, a token), but never these themselves."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.model.memo import Memo
from relay.serving.failures import source_of

PAUSE = 1.0  # seconds between those of one address that are logged
_MOST_REMEMBERED = 1000  # sources


class Refusals:
    """Logs those that are refused, at most one a second for each address, or network of IPv6 addresses that one
    subscriber has."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._told: Memo[str, float] = Memo(_MOST_REMEMBERED)  # by source, when

    def told(self, client: str, what: str, error: Exception) -> None:
        """A client was refused, because of `what` it showed: a ticket, say."""
        now, source = self._clock.seconds(), source_of(client)
        if now - self._told.get(source, -PAUSE) < PAUSE:
            return
        self._told[source] = now
        self._log.warn("{what} from {client} was refused: {error}", what=what, client=client, error=error)
