"""How much a listener was told of a job: the ids of events.

An id is ``starts.phase.pieces.progress-mark``. The four numbers rise within a job; the mark is that of the job's id, so
that the id of another job's event is seen to be one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from relay.model.state import State
from relay.model.status import JobStatus, Outcome

RUNS, WAITS, ENDED = 1, 2, 3  #: phases; 0 before anything was told
_NUMBER = r"(0|[1-9][0-9]{0,14})"
_WRITTEN = re.compile(rf"{_NUMBER}\.([0-3])\.{_NUMBER}\.{_NUMBER}-([0-9a-f]{{4}})")
_LONGEST = 70  # characters of an id


class EventPosition(NamedTuple):
    """What was told last. `starts`: how often the job had been started · `phase`: whether it ran, waited after that
    many starts, or had ended · `pieces`, `progress`: numbers of the last piece and of the last progress of that start
    that were told, 0 for none. A greater one is a later one."""

    starts: int = 0
    phase: int = 0
    pieces: int = 0
    progress: int = 0

    @property
    def step(self) -> tuple[int, int]:
        """Which state was told."""
        return self[:2]

    @property
    def piece(self) -> tuple[int, int]:
        """Which piece was told last: of which start, and its number."""
        return self.starts, self.pieces

    @property
    def ended(self) -> EventPosition:
        """The same once the end was told."""
        return self._replace(phase=ENDED)

    def beyond(self, outcome: Outcome) -> bool:
        """Whether this is of a start that a job which ended so never had."""
        return 0 < outcome.starts < self.starts

    def without_pieces(self) -> EventPosition:
        """What was told of the job's state."""
        return self._replace(pieces=0)


#: nothing was told
NOTHING = EventPosition()


def written(position: EventPosition, id: str) -> str:
    """The id of an event of this job."""
    return f"{'.'.join(map(str, position))}-{_mark(id)}"


def read(text: str, id: str) -> EventPosition:
    """The position that an event's id says; `NOTHING` for a text that is none of this job."""
    found = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or found[5] != _mark(id):
        return NOTHING
    return EventPosition(*map(int, found.groups()[:4]))


def present(known: JobStatus) -> EventPosition:
    """What a listener was told that was shown this."""
    phase = RUNS if known.state is State.RUNNING else WAITS
    return EventPosition(known.starts, phase, 0, _progress(known))


def _progress(known: JobStatus) -> int:
    """The number of the progress of the present start; an earlier one leaves its progress."""
    if not known.progress:
        return 0
    said: dict[str, Any] = msgspec.json.decode(known.progress)
    is_present = said.get("start", known.starts) == known.starts
    return int(said.get("number", 0)) if is_present else 0


@lru_cache(maxsize=1000)
def _mark(id: str) -> str:
    return f"{crc32(id.encode()) & 0xFFFF:04x}"
