"""Processes tell of themselves, each in one partition."""

from __future__ import annotations

from typing import Any

from relay.store.gathering import first_of, gathered
from relay.store.partition import Partition
from relay.store.router import Router


async def registered(router: Router, name: str, told: bytes) -> None:
    """Say what operators are told of a process: in the partition that its name decides, or in another while that one is
    away. b"": it leaves, wherever it was told of. Raises `StoreAway` where no partition answers."""

    async def ask(partition: Partition) -> list[Any]:
        return await partition.verb("register", name, told)

    if told:
        await first_of(router, ask, router.of_key(name))
    else:
        await gathered(router, ask)
