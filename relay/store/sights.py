"""What operators see of the store. Nothing here changes a job."""

from __future__ import annotations

from collections import Counter
from itertools import starmap
from typing import Any, Protocol

import msgspec

from relay.model.problems.request import StoreAway
from relay.redis.connection import Refused
from relay.store import codec
from relay.store.found import EVERYTHING, MOST_RUNNING, HeldJob, KnownJob, NameTally, Slice, Totals, Wanted
from relay.store.messages import Definitions
from relay.store.operator_rows import (
    read_known,
    read_process,
    read_running,
    read_slice,
    read_tally,
    read_totals,
    text,
)
from relay.store.partition import Partition
from relay.store.router import Router

_PROCESSES, _NAMES = 50, 20  # that one script tells of


class Sights(Protocol):
    """The verbs by which operators look. Each raises `StoreAway` where the store does not answer in time.

    Lists are told in slices: each is asked for with the cursor of the one before, "" at first. Jobs that move meanwhile
    may be there twice, or not at all.
    """

    async def processes(self) -> list[tuple[str, int, bytes]]:
        """The processes that have told of themselves within a minute: name, when (ms), and what."""

    async def totals(self) -> Totals:
        """How much there is of everything, and of what."""

    async def tallies(self, names: list[str]) -> list[NameTally]:
        """What waits of each name. Of a name with many lanes those that are looked at stand for all."""

    async def busy_names(self) -> dict[str, int]:
        """How many jobs of each name run, of the first `MOST_RUNNING` that are found; "" for those of which it is not
        known."""

    async def running(self) -> list[HeldJob]:
        """The jobs that run, at most about `MOST_RUNNING`."""

    async def known(self, id: str) -> KnownJob | None:
        """All that is kept of a job; None for nothing."""

    async def live(self, source: str, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        """Jobs that live. `source`: ``all``; ``running``; ``scheduled``, by their times; of one name ``line``:
        those that wait and have no lane, ``suspects``: those that are suspected, by their places."""

    async def ended(self, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        """Jobs whose outcomes are kept, in no order."""

    async def died(self, wanted: Wanted = EVERYTHING, cursor: str = "", only: bool = False) -> Slice:
        """Dead jobs, the newest first; `only` those whose outcomes are not kept any more."""

    async def definitions(self) -> Definitions:
        """What workers serve."""

    async def id_of_key(self, digest: str) -> str:
        """The id of the job that a key stands for, "" for none."""

    async def server(self) -> dict[str, str]:
        """What the server tells of itself (INFO); nothing where it keeps that to itself."""


class RedisSights(Sights):
    """`Sights` of Redis."""

    _router: Router

    async def processes(self) -> list[tuple[str, int, bytes]]:
        found: list[tuple[str, int, bytes]] = []
        home = self._router.all()[0]
        while True:
            rows = await home.verb("processes", len(found))
            some = [*starmap(read_process, codec.PROCESS.rows(rows))]
            found += some
            if len(some) < _PROCESSES:
                return found

    async def totals(self) -> Totals:
        found = [await self._totals(partition) for partition in self._router.all()]
        first = found[0]
        counts = ("jobs", "running", "scheduled", "dead", "bytes")
        sums = {count: sum(getattr(each, count) for each in found) for count in counts}
        names = sorted({name for each in found for name in each.names})
        return msgspec.structs.replace(first, names=names, **sums)

    async def _totals(self, partition: Partition) -> Totals:
        now, (row,) = await partition.timed_verb("totals")
        return read_totals(now, partition.epoch, row)

    async def tallies(self, names: list[str]) -> list[NameTally]:
        found: dict[str, NameTally] = {}
        for partition in self._router.all():
            left = names
            while left:
                rows = await partition.verb("tallies", *left[:_NAMES])
                some = [*starmap(read_tally, codec.TALLY.rows(rows))]
                for tally in some:
                    found[tally.name] = _added(found.get(tally.name), tally)
                left = left[max(1, len(some)) :]
        return [found[name] for name in names if name in found]

    async def busy_names(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for partition in self._router.all():
            cursor: Any = 0
            while True:
                cursor, *flat = await partition.verb("busy_names", cursor)
                counts.update({text(name): n for name, n in zip(flat[::2], flat[1::2], strict=True)})
                if cursor == b"0" or counts.total() >= MOST_RUNNING:
                    break
        return dict(counts)

    async def running(self) -> list[HeldJob]:
        found: dict[str, HeldJob] = {}
        for partition in self._router.all():
            cursor: Any = 0
            while True:
                cursor, *rows = await partition.verb("running", cursor)
                found |= {job.id: job for job in starmap(read_running, codec.RUNNING.rows(rows))}
                if cursor == b"0" or len(found) >= MOST_RUNNING:
                    break
        return [*found.values()]

    async def known(self, id: str) -> KnownJob | None:
        (row,) = await self._router.of_id(id).verb("detail", id)
        return read_known(id, row)

    async def live(self, source: str, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        return await self._slice("live", (source,), wanted, cursor)

    async def ended(self, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        return await self._slice("ended", (), wanted, cursor)

    async def died(self, wanted: Wanted = EVERYTHING, cursor: str = "", only: bool = False) -> Slice:
        return await self._slice("died", (str(int(only)),), wanted, cursor)

    async def _slice(self, verb: str, source: tuple[str, ...], wanted: Wanted, cursor: str) -> Slice:
        """Of one partition after the other: a cursor has the number of the present one in front."""
        number, _, rest = cursor.partition(":")
        at = int(number or 0)
        if at >= len(self._router.all()):
            return Slice([], "", 0)
        words = rest, *source, *msgspec.structs.astuple(wanted)
        found = read_slice(*await self._router.all()[at].verb(verb, *words))
        if found.cursor:
            return msgspec.structs.replace(found, cursor=f"{at}:{found.cursor}")
        is_last = at + 1 >= len(self._router.all())
        return msgspec.structs.replace(found, cursor="" if is_last else f"{at + 1}:")

    async def definitions(self) -> Definitions:
        now, (version, rows) = await self._router.all()[0].timed_verb("catalogue")
        return codec.read_catalogue(now, version, rows)

    async def id_of_key(self, digest: str) -> str:
        partition = self._router.of_key(digest)
        found = await partition.command("GET", partition.keys.idem(digest))
        return text(found).partition(" ")[0] if found else ""

    async def server(self) -> dict[str, str]:
        try:
            reply = await self._router.all()[0].command("INFO")
        except StoreAway as error:
            if isinstance(error.__cause__, Refused):
                return {}
            raise
        return dict(line.split(":", 1) for line in text(reply).splitlines() if ":" in line)


def _added(known: NameTally | None, more: NameTally) -> NameTally:
    """What waits of a name in another partition, too."""
    if known is None:
        return more
    counts = ("waiting", "limited", "scheduled", "dead")
    sums = {count: getattr(known, count) + getattr(more, count) for count in counts}
    oldest = min(known.oldest or more.oldest, more.oldest or known.oldest)
    return msgspec.structs.replace(known, queue=known.queue or more.queue, oldest=oldest, **sums)
