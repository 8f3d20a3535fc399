"""What Sentinels say of a master: each by itself, and all of them in one round of questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from relay.redis.address import Address, Host
from relay.redis.mistakes import no_sentinel
from relay.redis.questions import Questions
from relay.redis.refusal import LinkLost, Refused
from relay.redis.wire import Connects
from relay.timing.fork import pass_on

ASKED = 2.0  # seconds that a Sentinel has for an answer, with the connection that it may need


#: flags of a replica that no Sentinel promotes
_OUT = frozenset({b"s_down", b"o_down", b"disconnected"})


class Master(NamedTuple):
    """Where one is; `epoch` is higher with each failover, and 0 where the Sentinel keeps it to itself."""

    epoch: int
    at: Host


class SentinelVoice:
    """One Sentinel, which is asked for the master of a name on a connection that is kept."""

    def __init__(
        self, clock: IReactorTime, address: Address, name: str, reach: Callable[[Address], Connects]
    ) -> None:
        self.address = address
        self.is_asked = False
        #: whether it answered the last question
        self.is_well = False
        #: how many replicas could become the master, as it said last; 0 where it did not say
        self.replicas = 0
        self._heard: float | None = None  # when it answered last
        self._clock = clock
        self._name = name
        self._reach = reach
        self._questions = Questions(clock, ASKED)

    def ask(self) -> Deferred[Master]:
        """Where the master is. Fails with `Refused` where it does not say or does not know, with others where it can't
        be reached, or not in time."""
        self.is_asked = True
        return ensureDeferred(self._ask()).addBoth(self._answered)

    def is_heard(self, within: float) -> bool:
        """Whether it has answered in the last seconds, which are so many."""
        return self._heard is not None and self._clock.seconds() - self._heard <= within

    def close(self) -> None:
        """Wait for no answer."""
        self._questions.close()

    async def _ask(self) -> Master:
        endpoint, asked = self._reach(self.address), ("MASTER", "REPLICAS", "GET-MASTER-ADDR-BY-NAME")
        questions = [("SENTINEL", each, self._name) for each in asked]
        try:
            told, replicas, at = await self._questions.ask("", endpoint, self.address.greeting, *questions)
            if isinstance(at, Exception):
                raise at
        except Refused as refusal:
            at, wrong = self.address.shown, no_sentinel(str(refusal))
            said = f"{at}: {wrong}" if wrong else f"{refusal} (said by the Sentinel at {at})"
            raise Refused(said) from refusal
        if not at:
            raise Refused(f"the Sentinel at {self.address.shown} knows no master {self._name!r}")
        self.replicas = _eligible(replicas)
        return Master(_epoch(told), (at[0].decode(), int(at[1])))

    def _answered(self, result: Any) -> Any:
        self.is_asked = False
        self.is_well = not isinstance(result, Failure)
        if self.is_well:
            self._heard = self._clock.seconds()
        return result


class SentinelRound:
    """Asks Sentinels at once. `take` is called with each answer, and says whether no other needs to be waited for;
    `settle` with all of them in the end, unless there are none."""

    def __init__(
        self,
        voices: Sequence[SentinelVoice],
        take: Callable[[Master], bool],
        settle: Callable[[list[Master]], None],
    ) -> None:
        self._take = take
        self._settle = settle
        self._said: list[Master] = []
        self._failed: list[Exception] = []
        self._left = len(voices)
        self._waiting: list[Deferred[None]] = []
        self._outcome: Failure | None = None
        self._is_over = False
        for voice in voices:
            voice.ask().addCallbacks(self._heard, self._missed, errbackArgs=(voice,))

    def wait(self) -> Deferred[None]:
        """Fires once it is known where the master is. Fails with what a Sentinel refused, else with `LinkLost`."""
        waiting: Deferred[None] = Deferred()
        if self._is_over:
            pass_on(self._outcome, waiting)
        else:
            self._waiting.append(waiting)
        return waiting

    def _heard(self, master: Master) -> None:
        self._said.append(master)
        if self._take(master):
            self._end(None)
        self._count()

    def _missed(self, failure: Failure, voice: SentinelVoice) -> None:
        error = failure.value
        if isinstance(error, Refused):
            self._failed.insert(0, error)
        else:
            why = str(error) or type(error).__name__
            self._failed.append(LinkLost(f"the Sentinel at {voice.address.shown} does not answer: {why}"))
        self._count()

    def _count(self) -> None:
        """End it with the last answer."""
        self._left -= 1
        if self._left:
            return
        if self._said:
            self._settle(self._said)
        self._end(None if self._said else Failure(self._failed[0]))

    def _end(self, outcome: Failure | None) -> None:
        """Tell all that wait, and those that will, unless they were told."""
        if self._is_over:
            return
        self._is_over, self._outcome = True, outcome
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            pass_on(outcome, each)


def newest(said: Sequence[Master], known: Master | None) -> Master:
    """What counts of what Sentinels say: what has the highest epoch, and of that what was known, if it is said."""
    highest = max(master.epoch for master in said)
    latest = [master for master in said if master.epoch == highest]
    return next((master for master in latest if known is not None and master.at == known.at), latest[0])


def _epoch(told: Any) -> int:
    """Of what a Sentinel says of a master: names and values, one behind the other."""
    if not isinstance(told, list) or b"config-epoch" not in told:
        return 0
    return int(told[told.index(b"config-epoch") + 1])


def _eligible(told: Any) -> int:
    """How many could become the master of the replicas that a Sentinel tells of, each in names and values."""
    if not isinstance(told, list):
        return 0
    replicas = [dict(zip(row[::2], row[1::2], strict=False)) for row in told]
    return sum(
        each.get(b"slave-priority") != b"0" and _OUT.isdisjoint(each.get(b"flags", b"").split(b","))
        for each in replicas
    )
