"""After Redis forgot: nobody who waits is left alone, whatever goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.front.recovery import _SLICE, PAUSE, Repair
from relay.front.waiters import WaitingRoom
from relay.model.problems.request import StoreAway
from relay.model.state import Outcome, State


def outcome(id: str) -> Outcome:
    return Outcome(id, "echo", State.SUCCEEDED, 1, 2, 3, 4, 1, "1")


class Store:
    """Knows how everything ended, once it no longer fails."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}  # by an id of the call
        self.calls = 0

    async def attach_all(self, ids: list[str]) -> list[Outcome]:
        self.calls += 1
        for id in ids:
            if id in self.fails:
                raise self.fails[id]
        return [outcome(id) for id in ids]


@pytest.mark.parametrize("error", [StoreAway(), ValueError(), KeyError("x"), RuntimeError()])
def test_what_could_not_be_attached_is_attached_later(
    error: Exception, no_logged_failures: list[LogEvent]
) -> None:
    clock, store, room = Clock(), Store(), WaitingRoom()
    told: list[Any] = []
    room.wait("a").addBoth(told.append)
    store.fails["a"] = error
    known: Any = store
    repair = Repair(clock, known, room)
    repair.soon()
    clock.pump([PAUSE] * 60)
    assert 3 < store.calls < 15
    assert told == []
    store.fails.clear()
    clock.pump([PAUSE] * 10)
    assert told == [outcome("a")]
    assert clock.getDelayedCalls() == []
    no_logged_failures.clear()


def test_a_job_that_can_not_be_read_keeps_those_of_other_calls_from_nothing(
    no_logged_failures: list[LogEvent],
) -> None:
    clock, store, room = Clock(), Store(), WaitingRoom()
    told: list[Any] = []
    ids = [str(number) for number in range(3 * _SLICE)]
    for id in ids:
        room.wait(id).addBoth(told.append)
    store.fails[ids[0]] = ValueError()
    known: Any = store
    repair = Repair(clock, known, room)
    repair.soon()
    clock.advance(PAUSE)
    assert len(told) == 2 * _SLICE
    repair.stop()
    no_logged_failures.clear()
