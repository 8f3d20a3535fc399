"""Logs that a ticket or a proof was refused, but never the ticket or the proof itself."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.http.request import Request
from relay.model.memo import Memo
from relay.model.proofs import ProofError
from relay.model.tickets import TicketError

PAUSE = 1.0  # seconds between those of one address that are logged
_MOST_REMEMBERED = 1000  # addresses
_PATH = "/tickets/"


class Refusals:
    """Logs refused tickets and proofs, at most one a second for each address."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._told: Memo[str, float] = Memo(_MOST_REMEMBERED)  # by address, when

    def told(self, client: str, error: TicketError | ProofError) -> None:
        """A client was refused."""
        now = self._clock.seconds()
        if now - self._told.get(client, -PAUSE) < PAUSE:
            return
        self._told[client] = now
        kind = "ticket" if isinstance(error, TicketError) else "proof"
        self._log.warn("a {kind} from {client} was refused: {error}", kind=kind, client=client, error=error)


def shown(request: Request) -> str:
    """The path of a request for the log, without what lets its reader in."""
    path = request.target.partition(b"?")[0].decode("latin-1")
    before, is_ticket, _ = path.partition(_PATH)
    return f"{before}{_PATH}…" if is_ticket else path
