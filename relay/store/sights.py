"""What operators see of the store. Nothing here changes a job."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import msgspec

from relay.store import looks
from relay.store.found import EVERYTHING, HeldJob, KnownJob, NameTally, Slice, Totals, Wanted
from relay.store.gathering import PartitionAway, gathered, naming
from relay.store.lookups import id_of_key
from relay.store.messages import Definitions
from relay.store.operator_rows import (
    read_known,
    read_slice,
    text,
)
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.sums import added, merged, total

MOST_CHILDREN = 100  # of a job in a partition that are shown


class Sights(Protocol):
    """The verbs by which operators look. Each raises `StoreAway` where the store does not answer in time.

    All partitions are asked. What those that are away have is left out, and `StoreAway` is raised where none answers;
    `totals` says which they are, and so do slices.

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
        """Jobs that live. `source`: ``all``; ``running``; ``scheduled``, ``untold`` (durable ones that have ended,
        which is not told yet), by their times; of one name ``line``: those that wait and have no lane, ``suspects``:
        those that are suspected, by their places."""

    async def ended(self, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        """Jobs whose outcomes are kept, in no order."""

    async def died(self, wanted: Wanted = EVERYTHING, cursor: str = "", only: bool = False) -> Slice:
        """Dead jobs, the newest first; `only` those whose outcomes are not kept any more."""

    async def definitions(self) -> Definitions:
        """What workers serve."""

    async def id_of_key(self, digest: str) -> str:
        """The id of the job that a key stands for, "" for none."""

    async def refusal(self) -> str:
        """What Redis says instead of taking a job, "" where it would take one."""

    async def servers(self) -> list[dict[str, str]]:
        """What each server tells of itself (INFO), those first that have the first partitions; nothing of one that
        keeps that to itself."""


class RedisSights(Sights):
    """`Sights` of Redis."""

    _router: Router

    async def processes(self) -> list[tuple[str, int, bytes]]:
        found = await gathered(self._router, looks.processes)
        newest: dict[str, tuple[str, int, bytes]] = {}
        for told in sorted(
            (told for some in found.answers.values() for told in some), key=lambda told: told[1]
        ):
            newest[told[0]] = told
        return [newest[name] for name in sorted(newest)]

    async def totals(self) -> Totals:
        found = await gathered(self._router, looks.totals)
        return total(found.answers.values(), found.away)

    async def tallies(self, names: list[str]) -> list[NameTally]:
        async def ask(partition: Partition) -> list[NameTally]:
            return await looks.tallies(partition, names)

        found: dict[str, NameTally] = {}
        for some in (await gathered(self._router, ask)).answers.values():
            for tally in some:
                found[tally.name] = added(found.get(tally.name), tally)
        return [found[name] for name in names if name in found]

    async def busy_names(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for some in (await gathered(self._router, looks.busy_names)).answers.values():
            counts.update(some)
        return dict(counts)

    async def running(self) -> list[HeldJob]:
        found = await gathered(self._router, looks.running)
        return [job for some in found.answers.values() for job in some]

    async def known(self, id: str) -> KnownJob | None:
        home = self._router.of_id(id)
        with naming(self._router, home):
            (row,) = await home.verb("detail", id)
        known = read_known(id, row)
        if known is None or len(self._router.all()) == 1:
            return known
        return msgspec.structs.replace(known, children=(*known.children, *await self._children(home, id)))

    async def _children(self, home: Partition, id: str) -> list[str]:
        """The sub-jobs that live in other partitions than their parent."""

        async def ask(partition: Partition) -> list[str]:
            if partition is home:
                return []
            found = await partition.command("ZRANGE", partition.keys.children(id), 0, MOST_CHILDREN - 1)
            return [text(child) for child in found]

        return [id for some in (await gathered(self._router, ask)).answers.values() for id in some]

    async def live(self, source: str, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        return await self._slice("live", (source,), wanted, cursor)

    async def ended(self, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        return await self._slice("ended", (), wanted, cursor)

    async def died(self, wanted: Wanted = EVERYTHING, cursor: str = "", only: bool = False) -> Slice:
        return await self._slice("died", (str(int(only)),), wanted, cursor)

    async def _slice(self, verb: str, source: tuple[str, ...], wanted: Wanted, cursor: str) -> Slice:
        """Of one partition after the other: a cursor has the number of the present one in front."""
        partitions = self._router.all()
        number, _, rest = cursor.partition(":")
        at = int(number or 0)
        if at >= len(partitions):
            return Slice([], "", 0)
        behind = f"{at + 1}:" if at + 1 < len(partitions) else ""
        words = rest, *source, *msgspec.structs.astuple(wanted)
        try:
            with naming(self._router, partitions[at]):
                found = read_slice(*await partitions[at].verb(verb, *words))
        except PartitionAway:
            return Slice([], behind, 0, (at,))
        return msgspec.structs.replace(found, cursor=f"{at}:{found.cursor}" if found.cursor else behind)

    async def definitions(self) -> Definitions:
        found = await gathered(self._router, looks.definitions)
        return merged(list(found.answers.values()))

    async def id_of_key(self, digest: str) -> str:
        return await id_of_key(self._router, digest)

    async def refusal(self) -> str:
        found = await gathered(self._router, looks.refusal)
        return next(filter(None, found.answers.values()), "")

    async def servers(self) -> list[dict[str, str]]:
        found = (await gathered(self._router, looks.info)).answers.values()
        return [*{info.get("run_id", "") or str(nth): info for nth, info in enumerate(found)}.values()]
