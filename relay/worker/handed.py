"""What a session hears of jobs that the store has handed to it: claimed by its newest turn, and told by mail.

Mail may come before the answer to that turn, come twice, or be lost. So a turn says of how many it knows, and the store
claims the others again with that turn. What is told of an older turn after that is old.
"""

from __future__ import annotations

from relay.store.handing import HandedJob

_NEVER = 1 << 53  # no turn has such a number


class HandedJobs:
    """Of one session."""

    def __init__(self) -> None:
        self._answered = _NEVER  # the newest turn that is answered
        self._sent = 0  # and that is sent
        self._heard: dict[str, int] = {}  # by job, the turn that claimed it

    def closed(self) -> None:
        """Another session is about to be opened in place of this one: what it is handed meanwhile goes back."""
        self._answered = _NEVER

    def opened(self, number: int) -> None:
        """Another session was opened, as its turn `number`."""
        self._answered = self._sent = number
        self._heard.clear()

    def sent(self, number: int) -> int:
        """A turn is about to be sent: how many jobs were heard of since the one before."""
        self._sent = number
        return sum(turn == self._answered for turn in self._heard.values()) if self._heard else 0

    def answered(self, number: int) -> None:
        """A turn was answered, and what the one before was handed is told."""
        self._answered = number
        if self._heard:
            self._heard = {id: turn for id, turn in self._heard.items() if turn >= number}

    def hears(self, handed: HandedJob) -> bool:
        """Whether this is the first that is heard of a job that may begin."""
        id, number = handed.claim.id, handed.number
        if not self._answered <= number <= self._sent or id in self._heard:
            return False
        self._heard[id] = number
        return True
