"""What one process waits for, and hears of how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.model.problems.base import RelayError
from relay.model.problems.request import InternalError
from relay.model.status import Outcome
from relay.store.mail import MailKind, Message
from relay.store.submitters import SubmitterStore
from relay.submitting.fetching import Fetching
from relay.submitting.recovery import Recovery
from relay.submitting.waiters import Waiters

EARLY = 5.0  # seconds that an outcome is kept which came before anybody waited for it, once to twice
_OUTCOME = MailKind.OUTCOME.value  # to find it in its class takes as long as a call


class Outcomes:
    """Tells waiters what the inbox says, and attaches them again when the store may have lost data."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: SubmitterStore) -> None:
        self.waiters = Waiters()
        self.recovery = Recovery(clock, store, self.waiters)
        self._fetching = Fetching(clock, store, self.waiters, self.recovery.soon)
        store.on_data_loss.append(self.recovery.soon)

    def hear(self, mail: Iterable[Message], others: Callable[[Message], None]) -> None:
        """Mail of the inbox; `others` hears what says nothing of outcomes."""
        for message in mail:
            if message.kind == _OUTCOME:
                try:
                    self.waiters.arrived(message.id, message.data)
                except Exception:
                    self._log.failure("the outcome of job {id} can't be read", id=message.id)
                    self.waiters.fail(message.id, InternalError())
            elif message.kind == MailKind.LARGE:
                self._fetching.fetch(message.id)
            else:
                others(message)

    def stop(self) -> None:
        """Repair and fetch nothing more."""
        self.recovery.stop()
        self._fetching.stop()


def collect(store: SubmitterStore, outcome: Outcome) -> None:
    """Somebody has an outcome: the job that would have been given it (`then`) is not needed."""
    if outcome.follows:
        ensureDeferred(store.collected(outcome.id)).addErrback(lambda failure: failure.trap(RelayError))
