"""The store: relay's verbs, each one script on one partition of Redis.

Every verb has its deadline and raises `StoreAway` when it passes; what has to survive a broken connection
(`submit`, `turn`) is sent again by its caller or by `Batch`, which the scripts allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from relay.model.limits import Learned
from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.state import Claim, Outcome, Standing
from relay.store import codec
from relay.store.batch import Batch
from relay.store.messages import Catalogue, GivenBack, Letter, Receipt, Submission, Swept, Turn, Turned
from relay.store.partition import DEADLINE, Partition
from relay.store.portions import MOST_ITEMS, portions
from relay.store.roster import Roster
from relay.store.terms import Terms

MOST_LETTERS = 10_000  # dead jobs
MOST_SWEEPS = 200  # in a row, while there is more to do at once
FORGET_SERVED = 86400.0  # seconds after which a job that no worker serves is forgotten
INBOX_TTL = 60.0  # seconds that an inbox outlives its last sweep
SERVED_TTL = 30.0  # seconds for which a worker promises to serve what it publishes
_SHOWN = 20  # jobs of a dead worker that are named in the log
_OVERHEAD = 200  # bytes of a submission beside its arguments, roughly


class Store:
    """The verbs; `inbox` is the name of this process' own."""

    _log = Logger()

    def __init__(self, partition: Partition, inbox: str, terms: Terms) -> None:
        self.inbox = inbox
        self.partition = partition
        self._terms = terms.words()
        self._dead_keep = int(terms.dead_keep * 1000)
        self._lease = int(terms.lease * 1000)
        self._queue_limit = (terms.queue_limit, terms.queue_bytes)
        self._published_since = 0  # by Redis' clock, ms
        self._submissions: Batch[Submission, Receipt] = Batch(
            partition.clock, self._send_submissions, DEADLINE
        )

    def start(self) -> None:
        self.partition.start()

    def stop(self) -> Deferred[None]:
        return self.partition.stop()

    def mint(self) -> str:
        """A new job id; raises `StoreAway` before the store was ever reached."""
        return self.partition.mint()

    # -- verbs of fronts --

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        """Add a job. Raises `KeyReused`, `QueueFull`, `StoreFull`, `StoreAway`."""
        size = len(submission.job.arguments) + _OVERHEAD
        return self._submissions.add(submission, size)

    def _send_submissions(
        self, items: list[Submission], again: bool
    ) -> Deferred[Sequence[Receipt | Exception]]:
        words: list[Any] = [*self._queue_limit, self.inbox, int(again)]
        for item in items:
            words.extend(codec.submission_words(item))

        def receipts(answer: tuple[int, list[Any]]) -> Sequence[Receipt | Exception]:
            now, rows = answer
            return [codec.read_receipt(item, now, row) for item, row in zip(items, rows, strict=True)]

        return ensureDeferred(self.partition.run("submit", words)).addCallback(receipts)

    async def submit_again(self, submissions: list[Submission]) -> Sequence[Receipt | Exception]:
        """Add jobs under ids that may be known already."""
        answers: list[Receipt | Exception] = []
        for some in portions(submissions, lambda submission: len(submission.job.arguments)):
            answers += await self.partition.within_deadline(self._send_submissions(some, True))
        return answers

    async def find(self, digest: str) -> str:
        """The id of the job that a key stands for; raises `NoSuchJob`."""
        found = await self.partition.command("GET", self.partition.keys.idem(digest))
        if found is None:
            raise NoSuchJob
        return bytes(found).partition(b" ")[0].decode()

    async def look(self, owner: str, id: str) -> Standing | Outcome:
        """Where a job stands, or how it ended; raises `NoSuchJob`, `StoreReset`."""
        (reply,) = await self.partition.verb("look", owner, id)
        return self._known(id, reply)

    async def attach(self, owner: str, id: str) -> Standing | Outcome:
        """The same, and have its outcome sent to this process' inbox."""
        (reply,) = await self.partition.verb("attach", owner, self.inbox, id)
        return self._known(id, reply)

    async def attach_all(self, ids: Sequence[str]) -> list[Standing | Outcome | None]:
        """The same of many ids, whoever owns them; None for those that the store does not know."""
        found: list[Standing | Outcome | None] = []
        while len(found) < len(ids):
            some = ids[len(found) : len(found) + MOST_ITEMS]
            replies = await self.partition.verb("attach", "*", self.inbox, *some)
            if not replies:
                raise StoreAway("no answer about jobs")
            found += [codec.read_standing(id, reply) for id, reply in zip(some, replies, strict=False)]
        return found

    async def cancel(self, owner: str, id: str) -> tuple[Standing | Outcome, Outcome | None]:
        """End a job that waits, ask for the end of one that runs: how it stood, and how it ended if it has."""
        reply = await self.partition.verb("cancel", owner, self._terms, id)
        before = self._known(id, reply[0])
        return before, codec.read_outcome(id, reply[1]) if reply[1] else None

    async def abandon(self, id: str) -> bool:
        """Cancel a job that this process' clients no longer want, unless others wait for it."""
        return bool((await self.partition.verb("abandon", self.inbox, self._terms, id))[0])

    async def collected(self, id: str) -> bool:
        """Somebody has this outcome; whether another job would have been given it."""
        return bool((await self.partition.verb("collected", id))[0])

    async def fetch(self, id: str) -> Outcome | None:
        """An outcome that was too large for the inbox; None if it is no longer kept."""
        data = await self.partition.command("GET", self.partition.keys.result(id))
        return codec.read_outcome(id, data) if data else None

    async def catalogue(self) -> Catalogue:
        """What workers serve."""
        now, (version, rows) = await self.partition.timed_verb("catalogue")
        return codec.read_catalogue(now, version, rows)

    def _known(self, id: str, reply: list[Any]) -> Standing | Outcome:
        found = codec.read_standing(id, reply)
        if found is None:
            raise StoreReset if self.partition.minted_elsewhere(id) else NoSuchJob
        return found

    # -- verbs of workers --

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        """Open a session in place of an old one ("" for none), as its turn `number`: the ids of those claims that
        it may go on with."""
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
        """Take a turn, with at most `MOST_ENDS` ends. Raises `Fenced`, `StoreReset`, and `LinkLost`: then send the
        same turn again."""
        words: list[Any] = [session, turn.number, self._lease, self._terms, turn.want, turn.holds]
        answer = (await self.partition.run("turn", words + codec.turn_words(turn)))[1]
        return codec.read_turned(*answer)

    async def leave(self, session: str) -> list[str]:
        """Close a session; the ids that it still held go back to their places."""
        back = await self._give_back("leave", session)
        return [job.id for job in back if job.session == session]

    async def publish(self, roster: Roster) -> None:
        """Say which jobs this worker serves, and for `SERVED_TTL` that it will go on. Of two declarations of a name
        that one counts whose worker began later to say so, as long as it does."""
        words: list[Any] = [int(SERVED_TTL * 1000), self._published_since, roster.digest]
        for name, mark, declaration in roster:
            words.extend((name, mark, declaration))
        self._published_since = int((await self.partition.verb("publish", *words))[0])

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        """How many of so many calls may go now, and seconds until more may; -1 where no limit is known."""
        granted, wait = await self.partition.verb("grant", scope, calls)
        return granted, wait / 1000

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        """An API told of a limit: count it for these scopes."""
        rate = learned.rate
        await self.partition.verb(
            "learn", rate.calls, int(rate.window * 1000), int(learned.pause * 1000), *scopes
        )

    # -- verbs of whoever looks after the others --

    async def sweep(self) -> Swept:
        """Keep the inbox alive, let time pass, give back what those held whose leases have ended; again and again while
        there is more to do."""
        terms = self._terms, self._lease, MOST_LETTERS, self._dead_keep, int(FORGET_SERVED * 1000)
        was_there: bool | None = None
        back: list[GivenBack] = []
        for _ in range(MOST_SWEEPS):
            there, version, more, *rows = await self.partition.verb(
                "sweep", self.inbox, int(INBOX_TTL * 1000), *terms
            )
            was_there = bool(there) if was_there is None else was_there
            back += starmap(codec.read_given_back, codec.rows(codec.GIVEN_BACK, rows))
            if not more:
                break
        self._tell_given_back(back, "its lease ended")
        return Swept(bool(was_there), version, back)

    async def reap(self, process: str) -> list[GivenBack]:
        """A process has died: what it held goes back, or ended with it."""
        back = await self._give_back("reap", process)
        self._tell_given_back(back, "its process ended")
        return back

    async def _give_back(self, verb: str, who: str) -> list[GivenBack]:
        back: list[GivenBack] = []
        more = True
        while more:
            more, *rows = await self.partition.verb(verb, who, self._terms)
            back += starmap(codec.read_given_back, codec.rows(codec.GIVEN_BACK, rows))
        return back

    def _tell_given_back(self, back: list[GivenBack], why: str) -> None:
        held: dict[str, list[str]] = {}
        for job in back:
            held.setdefault(job.session, []).append(f"{job.name} {job.id}")
        for session, jobs in held.items():
            shown = ", ".join(jobs[:_SHOWN]) + (", …" if len(jobs) > _SHOWN else "")
            self._log.warn(
                "worker session {session} is closed, {why}: "
                "{count} jobs are returned to the queue, or have ended with it: {jobs}",
                session=session,
                why=why,
                count=len(jobs),
                jobs=shown,
            )

    async def learned(self, most: int = 1000) -> dict[str, Learned]:
        """What APIs were learned to say of their limits, by scope: a host, a host and a value, or a lane."""
        rows = await self.partition.verb("learned", most)
        return dict(starmap(codec.read_learned, codec.rows(codec.LEARNED, rows)))

    async def forget(self, scope: str) -> bool:
        """Let what was learned of a scope count no more; whether anything was known of it. Calls that wait for it
        notice within seconds. Jobs that were put off because of it come back at their time."""
        return bool((await self.partition.verb("forget", scope))[0])

    async def dead(self, most: int = 100) -> list[Letter]:
        """The newest dead jobs."""
        rows = await self.partition.verb("dead", most)
        return [*starmap(codec.read_letter, codec.rows(codec.DEAD, rows))]

    async def revive(self, letter: Letter) -> str:
        """Run a dead job's job again, under a new id, without its key and with nobody waiting. Raises `ValueError`
        where its arguments were not kept."""
        if letter.cut:
            raise ValueError(f"the arguments of {letter.id} were too large to be kept")
        job = msgspec.structs.replace(letter.job, key="", fingerprint="", inbox="")
        return (await self.submit(Submission(self.mint(), job))).id
