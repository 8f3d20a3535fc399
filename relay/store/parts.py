"""What a worker asks of one partition of the store: a session with numbered turns, and schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from relay.model.job import Claim
from relay.store import codec
from relay.store.durable import announce, check
from relay.store.given_back import give_back
from relay.store.messages import Turn, Turned
from relay.store.partition import Partition
from relay.store.pieces import KEPT_BYTES, MOST_KEPT, Emitted, LogsSpoilt
from relay.store.portions import portions
from relay.store.roster import Roster
from relay.store.schedules import Firing, ScheduleStatus, firing_words, read_schedules
from relay.store.shares import Shares
from relay.store.terms import StoreSettings, lease_of_nothing

SERVED_TTL = 30.0  # seconds for which a worker promises to serve what it publishes, at least
_PUBLISHED = 1.0  # seconds between two times of publishing to one partition, at least, for each further one
_LASTING = 4  # such times for which a promise lasts, at least


class SessionStore(Protocol):
    """The verbs of a session. Each but `turn` raises `StoreAway` where the partition does not answer in time."""

    inbox: str
    """The name of this process' own inbox; its sessions are called ``<inbox>.<n>``."""

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        """Open a session in place of an old one ("" for none), as its turn `number`: the ids of those claims that
        it may go on with."""

    async def turn(self, session: str, turn: Turn) -> Turned:
        """Take a turn, with at most `MOST_ENDS` ends. Raises `Fenced`, `StoreReset`, `StoreAway` (it was not carried
        out), and `LinkLost`: then send the same turn again."""

    async def emit(self, session: str, pieces: Sequence[Emitted]) -> list[str]:
        """Keep what jobs of a session have put out, those of each in order, at most `MOST_READ` pieces: the ids of
        those that the session does not hold. Pieces that are kept already are passed over. Raises as `turn` does,
        `StoreFull`: nothing was kept, and `LogsSpoilt`: nothing of some jobs was, and all of the others."""

    async def announce(self, ids: Sequence[str]) -> None:
        """Tell how durable jobs ended whose ends were taken by a turn, once that is durable. May be called again.
        Raises `NotDurable`."""

    async def leave(self, session: str) -> list[str]:
        """Close a session; the ids that it still held go back to their places."""


class PartStore(SessionStore, Protocol):
    """The verbs of a worker on one partition."""

    async def publish(self, roster: Roster) -> None:
        """Publish the jobs that this worker serves, valid for `SERVED_TTL`. If two workers declare one name
        differently, the one that began later counts."""

    def mint_firing(self) -> str:
        """A new id for the job of a firing. Raises `StoreAway` before the partition was ever reached."""

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        """The partition's time (ms), and where the schedules of jobs stand, of those whose declaration (by name, its
        mark, "" for any) is the one that counts."""

    async def fire(self, firing: Firing) -> bool:
        """Let a schedule go on, and add the job of a firing; False where another did that, where the schedule is
        paused, or there is no room for the job. Raises `NotDurable` where the job has to be durable, and nothing can
        prove it: the schedule stays where it is."""

    async def bring(self, moved: ScheduleStatus) -> bool:
        """Let a schedule go on here as it stood in another partition; False where it is known here."""

    async def forget_schedules(self, marks: Mapping[str, str]) -> bool:
        """Forget schedules that live in another partition by their declarations (by name, their marks); whether all
        of these count here. Those that do not are kept."""


class RedisPart(PartStore, SessionStore):
    """A `PartStore` on Redis. `shares` says what each partition may take."""

    def __init__(self, partition: Partition, inbox: str, terms: StoreSettings, shares: Shares) -> None:
        partitions = len(shares.rooms)
        self.inbox = inbox
        self.partition = partition
        self._terms = terms.of_each(partitions).words()
        self._rooms = shares.rooms
        self._published_since = 0  # by the partition's clock, ms
        self._published = -math.inf  # when it was last, by our clock
        self._publishes = _PUBLISHED * (partitions - 1)
        self._lease = int(terms.lease * 1000)
        self._lease_of_nothing = int(lease_of_nothing(terms.lease, partitions) * 1000)

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        taken: set[str] = set()
        kept = [(claim, codec.kept_job(claim)) for claim in claims]
        parts = list(portions(kept, lambda part: len(part[1])))
        for nth, part in enumerate(parts or [[]], 1):
            words: list[Any] = [old, session, number, self._lease, self._terms, int(nth >= len(parts))]
            words.extend((roster.digest, len(roster.words), *roster.words))
            for claim, record in part:
                words.extend(codec.held_words(claim, record))
            taken |= {id.decode() for id in await self.partition.verb("adopt", *words)}
        return taken

    async def turn(self, session: str, turn: Turn) -> Turned:
        words: list[Any] = [session, turn.number, self._lease, self._lease_of_nothing, self._terms]
        words += turn.want, turn.holds, turn.others, int(turn.passes), turn.heard
        answer = (await self.partition.run("turn", words + codec.turn_words(turn)))[1]
        return codec.read_turned(*answer)

    async def emit(self, session: str, pieces: Sequence[Emitted]) -> list[str]:
        words: list[Any] = [session, MOST_KEPT, KEPT_BYTES]
        for piece in pieces:
            words += piece.id, piece.turn, piece.number, piece.data
        spoilt, refused = (map(bytes.decode, ids) for ids in (await self.partition.run("emit", words))[1])
        if first := next(spoilt, None):
            raise LogsSpoilt([first, *spoilt], [*refused])
        return [*refused]

    async def announce(self, ids: Sequence[str]) -> None:
        await announce(self.partition, self._terms, ids)

    async def leave(self, session: str) -> list[str]:
        back = await give_back(self.partition, "leave", session, self._terms)
        return [job.id for job in back if job.session == session]

    def is_published(self) -> bool:
        """Whether it was published so lately that it need not be again."""
        return self.partition.clock.seconds() - self._published < self._publishes

    async def publish(self, roster: Roster) -> None:
        ttl = max(SERVED_TTL, _LASTING * self._publishes)
        words: list[Any] = [int(ttl * 1000), self._published_since, roster.digest]
        for name, mark, declaration in roster:
            words.extend((name, mark, declaration))
        self._published = -math.inf
        self._published_since = int((await self.partition.verb("publish", *words))[0])
        self._published = self.partition.clock.seconds()

    def mint_firing(self) -> str:
        return self.partition.mint()

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        now, rows = await self.partition.timed_verb("schedules", *_marked(marks))
        return now, read_schedules(rows)

    async def fire(self, firing: Firing) -> bool:
        if firing.job is not None:
            check(self.partition, firing.job.job)
        return bool(
            (await self.partition.verb("fire", *self._rooms[self.partition], *firing_words(firing)))[0]
        )

    async def bring(self, moved: ScheduleStatus) -> bool:
        return bool((await self.partition.verb("bring", *msgspec.structs.astuple(moved)))[0])

    async def forget_schedules(self, marks: Mapping[str, str]) -> bool:
        count: int = (await self.partition.verb("unplan", *_marked(marks)))[0]
        return count == len(marks)


def _marked(marks: Mapping[str, str]) -> list[str]:
    return [f"{name}={mark}" for name, mark in marks.items()]
