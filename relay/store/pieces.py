"""What a running job puts out, piece by piece: the values, and how much of it is kept and read at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from relay.model.status import JobStatus, Outcome

MOST_KEPT = 10_000  # pieces of one job, the newest
KEPT_BYTES = 1 << 20  # of them
MOST_READ = 500  # pieces that are read, or written, at once
READ_BYTES = 256 << 10  # of them, roughly
Place = tuple[int, int]  # of a piece within its job: starts, number


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One piece that a job has put out. `starts`: how often the job had been started by then · `number`: 1, 2, 3, …
    within that start · `attempt`: the number of the attempt, as the handler was told it · `data`: JSON."""

    starts: int
    number: int
    attempt: int
    data: str

    @property
    def place(self) -> Place:
        return self.starts, self.number


class Emitted(msgspec.Struct, frozen=True, gc=False):
    """A piece as its worker sends it: of a job that was claimed by this turn of the session, its number within this
    start, and JSON."""

    id: str
    turn: int
    number: int
    data: str


class LogsSpoilt(Exception):
    """Nothing can be kept of what these jobs put out: somebody has set the keys of their logs by hand. `refused`: other
    jobs, which the session does not hold."""

    def __init__(self, ids: list[str], refused: list[str]) -> None:
        super().__init__(", ".join(ids))
        self.ids = ids
        self.refused = refused


class Listened(msgspec.Struct, frozen=True, gc=False):
    """Where a job stands, or how it ended, and a portion of what it has put out: each piece follows upon the one before
    it. `more`: there are pieces behind them · `gap`: some in front of them are not kept any more."""

    known: JobStatus | Outcome
    pieces: list[Piece]
    more: bool
    gap: bool


def follows(place: Place, before: Place) -> bool:
    """Whether no piece is missing between two places, as far as their numbers tell."""
    starts, number = place
    return number == 1 if starts > before[0] else place == (before[0], before[1] + 1)


def portion(pieces: Iterable[Piece], after: Place) -> list[Piece]:
    """The first of these pieces, which come `after` that place: at most `MOST_READ` and `READ_BYTES` of them, and none
    behind a hole that is not in front of all of them."""
    taken: list[Piece] = []
    size = 0
    for piece in islice(pieces, MOST_READ):
        size += len(piece.data.encode())
        if taken and (size > READ_BYTES or not follows(piece.place, after)):
            break
        taken.append(piece)
        after = piece.place
    return taken
