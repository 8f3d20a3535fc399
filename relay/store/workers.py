"""What a worker asks of the store: a session with numbered turns, and what its calls may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from relay.model.job import Claim
from relay.model.limits import Learned
from relay.store import codec
from relay.store.durable import announce
from relay.store.given_back import give_back
from relay.store.messages import Sweep, Turn, Turned
from relay.store.portions import portions
from relay.store.roster import Roster
from relay.store.router import Router
from relay.store.schedules import Firing, ScheduleStatus, firing_words, read_schedules
from relay.store.submitters import RedisSubmitterStore, SubmitterStore
from relay.store.terms import StoreSettings

SERVED_TTL = 30.0  # seconds for which a worker promises to serve what it publishes


class WorkerStore(SubmitterStore, Protocol):
    """The verbs of a worker. Each but `turn` raises `StoreAway` where the store does not answer in time."""

    inbox: str
    """The name of this process' own inbox: it is woken there, and told of cancelled jobs and of outcomes that it waits
    for. Its sessions are called ``<inbox>.<n>``."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        """Open a session in place of an old one ("" for none), as its turn `number`: the ids of those claims that
        it may go on with."""

    async def turn(self, session: str, turn: Turn) -> Turned:
        """Take a turn, with at most `MOST_ENDS` ends. Raises `Fenced`, `StoreReset`, `StoreAway` (it was not carried
        out), and `LinkLost`: then send the same turn again."""

    async def announce(self, ids: Sequence[str]) -> None:
        """Tell how durable jobs ended whose ends were taken by a turn, once that is durable. May be called again.
        Raises `NotDurable`."""

    async def leave(self, session: str) -> list[str]:
        """Close a session; the ids that it still held go back to their places."""

    async def publish(self, roster: Roster) -> None:
        """Publish the jobs that this worker serves, valid for `SERVED_TTL`. If two workers declare one name
        differently, the one that began later counts."""

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        """How many of so many calls may go now, and seconds until more may; -1 where no limit is known."""

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        """An API told of a limit: count it for these scopes."""

    def mint_firing(self) -> str:
        """A new id for the job of a firing. Raises `StoreAway` before the store was ever reached."""

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        """The store's time (ms), and where the schedules of jobs stand, of those whose declaration (by name, its mark)
        is the one that counts."""

    async def fire(self, firing: Firing) -> bool:
        """Let a schedule go on, and add the job of a firing; False where another did that, where the schedule is
        paused, or there is no room for the job."""

    async def register(self, told: bytes) -> None:
        """Say what operators are told of this process (`Sights.processes`); to be repeated within a minute."""

    async def sweep(self) -> Sweep:
        """Keep the inbox alive, move jobs that are due, expire late ones, give back the jobs of sessions whose lease
        has ended. To be called every second."""


class RedisWorkerStore(RedisSubmitterStore, WorkerStore):
    """A `WorkerStore` on Redis. Its sessions live in one partition, `home`."""

    def __init__(self, router: Router, inbox: str, terms: StoreSettings) -> None:
        super().__init__(router, inbox, terms)
        self.home = router.all()[0]
        self._published_since = 0  # by Redis' clock, ms
        self._room = terms.queue_limit, terms.queue_bytes

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
            taken |= {id.decode() for id in await self.home.verb("adopt", *words)}
        return taken

    async def turn(self, session: str, turn: Turn) -> Turned:
        words: list[Any] = [session, turn.number, self._lease, self._terms, turn.want, turn.holds]
        answer = (await self.home.run("turn", words + codec.turn_words(turn)))[1]
        return codec.read_turned(*answer)

    async def announce(self, ids: Sequence[str]) -> None:
        for partition, some in self._router.by_id(ids).items():
            await announce(partition, self._terms, some)

    async def leave(self, session: str) -> list[str]:
        back = await give_back(self.home, "leave", session, self._terms)
        return [job.id for job in back if job.session == session]

    async def publish(self, roster: Roster) -> None:
        words: list[Any] = [int(SERVED_TTL * 1000), self._published_since, roster.digest]
        for name, mark, declaration in roster:
            words.extend((name, mark, declaration))
        self._published_since = int((await self.home.verb("publish", *words))[0])

    def mint_firing(self) -> str:
        return self.home.mint()

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        words = [f"{name}={mark}" for name, mark in marks.items()]
        now, rows = await self.home.timed_verb("schedules", *words)
        return now, read_schedules(rows)

    async def fire(self, firing: Firing) -> bool:
        return bool((await self.home.verb("fire", *self._room, *firing_words(firing)))[0])

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        granted, wait = await self._router.of_key(scope).verb("grant", scope, calls)
        return granted, wait / 1000

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        rate = learned.rate
        words = rate.calls, int(rate.window * 1000), int(learned.pause * 1000)
        for partition, some in self._router.by_key(scopes).items():
            await partition.verb("learn", *words, *some)
