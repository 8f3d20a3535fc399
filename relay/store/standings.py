"""Where jobs stand, and what they have put out, as scripts write it."""

from __future__ import annotations

from itertools import starmap
from typing import Any

import msgspec

from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.codec import LISTENED, PIECE, STANDING, read_outcome
from relay.store.pieces import Listened, Piece, Place

_LARGEST = 1 << 52  # that Lua has without a loss of digits
_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode


def read_standing(id: str, reply: list[Any]) -> JobStatus | Outcome | None:
    """A standing as ``standing.lua`` writes it; None for a job that is not known to this owner."""
    match reply:
        case [b"done", outcome]:
            return read_outcome(id, outcome)
        case [b"none"]:
            return None
    return _read_live(id, *reply)


@STANDING.reads
def _read_live(
    id: str,
    known: bytes,
    state: bytes,
    name: bytes,
    created: int,
    started: int,
    attempts: int,
    position: int,
    progress: bytes,
    durable: int,
    starts: int,
) -> JobStatus:
    where = State(state.decode())
    when = created, started, attempts, position
    return JobStatus(id, name.decode(), where, *when, progress.decode(), bool(durable), starts)


def read_news(id: str, data: bytes) -> JobStatus:
    """Where a job stands, of `MailKind.NEWS`. A later version may tell more, behind what is known here."""
    row: list[Any] = _decode(data)[: len(STANDING.fields)]
    words: list[Any] = [word.encode() if isinstance(word, str) else word for word in row]
    return _read_live(id, *words)


def news(status: JobStatus) -> bytes:
    """What `read_news` reads."""
    when = status.created, status.started, status.attempts, status.position
    row = "live", status.state, status.name, *when, status.progress, int(status.durable), status.starts
    return _encode(row)


def read_pieces(data: bytes) -> list[Piece]:
    """What a job has put out, of `MailKind.PIECES`; empty where there is more than is told, and no more will be: it has
    to be read, and the job listened to again."""
    if not data:
        return []
    starts, attempt, *rest = _decode(data)
    numbered = zip(rest[::2], rest[1::2], strict=True)
    return [Piece(starts, number, attempt, text) for number, text in numbered]


def told_pieces(pieces: list[Piece]) -> bytes:
    """What `read_pieces` reads, of pieces of one start."""
    first = pieces[0]
    rest = (word for piece in pieces for word in (piece.number, piece.data))
    return _encode((first.starts, first.attempt, *rest))


@LISTENED.reads
def read_listened(standing: JobStatus | Outcome, more: int, gap: int, pieces: list[Any]) -> Listened:
    """What ``listen.lua`` answers, its standing as `read_standing` gives it."""
    return Listened(standing, [*starmap(_read_piece, PIECE.rows(pieces))], bool(more), bool(gap))


@PIECE.reads
def _read_piece(starts: bytes, number: bytes, attempt: bytes, data: bytes) -> Piece:
    return Piece(int(starts), int(number), int(attempt), data.decode())


def words(after: Place) -> tuple[int, int]:
    """A place as a script takes it: whatever a client says, both are numbers that a stream's id can have."""
    starts, number = (min(max(0, part), _LARGEST) for part in after)
    return starts, number
