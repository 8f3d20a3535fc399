"""All sessions of one worker: one in each partition of the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from relay.model.ids import partition_of
from relay.store.handing import HandedJob
from relay.store.messages import Report
from relay.store.parts import PartStore
from relay.store.roster import Roster
from relay.worker.claiming import ClaimRunner, Rests
from relay.worker.equipment import Reports
from relay.worker.lending import Lending
from relay.worker.session import Session
from relay.worker.share import Share


class WorkerSessions:
    """Of a worker with so many `parts`. What concerns a job goes to the session of its partition."""

    def __init__(
        self,
        clock: IReactorTime,
        parts: Sequence[PartStore],
        roster: Roster,
        runner: ClaimRunner,
        rests: Sequence[Rests],
    ) -> None:
        """`rests`: of each session."""
        self._lending = Lending(clock, runner)
        if len(parts) == 1:
            self._all = [Session(clock, parts[0], roster, runner, rests[0])]
            #: what hears of the attempts' ends
            self.reports: Reports = self._all[0]
            return
        shares = [Share(self._lending, part, runner) for part in parts]
        self._lending.shares = shares
        self._all = [
            Session(clock, share, roster, share, rest) for share, rest in zip(shares, rests, strict=True)
        ]
        for share, session in zip(shares, self._all, strict=True):
            share.session = session
        self.reports = self

    def of(self, partition: int) -> Session:
        """The session in a partition."""
        return self._all[partition]

    def run(self) -> Deferred[Any]:
        """Take turns until closed; fails as soon as one session can't go on."""
        running = [ensureDeferred(session.run()) for session in self._all]
        return gatherResults(running, consumeErrors=True).addErrback(_cause)

    def close(self) -> None:
        """End each dialogue once everything of it has been reported."""
        for session in self._all:
            session.close()

    def stop(self) -> None:
        """Lend nothing more."""
        self._lending.stop()

    def nudge_all(self) -> None:
        """There may be something to do: look."""
        for session in self._all:
            session.nudge()

    def wake(self, partition: int) -> None:
        """There is work in a partition."""
        if self._lending.shares:
            self._lending.shares[partition].wake()
        else:
            self._all[partition].nudge()

    def hand(self, partition: int, handed: Iterable[HandedJob]) -> None:
        """Jobs were handed to sessions in a partition."""
        self._all[partition].hand(handed)

    def resync(self, partition: int) -> None:
        """A partition may have lost what it knew of its session."""
        self._all[partition].resync()

    # -- `Reports` --

    def report(self, end: Report) -> None:
        """An attempt has ended, and its place may be free."""
        self._lending.shares[partition_of(end.id)].report(end)
        self._lending.look()

    def progress(self, id: str, said: str) -> None:
        """How far a job is, as JSON."""
        self._all[partition_of(id)].progress(id, said)

    def checkpoint(self, id: str, said: str) -> Deferred[None]:
        """What the next attempt of a job is given, as JSON; fires when the store has it."""
        return self._all[partition_of(id)].checkpoint(id, said)

    def emit(self, id: str, number: int, said: str) -> Deferred[None]:
        """A piece that a job has put out, as JSON; fires when the store has it."""
        return self._all[partition_of(id)].emit(id, number, said)

    def nudge(self) -> None:
        """A place may be free."""
        self._lending.look()


def _cause(failure: Any) -> Any:
    """What ended a session, out of what tells which one it was."""
    return failure.value.subFailure
