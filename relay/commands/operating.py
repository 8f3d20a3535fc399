"""What an operator's command does with a store: it connects, acts, and says in one line what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from relay.model.problems.request import StoreAway
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.store.operators import OperatorStore, RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.terms import StoreSettings

_ROOM = 1_000_000  # jobs, as many as may be queued for this command's part


async def operate(reactor: Any, address: Address, act: Callable[[OperatorStore], Awaitable[None]]) -> None:
    """Act on the store at an address. Raises `SystemExit` with one line, and so status 1, where it does not answer."""
    unfit: list[str] = []
    partition = Partition(reactor, Connection(reactor, address.endpoint(reactor), address))
    partition.on_unfit = unfit.append
    store = RedisOperatorStore(Router([partition]), StoreSettings(0, 0, _ROOM))
    store.start()
    try:
        await act(store)
    except StoreAway:
        raise SystemExit(
            f"relay: --redis: {unfit[0] if unfit else f'no answer from {address.shown}'}"
        ) from None
    finally:
        await store.stop()
