"""What takes long is made once for all who ask."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from relay.timing.made_once import MadeOnce


class Oven:
    def __init__(self) -> None:
        self.clock = Clock()
        self.made: list[Deferred[str]] = []
        self.shared = MadeOnce(self._make, 1.0, self.clock.seconds)

    async def _make(self) -> str:
        self.made.append(Deferred())
        return await self.made[-1]


@pytest.fixture
def oven() -> Oven:
    return Oven()


def results(*asked: Deferred[str]) -> list[str]:
    found: list[str] = []
    for each in asked:
        each.addCallback(found.append)
    return found


def test_who_asks_meanwhile_and_shortly_after_gets_the_same(oven: Oven) -> None:
    found = results(oven.shared.get(), oven.shared.get())
    oven.made[0].callback("bread")
    oven.clock.advance(0.9)
    assert [*found, *results(oven.shared.get())] == ["bread"] * 3
    oven.clock.advance(0.1)
    oven.shared.get()
    assert len(oven.made) == 2


def test_who_leaves_takes_nothing_from_the_others(oven: Oven) -> None:
    gone, other = oven.shared.get(), oven.shared.get()
    gone.addErrback(lambda failure: failure.trap(CancelledError))
    gone.cancel()
    found = results(other)
    oven.made[0].callback("bread")
    assert found == ["bread"]


def test_a_failure_is_told_to_all_and_the_next_one_tries_again(oven: Oven) -> None:
    asked = [oven.shared.get(), oven.shared.get()]
    oven.made[0].errback(ValueError("burnt"))
    for each in asked:
        each.addErrback(lambda failure: failure.trap(ValueError))
    assert [each.result for each in asked] == [ValueError, ValueError]
    found = results(oven.shared.get())
    oven.made[1].callback("bread")
    assert found == ["bread"]
