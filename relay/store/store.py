"""The store: relay's verbs, each one script on one partition of Redis.

Every verb has its deadline and raises `StoreAway` when it passes; what has to survive a broken connection
(`submit`, `turn`) is sent again by its caller or by `Batch`, which the scripts allow.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import txredisapi
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.errors import KeyReused, NoSuchJob, QueueFull, StoreAway, StoreReset
from relay.state import Outcome, Standing
from relay.store.batch import Batch
from relay.store.keys import Keys
from relay.store.link import Link, LinkLost, Reply
from relay.store.messages import (
    Catalogue,
    Fenced,
    Receipt,
    Served,
    Submission,
    Turn,
    Turned,
    read_claim,
    read_outcome,
    read_standing,
)
from relay.store.scripts import script

DEADLINE = 1.8  # seconds for one verb, so that a client hears of a store that is away within 2
INBOX_TTL = 60.0  # seconds that an inbox outlives its last sweep
SERVED_TTL = 30.0  # seconds for which a worker promises to serve what it publishes
_OLDEST = 7  # major version of Redis, for the flags of scripts
_OVERHEAD = 200  # bytes of a submission beside its arguments, roughly


class Store:
    """One partition of the store, reached through `link`; `inbox` is the name of this process' own."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, link: Link, inbox: str, keep: float, queue_limit: int) -> None:
        self.inbox = inbox
        self.keys = Keys()
        self._clock = clock
        self._link = link
        self._keep = int(keep * 1000)
        self._queue_limit = queue_limit
        self._epoch = ""
        #: called once Redis turns out to be one that relay can't work with, with the reason
        self.on_unfit: Callable[[str], None] = lambda why: None
        self._submissions: Batch[Submission, Receipt] = Batch(self._send_submissions)
        link.on_up = self._came_up

    def start(self) -> None:
        self._link.start()

    def stop(self) -> Deferred[None]:
        return self._link.stop()

    # -- ids --

    def mint(self) -> str:
        """A new job id: partition, epoch, 80 random bits. Raises `StoreAway` before the store was ever reached."""
        if not self._epoch:
            raise StoreAway
        return f"{self.keys.partition}-{self._epoch}-{_random(10)}"

    def check(self, id: str) -> None:
        """Raise `NoSuchJob` for what no store ever minted, `StoreReset` for an id of another data set."""
        partition, _, rest = id.partition("-")
        epoch = rest.partition("-")[0]
        if partition != str(self.keys.partition) or not epoch:
            raise NoSuchJob
        if self._epoch and epoch != self._epoch:
            raise StoreReset

    # -- verbs of fronts --

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        """Add a job. Raises `KeyReused`, `QueueFull`, `StoreReset` (mint another id), `StoreAway`."""
        size = len(submission.job.arguments) + _OVERHEAD
        return self._within_deadline(self._submissions.add(submission, size))

    async def find(self, digest: str) -> str:
        """The id of the job that a key stands for; raises `NoSuchJob`."""
        found = await self._within_deadline(self._link.command("GET", self.keys.idem(digest)))
        if found is None:
            raise NoSuchJob
        return bytes(found).partition(b" ")[0].decode()

    async def look(self, owner: str, id: str) -> Standing | Outcome:
        """Where a job stands, or how it ended; raises `NoSuchJob`."""
        reply = await self._verb("look", owner, id)
        return _known(read_standing(id, reply[0]))

    async def attach(self, owner: str, id: str) -> Standing | Outcome:
        """The same, and have its outcome sent to this process' inbox."""
        reply = await self._verb("attach", owner, self.inbox, id)
        return _known(read_standing(id, reply[0]))

    async def cancel(self, owner: str, id: str) -> tuple[Standing | Outcome, Outcome | None]:
        """End a job that waits, ask for the end of one that runs: how it stood, and how it ended if it has."""
        reply = await self._verb("cancel", owner, self._keep, id)
        before = _known(read_standing(id, reply[0]))
        return before, read_outcome(id, reply[1]) if reply[1] else None

    async def fetch(self, id: str) -> Outcome | None:
        """An outcome that was too large for the inbox; None if it is no longer kept."""
        data = await self._within_deadline(self._link.command("GET", self.keys.result(id)))
        return read_outcome(id, data) if data else None

    async def catalogue(self) -> Catalogue:
        """What workers serve."""
        now, reply = await self._timed_verb("catalogue")
        version, *rows = reply
        served = {r[0].decode(): (r[1], r[2]) for r in zip(rows[::3], rows[1::3], rows[2::3], strict=True)}
        jobs = {name: msgspec.json.decode(text, type=Served) for name, (text, _) in served.items()}
        return Catalogue(version, jobs, {name: (now - until) / 1000 for name, (_, until) in served.items()})

    # -- verbs of workers --

    async def enroll(self, session: str, lease: float) -> None:
        """Open a session; its turns start at 1."""
        await self._verb("enroll", session, int(lease * 1000))

    async def turn(self, session: str, lease: float, queues: Sequence[str], turn: Turn) -> Turned:
        """Take a turn. Raises `Fenced`, `StoreReset`, and `LinkLost`: then send the same turn again."""
        words: list[Any] = [
            session,
            turn.number,
            int(lease * 1000),
            self._keep,
            turn.want,
            len(queues),
            *queues,
        ]
        words.append(len(turn.ends))
        for end in turn.ends:
            words.extend(end.words())
        words.append(len(turn.progress))
        for said in turn.progress:
            words.extend(said)
        more, due, refused, claims = (await self._run("turn", words))[1]
        rows = zip(claims[::3], claims[1::3], claims[2::3], strict=True)
        return Turned(
            [read_claim(id, kept, attempt, turn.number) for id, kept, attempt in rows],
            [id.decode() for id in refused],
            bool(more),
            due / 1000,
        )

    async def leave(self, session: str, queues: Sequence[str]) -> list[str]:
        """Close a session; the ids that it still held go back to their places."""
        return [id.decode() for id in await self._verb("leave", session, *queues)]

    async def publish(self, served: Iterable[Served]) -> None:
        """Say which jobs this worker serves, and for `SERVED_TTL` that it will go on."""
        words = [word for job in served for word in (job.name, msgspec.json.encode(job, order="sorted"))]
        await self._verb("publish", int(SERVED_TTL * 1000), *words)

    # -- verbs of every process --

    async def sweep(self) -> tuple[bool, int]:
        """Keep the inbox alive and let time pass; whether the inbox was there, and the catalogue's version."""
        there, version = await self._verb("sweep", self.inbox, int(INBOX_TTL * 1000), self._keep)
        return bool(there), version

    async def reached(self) -> None:
        """Raise `StoreAway` unless Redis answers."""
        await self._within_deadline(self._link.command("PING"))

    # -- how verbs are carried out --

    def _send_submissions(
        self, items: list[Submission], again: bool
    ) -> Deferred[Sequence[Receipt | Exception]]:
        words: list[Any] = [self._queue_limit, self.inbox, int(again)]
        for item in items:
            words.extend(item.words())
        return ensureDeferred(self._run("submit", words)).addCallback(
            lambda answer: [
                _receipt(item, answer[0], row) for item, row in zip(items, answer[1], strict=True)
            ]
        )

    async def _verb(self, verb: str, *words: Any) -> list[Any]:
        return (await self._timed_verb(verb, *words))[1]

    async def _timed_verb(self, verb: str, *words: Any) -> tuple[int, list[Any]]:
        answer: tuple[int, list[Any]] = await self._within_deadline(ensureDeferred(self._run(verb, words)))
        return answer

    async def _run(self, verb: str, words: Iterable[Any]) -> tuple[int, list[Any]]:
        """Redis' time (ms) and the rest of a script's answer."""
        if not self._epoch:
            await self._opened()
        status, *answer = await self._evaluate(verb, words)
        if status == b"EPOCH":
            await self._opened()
            raise StoreReset
        if status != b"OK":
            raise Fenced(status.decode())
        now, *rest = answer
        return int(now), rest

    async def _evaluate(self, verb: str, words: Iterable[Any]) -> Reply:
        text, sha = script(verb)
        fixed = self.keys.fixed
        arguments = (len(fixed), *fixed, self.keys.tag, self._epoch, *words)
        try:
            return await self._link.command("EVALSHA", sha, *arguments)
        except txredisapi.ScriptDoesNotExist:
            return await self._link.command("EVAL", text, *arguments)
        except txredisapi.ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self._link.command("EVAL", text, *arguments)

    def _within_deadline(self, deferred: Deferred[Any]) -> Deferred[Any]:
        return deferred.addTimeout(DEADLINE, self._clock).addErrback(_as_away)

    # -- the epoch --

    def _came_up(self) -> None:
        self._opened().addErrback(
            lambda failure: self._log.error("the store can't be opened: {error}", error=failure.value)
        )

    def _opened(self) -> Deferred[None]:
        """Learn the epoch, or give an empty store one."""
        return ensureDeferred(self._open())

    async def _open(self) -> None:
        await self._check_server()
        await self._link.command("SET", self.keys.epoch, _random(5), "NX")
        epoch = (await self._link.command("GET", self.keys.epoch)).decode()
        if self._epoch and epoch != self._epoch:
            self._log.warn("the store was reset: epoch {old} is now {new}", old=self._epoch, new=epoch)
        self._epoch = epoch

    async def _check_server(self) -> None:
        try:
            info = await self._link.command("INFO")
        except txredisapi.ResponseError:
            return  # a managed server may keep this to itself
        why = unfit(dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line))
        if why:
            self.on_unfit(why)
            raise StoreAway(why)


def unfit(info: Mapping[str, str]) -> str:
    """Why relay can't work with a server, by what it says of itself; "" if it can."""
    if int(info.get("redis_version", "7").partition(".")[0]) < _OLDEST:
        return f"Redis {info['redis_version']} is too old: relay needs {_OLDEST}.0 or later"
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        return f"maxmemory-policy is {info['maxmemory_policy']}, which loses jobs: set it to noeviction"
    return ""


def _receipt(submission: Submission, now: int, row: list[Any]) -> Receipt | Exception:
    match row:
        case [b"new"]:
            return Receipt(submission.id, now, True)
        case [b"known", id]:
            return Receipt(id.decode(), now, id.decode() == submission.id)
        case [b"done", id, outcome]:
            return Receipt(id.decode(), now, id.decode() == submission.id, read_outcome(id.decode(), outcome))
        case [b"clash"]:
            return KeyReused()
        case _:
            return QueueFull()


def _known(found: Standing | Outcome | None) -> Standing | Outcome:
    if found is None:
        raise NoSuchJob
    return found


def _as_away(failure: Any) -> Any:
    if failure.check(TimeoutError, LinkLost):
        raise StoreAway from failure.value
    return failure


def _random(size: int) -> str:
    return base64.b32encode(os.urandom(size)).decode().lower()
