"""The progress of handlers: a small JSON object whatever they report, and only the last one is sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from relay.model.text import encodable

LONGEST = 500  # characters of a message
PROGRESS = 0.25  # seconds between the turns that are taken for progress alone
_encode = msgspec.json.Encoder().encode


def words(fraction: Any, message: Any, **which: int) -> str:
    """The JSON of a progress, its fraction within 0…1, its message cut to `LONGEST`; "" for a fraction that is not a
    number, which is nothing to be shown. Never raises. `which`: the start of the job that it is of (`start`), and its
    number within that (`number`), by which those who listen know it from the one before."""
    try:
        number, text = float(fraction), "" if message is None else str(message)
    except Exception:
        return ""
    if math.isnan(number):
        return ""
    said = {"fraction": min(1.0, max(0.0, number)), "message": _short(text), **which}
    return _encode(said).decode()


def _short(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return encodable(cut)


class LastWords:
    """The last word of each job that was not told yet. `tell` is called for them, not more often than each `PROGRESS`
    seconds; they may be taken before that."""

    def __init__(self, clock: IReactorTime, tell: Callable[[], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._words: dict[str, str] = {}  # by job
        self._telling: IDelayedCall | None = None
        self._told = -PROGRESS

    def __bool__(self) -> bool:
        return bool(self._words)

    def add(self, id: str, said: str) -> None:
        """Keep what a job says in place of what it said before."""
        self._words[id] = said
        if self._telling is None:
            left = self._told + PROGRESS - self._clock.seconds()
            self._telling = self._clock.callLater(max(0.0, left), self._say)

    def take(self, most: int) -> tuple[tuple[str, str], ...]:
        """Some of them, with their jobs; they count as told."""
        taken = tuple(islice(self._words.items(), most))
        for id, _ in taken:
            del self._words[id]
        return taken

    def _say(self) -> None:
        self._telling = None
        if self._words:  # and did not go out with another turn
            self._told = self._clock.seconds()
            self._tell()
