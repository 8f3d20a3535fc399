"""How many requests of each caller this front holds."""

from __future__ import annotations

from relay.model.caller import Caller
from relay.model.tally import Tally


class Places:
    """Counts those of callers that have a limit (`Allowance.held`)."""

    def __init__(self) -> None:
        self._taken = Tally()

    def has_room(self, caller: Caller) -> bool:
        """Whether another request of this caller may be held."""
        return self._taken.of(caller.name) < caller.allowance.held

    def enter(self, caller: Caller) -> None:
        """A request of this caller is held. Call `leave` once when it is not held any more."""
        self._taken.add(caller.name)

    def leave(self, caller: Caller) -> None:
        """A request of this caller is not held any more."""
        self._taken.drop(caller.name)
