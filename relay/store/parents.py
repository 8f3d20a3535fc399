"""Sub-jobs that live in other partitions than their parents: whether these have ended is looked up again and again.

It is in the store which parents are to be looked at, so nothing is lost with a process: whoever sweeps a partition does
it.
"""

from __future__ import annotations

from contextlib import suppress

from relay.model.problems.request import StoreAway
from relay.store.partition import Partition
from relay.store.router import Router


async def part_with_parents(router: Router, partition: Partition, terms: str) -> None:
    """Tell a partition of those parents elsewhere that have ended, so that it cancels what is left of their sub-jobs.
    Those that live in a partition that is away are looked at later."""
    parents = [id.decode() for id in await partition.verb("abroad")]
    ended: list[str] = []
    for home, ids in router.by_id(parents).items():
        with suppress(StoreAway):
            for id, state in zip(ids, await home.verb("endings", *ids), strict=True):
                ended += (id, state.decode()) if state else ()
    if ended:
        await partition.verb("part", terms, *ended)
