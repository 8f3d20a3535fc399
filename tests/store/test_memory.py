"""The store in memory keeps the contract of the one on Redis: it passes the same tests.

The contract is every test of the verbs whose fixtures are processes and their inboxes (`PLAYED`): it looks at no key of
Redis. All of them run here once more, those aside that need what the store in memory leaves out (`LEFT_OUT`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.task import Clock

from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.operators import MemoryOperatorStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.terms import StoreSettings
from tests.store import (
    test_acts,
    test_allowances,
    test_checkpoints,
    test_children,
    test_fair,
    test_follow,
    test_limits,
    test_mail,
    test_most,
    test_order,
    test_parts,
    test_pieces,
    test_schedules,
    test_sights,
    test_store,
    test_unique,
)
from tests.store.conftest import Reader

VERB = 0.01  # seconds that each verb takes
PLAYED = {"front", "worker", "make_store", "make_reader"}
LEFT_OUT = {
    # the store in memory does nothing in parts
    "test_large_jobs_are_claimed_a_few_at_a_time",
    "test_a_partition_that_there_is_not_has_nothing",
    # nor does it keep what a process does not read
    "test_a_process_that_reads_nothing_is_told_so_much_at_most_and_every_end",
    "test_who_has_read_what_there_was_is_told_again",
}


class Roles(MemoryFrontStore, MemoryWorkerStore):
    """The verbs of all roles: a process of a test plays each of them. Time passes with each."""

    def __init__(self, store: MemoryStore, inbox: str, clock: Clock) -> None:
        super().__init__(store, inbox)
        self._operator = MemoryOperatorStore(store)
        self._clock = clock

    async def moment(self) -> int:
        return self.store.now()

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("data", "store", "inbox"):
            self._clock.advance(VERB)
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operator, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores() -> dict[StoreSettings, MemoryStore]:
    """By what their processes agree on: in a test it is one."""
    return {}


@pytest.fixture
def make_store(clock: Clock, stores: dict[StoreSettings, MemoryStore]) -> Callable[..., Roles]:
    def make(name: str, keep: float = 60, lease: float = 10, queue_limit: int = 1000, **dead: float) -> Roles:
        terms = StoreSettings(keep, lease, queue_limit, **dead)  # type: ignore[arg-type]
        return Roles(stores.setdefault(terms, MemoryStore(clock, terms)), name, clock)

    return make


@pytest.fixture
def make_reader(clock: Clock, stores: dict[StoreSettings, MemoryStore]) -> Callable[[str], Reader]:
    def make(name: str) -> Reader:
        (store,) = stores.values()
        reader = Reader(lambda: clock.advance(0))
        store.inbox(name, reader.deliver).start()
        return reader

    return make


def contract_of(module: ModuleType) -> dict[str, Any]:
    """Those of the contract."""
    found = {}
    for name, test in vars(module).items():
        if name.startswith("test_") and name not in LEFT_OUT and callable(test):
            given = {mark.args[0] for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"}
            if set(inspect.signature(test).parameters) - given <= PLAYED:
                found[name] = test
    return found


for module in (
    test_acts,
    test_allowances,
    test_checkpoints,
    test_children,
    test_fair,
    test_follow,
    test_limits,
    test_mail,
    test_most,
    test_order,
    test_parts,
    test_pieces,
    test_schedules,
    test_sights,
    test_store,
    test_unique,
):
    globals().update(contract_of(module))
