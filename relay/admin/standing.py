"""Whether this relay takes work, for ``/readyz``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from relay.model.problems.base import RelayError
from relay.store.partition import why_away

LATELY = 2.0  # seconds for which an answer of Redis counts


class Standing:
    """`why_not`: what this process knows to be missing, "" for nothing · `ask`: raises `StoreAway` unless the store
    would take a job · `now`: of the reactor."""

    def __init__(
        self, why_not: Callable[[], str], ask: Callable[[], Awaitable[object]], now: Callable[[], float]
    ) -> None:
        self._why_not = why_not
        self._ask = ask
        self._now = now
        self._answered = -LATELY

    async def why_not(self) -> str:
        """Why this relay takes no work; "" if it does."""
        why = self._why_not()
        if why or self._now() - self._answered < LATELY:
            return why
        try:
            await self._ask()
        except RelayError as error:
            return why_away(error)
        self._answered = self._now()
        return ""
