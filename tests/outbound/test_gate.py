from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.model.limits import Learned, Rate
from relay.outbound.gate import LOOK, REMIND, Gate
from tests.outbound.conftest import Limits

FIFTY = Learned(Rate(50, 1.0))


def learn(gate: Gate, learned: Learned) -> None:
    done = Deferred.fromCoroutine(gate.learn("api", "@graph", learned))
    assert done.called


def test_a_rate_that_comes_with_each_answer_is_told_to_the_store_now_and_then() -> None:
    clock, limits = Clock(), Limits()
    gate = Gate(clock, limits)
    for _ in range(3):
        learn(gate, FIFTY)
    assert limits.learned == [(["api", "@graph"], FIFTY)]
    clock.advance(REMIND)
    learn(gate, FIFTY)
    assert len(limits.learned) == 2


def test_another_rate_and_each_pause_are_told_at_once() -> None:
    limits = Limits()
    gate = Gate(Clock(), limits)
    told = [FIFTY, Learned(Rate(40, 1.0)), Learned(Rate(40, 1.0), 3.0), Learned(Rate(40, 1.0), 3.0)]
    for learned in told:
        learn(gate, learned)
    assert [learned for _, learned in limits.learned] == told


def test_a_pause_that_is_forgotten_ends_for_those_who_wait() -> None:
    clock, limits = Clock(), Limits()
    gate = Gate(clock, limits)
    limits.grants = [(0, 300.0)]
    waiting = Deferred.fromCoroutine(gate.enter("api", 1000.0))
    assert not waiting.called
    clock.advance(LOOK)
    assert waiting.called
