"""The operations of a relay by its store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from relay.commands.ending import Unreached
from relay.model.problems.request import StoreAway
from relay.model.settings import Settings
from relay.operations.operations import Operations
from relay.operations.store_operations import StoreOperations
from relay.process.stores import Partitions
from relay.redis.address import Address
from relay.redis.refusal import says_refusal
from relay.redis.topology import topology_of
from relay.store import demands
from relay.store.operator_rows import text
from relay.store.operators import OperatorStore, RedisOperatorStore
from relay.store.proof import ProofWanted
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
    making = partial(_router, reactor, address, settings, unfit)
    router = making(settings.partitions)
    router.start()
    try:
        there = await partitions_there(router)
        if there != settings.partitions:
            await router.stop()
            unfit.clear()
            router = making(there)
            router.start()
        yield RedisOperatorStore(router, terms_of(settings))
    except StoreAway as away:
        cause = away.__cause__
        why = (
            f"{address.shown} refuses: {cause}" if says_refusal(cause) else f"no answer from {address.shown}"
        )
        silence = away.detail or why
        raise Unreached(unfit[0] if unfit else f"--redis: {silence}") from None
    finally:
        await router.stop()


def _router(reactor: Any, address: Address, settings: Settings, unfit: list[str], partitions: int) -> Router:
    """The store with so many partitions; in `unfit` it is told why one can't be used."""
    topology = topology_of(reactor, address)
    made = Partitions(reactor, topology, unfit.append, wanted=_wanted(address, settings))
    found = made.all(partitions, settings.store_name)
    for partition in found:
        partition.make_none()
    return Router(found, topology)


def _wanted(address: Address, settings: Settings) -> ProofWanted:
    """What makes a job durable, as far as an operator's acts depend on it. A disk that proves nothing keeps nobody from
    looking."""
    choice = "auto" if settings.durable.endswith("disk") else settings.durable
    return ProofWanted(choice, settings.durable_replicas, address.kind != "server")


async def partitions_there(router: Router) -> int:
    """For how many partitions the data set was made, so that operators don't have to know it; as many as the router
    has where there is none yet, or where the first one is away, of several. Raises `StoreAway`."""
    first = router.all()[0]
    try:
        layout = await first.command("GET", first.keys.layout)
    except StoreAway:
        if len(router.all()) > 1:
            return len(router.all())
        raise
    return demands.partitions_of(text(layout)) if layout else len(router.all())
