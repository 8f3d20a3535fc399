"""The operations of a relay by its store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from relay.commands.ending import Unreached
from relay.model.problems.request import StoreAway
from relay.model.settings import Settings
from relay.operations.operations import Operations
from relay.operations.store_operations import StoreOperations
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import topology_of
from relay.store.keys import Keys
from relay.store.operators import OperatorStore, RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.terms import terms_of


@asynccontextmanager
async def store_operations(reactor: Any, address: Address, settings: Settings) -> AsyncIterator[Operations]:
    """The operations, as long as they are needed. Raises `Unreached`."""
    async with opened_store(reactor, address, settings) as store:
        yield StoreOperations(store)


@asynccontextmanager
async def opened_store(reactor: Any, address: Address, settings: Settings) -> AsyncIterator[OperatorStore]:
    """The store, as long as it is needed; `settings` are those of the relay that works with it: how long outcomes are
    kept, and so on. Raises `Unreached` where it does not answer."""
    unfit: list[str] = []
    topology = topology_of(reactor, address)
    partition = Partition(reactor, Connection(reactor, topology.server_of(Keys().tag)))
    partition.on_unfit = unfit.append
    store = RedisOperatorStore(Router([partition], topology), terms_of(settings))
    store.start()
    try:
        yield store
    except StoreAway:
        raise Unreached(f"--redis: {unfit[0] if unfit else f'no answer from {address.shown}'}") from None
    finally:
        await store.stop()
