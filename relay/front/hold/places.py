"""How many requests of each caller this front holds."""

from __future__ import annotations

from relay.model.caller import Caller


class Places:
    """Counts those of callers that have a limit (`Allowance.held`)."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def has_room(self, caller: Caller) -> bool:
        """Whether another request of this caller may be held."""
        most = caller.allowance.held
        return not most or self._taken.get(caller.name, 0) < most

    def enter(self, caller: Caller) -> None:
        """A request of this caller is held. Call `leave` once when it is not held any more."""
        self._taken[caller.name] = self._taken.get(caller.name, 0) + 1

    def leave(self, caller: Caller) -> None:
        """A request of this caller is not held any more."""
        left = self._taken.pop(caller.name) - 1
        if left:
            self._taken[caller.name] = left
