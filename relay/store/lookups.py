"""Jobs that are looked for by what they are known by."""

from __future__ import annotations

from contextlib import suppress

from relay.model.problems.request import StoreAway
from relay.store.gathering import anywhere
from relay.store.partition import Partition
from relay.store.router import Router


async def id_of_key(router: Router, digest: str) -> str:
    """The id of the job that a key stands for, "" for none. Raises `StoreAway` where that can't be told.

    It is where the key alone would have it, or where its job is pinned (`relay.store.placing`): whatever was declared
    of that job when it was submitted, and whatever its caller might take then, it is found.
    """
    home = router.of_key(digest)
    if len(router.all()) == 1:
        return await _id_at(home, digest)
    with suppress(StoreAway):  # it may be elsewhere
        if id := await _id_at(home, digest):
            return id

    async def ask(partition: Partition) -> str:
        return await _id_at(partition, digest)

    return await anywhere(router, ask, "")


async def _id_at(partition: Partition, digest: str) -> str:
    kept = await partition.command("GET", partition.keys.idem(digest))
    return bytes(kept).partition(b" ")[0].decode() if kept else ""
