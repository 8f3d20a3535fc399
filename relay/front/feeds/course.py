"""The course of a job as it is told: what comes next, by what was told before.

States are told as they are when somebody looks: those that were passed over are not told. Of progress the last word
counts. What a job puts out is told whole, and in order. The two are told apart by numbers of their own, so that what
comes twice is told once.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.front.feeds.told import GAP, OUTPUT, RESET, JobEvent, one_line
from relay.model import envelope
from relay.model.position import ENDED, NOTHING, RUNS, EventPosition, present, written
from relay.model.status import JobStatus, Outcome
from relay.store.pieces import Listened, Piece, follows

#: what is told of a job that runs, and of one that was never started; else it is tried again
_STARTED, _QUEUED, _RETRYING, _PROGRESS = "started", "queued", "retrying", "progress"


class Course:
    """Of the job `id`, told until `at`. Whoever calls a method tells the events that it returns."""

    __slots__ = ("at", "id", "known", "prefix")

    def __init__(self, id: str, at: EventPosition = NOTHING, prefix: str = "") -> None:
        self.id = id
        self.at = at
        self.prefix = prefix
        #: where the job stood when it was last told
        self.known: JobStatus | None = None

    def lost(self, known: JobStatus) -> bool:
        """Whether more was told than the store knows now: it has lost that, or it never was. (A job that waits may run
        again in the same start, when a worker comes back that was taken for dead.)"""
        there, at = present(known), self.at
        if there.starts != at.starts or at.phase == ENDED:
            return there < at
        return there.progress < at.progress

    def news(self, known: JobStatus) -> list[JobEvent]:
        """Where the job stands, if that was not told."""
        there, at = present(known), self.at
        if there.step > at.step:
            events = self._reset(known.starts, known.attempts)
            if there.starts == at.starts:
                there = there._replace(pieces=at.pieces, progress=max(there.progress, at.progress))
            name = _STARTED if there.phase == RUNS else _RETRYING if known.starts else _QUEUED
        elif there.starts == at.starts and there.progress > at.progress:
            events, name = [], _PROGRESS
            there = at._replace(progress=there.progress)
        else:
            return []
        self.at, self.known = there, known
        events.append(self._event(name, envelope.of_standing(known)))
        return events

    def lacks(self, piece: Piece) -> bool:
        """Whether pieces in front of this one were not told."""
        return piece.place > self.at.piece and not follows(piece.place, self.at.piece)

    def pieces(self, pieces: Iterable[Piece]) -> list[JobEvent]:
        """What the job has put out; those that were told are left out. A gap is told where some are missing."""
        events: list[JobEvent] = []
        for piece in pieces:
            if piece.place > self.at.piece:
                is_gap = self.lacks(piece)
                events += self._reset(piece.starts, piece.attempt)
                if is_gap:
                    events.append(JobEvent(GAP, "", b"{}"))
                self.at = self._at(piece)
                data = b'{"attempt":%d,"data":%b}' % (piece.attempt, one_line(piece.data.encode()))
                events.append(self._event(OUTPUT, data))
        return events

    def portion(self, read: Listened) -> list[JobEvent]:
        """What was read of the log, and behind what earlier starts have put out, where the job stands."""
        known = read.known
        if isinstance(known, Outcome):
            is_gap = read.gap and not read.pieces  # there is something, and it can't be read
            return [JobEvent(GAP, "", b"{}")] if is_gap else self.pieces(read.pieces)
        now = known.starts if present(known).phase == RUNS else known.starts + 1
        before = [piece for piece in read.pieces if piece.starts < now]
        events = self.pieces(before)
        if not read.more or len(before) < len(read.pieces):
            events += self.news(known)
        return events + self.pieces(read.pieces[len(before) :])

    def end(self, outcome: Outcome) -> list[JobEvent]:
        """How the job ended."""
        starts = outcome.starts or outcome.attempts
        events = self._reset(starts, outcome.attempts)  # a start of which nothing was told
        self.at = self.at.ended
        events.append(self._event(outcome.state.value, envelope.of_outcome(outcome, self.prefix)))
        return events

    def restart(self) -> list[JobEvent]:
        """The store has lost what was told: all begins anew."""
        events = self._reset(self.at.starts + 1, 1)
        self.at, self.known = NOTHING, None
        return events

    def _at(self, piece: Piece) -> EventPosition:
        if piece.starts > self.at.starts:
            return EventPosition(piece.starts, RUNS, piece.number)
        return self.at._replace(pieces=piece.number)

    def _reset(self, starts: int, attempt: int) -> list[JobEvent]:
        """What was put out by an earlier start does not count when another begins."""
        if starts <= self.at.starts or not self.at.pieces:
            return []
        self.at = self.at.without_pieces()
        return [JobEvent(RESET, "", b'{"attempt":%d}' % attempt)]

    def _event(self, name: str, data: bytes) -> JobEvent:
        return JobEvent(name, written(self.at, self.id), one_line(data))
