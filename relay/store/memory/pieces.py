"""What a job of the store in memory has put out."""

from __future__ import annotations

from collections import deque

from relay.model.status import JobStatus, Outcome
from relay.store import pieces
from relay.store.pieces import Listened, Piece, Place, follows, portion


class PieceLog:
    """The newest pieces of one job."""

    def __init__(self) -> None:
        #: bytes of them
        self.size = 0
        self._pieces: deque[Piece] = deque()
        self._trimmed: Place = (0, 0)  # the last one that is not kept any more

    def add(self, piece: Piece) -> bool:
        """Keep a piece, unless it, or one behind it, is there already; whether it was new."""
        if self._pieces and piece.place <= self._pieces[-1].place:
            return False
        self._pieces.append(piece)
        self.size += size_of(piece)
        while len(self._pieces) > pieces.MOST_KEPT or self.size > pieces.KEPT_BYTES:
            oldest = self._pieces.popleft()
            self.size -= size_of(oldest)
            self._trimmed = oldest.place
        return True

    def listened(self, known: JobStatus | Outcome, after: Place) -> Listened:
        """What came after a place."""
        left = [piece for piece in self._pieces if piece.place > after]
        first = portion(left, after)
        gap = self._trimmed > after or (bool(left) and not follows(left[0].place, after))
        return Listened(known, first, len(first) < len(left), gap)


def size_of(piece: Piece) -> int:
    """Bytes that count."""
    return len(piece.data.encode())
