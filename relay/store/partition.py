"""One partition of the store: a link, its keys, its epoch; runs scripts on it, each within its deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.model import ids
from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway, StoreFull, StoreReset
from relay.redis.connection import Connection, LinkLost, Refused, Reply
from relay.redis.refusal import says_refusal
from relay.store.calls import Calls
from relay.store.durability import Durability
from relay.store.keys import Keys
from relay.store.messages import Fenced
from relay.store.opening import Opening
from relay.telemetry.events import UNHEARD, Events

_TAKES = frozenset({"submit", "writable"})  # verbs that Redis refuses while it has no memory for a job
_FILLS = frozenset({"submit", "emit"})  # verbs whose callers hear that it has none
_MISSED = 5.0  # seconds for which those who ask several go on without one that gave no answer
DEADLINE = 1.8  # seconds for one verb, so that a client hears of a store that is away within 2


class Partition:
    """Reached through `link`, whose coming up it watches."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        link: Connection,
        keys: Keys | None = None,
        events: Events = UNHEARD,
        durability: Durability | None = None,
    ) -> None:
        self.keys = keys or Keys()
        #: hear of each script
        self.events = events
        self._moment, self._heard = 0, 0.0  # Redis' time in the last answer (ms), and when that came
        self.clock = clock
        self.health = link.health
        #: whether Redis had no memory for a job, and has taken none since
        self.is_full = False
        self._late = 0  # the connection by its number on which an answer is overdue, and none has come since
        self._missed_until = 0.0
        self._link = link
        self._calls = Calls(clock, link, self.keys)
        self._opening = Opening(clock, link, self.keys)
        self._opening.on_open = self._calls.forget
        #: whether what it was given is durable
        self.durability = durability or Durability(clock, self.keys)
        self.durability.attach(self._opening)
        self._opening.on_unfit = lambda why: self.on_unfit(why)
        self._opening.on_data_loss = self._tell_data_loss
        #: called once if Redis turns out to be one that relay can't work with when it is first reached, with the reason
        self.on_unfit: Callable[[str], None] = lambda why: None
        #: each is called with this partition's number when another server, another data set, or the same one after a
        #: restart has come up: what it knows of us may be old, or nothing
        self.on_data_loss: list[Callable[[int], None]] = []

    @property
    def epoch(self) -> str:
        """The name of the data set, "" before the store was ever reached."""
        return self._opening.epoch

    @property
    def is_up(self) -> bool:
        """Whether it can be asked now, as far as is known."""
        return self._opening.done and self._late != self._opening.count

    @property
    def is_missed(self) -> bool:
        """Whether it gave no answer in time a moment ago, and none since: who asks all of them goes on without it."""
        return not self.is_up and self.clock.seconds() < self._missed_until

    @property
    def takes(self) -> bool:
        """Whether it would take a job now, as far as is known."""
        return self.is_up and not self.is_full

    def learn_from(self, first: Partition) -> None:
        """Make no data set before the first partition has said that there are so many."""
        self._opening.first = first._opening

    def make_none(self) -> None:
        """Make no data set: who does not have to know how many partitions there are would make one for another
        number."""
        self._opening.makes = False

    def start(self) -> None:
        self._link.start()

    def stop(self) -> Deferred[None]:
        self._opening.stop()
        return gatherResults([self._link.stop(), self.durability.stop()]).addCallback(lambda _: None)

    def refused(self, refusal: Refused) -> None:
        """Another link to the same server was refused."""
        self._opening.refused(refusal)

    def _tell_data_loss(self) -> None:
        for listener in self.on_data_loss:
            try:
                listener(self.keys.partition)
            except Exception:
                self._log.failure("recovery after a possible loss of data failed")

    def now(self) -> float:
        """Milliseconds since the epoch by Redis' clock, about; 0 before the store was ever reached."""
        return self._moment + (self.clock.seconds() - self._heard) * 1000 if self._moment else 0.0

    def mint(self) -> str:
        """A new job id. Raises `StoreAway` before the store was ever reached."""
        epoch = self._opening.epoch
        if not epoch:
            raise StoreAway
        return ids.mint(self.keys.partition, epoch)

    def minted_elsewhere(self, id: str) -> bool:
        """Whether an id was made for another data set than the present one."""
        minted = ids.parse(id)
        return minted is not None and minted.partition == self.keys.partition and minted.epoch != self.epoch

    # -- commands and scripts --

    async def check_writable(self) -> None:
        """Raise `StoreAway` unless Redis would take a job now; `why_away` says why it would not."""
        await self.verb("writable")

    def command(self, *words: Any) -> Deferred[Reply]:
        """A plain command; raises `StoreAway`."""
        began = self.clock.seconds()
        answered: Deferred[Reply] = self._link.command(*words).addCallback(self._commanded, words[0], began)
        return self.within_deadline(answered, words[0])

    def _commanded(self, reply: Reply, word: str, began: float) -> Reply:
        self.events.script_run(word, self.clock.seconds() - began)
        return reply

    async def verb(self, verb: str, *words: Any) -> list[Any]:
        """What a script answers, less its status and time; raises `StoreAway`, `StoreFull`, `Fenced`."""
        return (await self.timed_verb(verb, *words))[1]

    async def timed_verb(self, verb: str, *words: Any) -> tuple[int, list[Any]]:
        """The same with Redis' time (ms)."""
        answer: tuple[int, list[Any]] = await self.within_deadline(
            ensureDeferred(self._run_anew(verb, words)), verb
        )
        return answer

    def run(self, verb: str, words: Sequence[Any]) -> Deferred[tuple[int, list[Any]]]:
        """The same without a deadline, for a caller that sends again after `LinkLost` (the script may have been carried
        out), starts again after `StoreReset`, and waits after `StoreAway` (the script was not carried out)."""
        if not self._opening.done:
            return self._opening.wait().addCallback(lambda _: self.run(verb, words))
        epoch, began = self._opening.epoch, self.clock.seconds()
        running = self._calls.run(verb, self.keys.tag, epoch, *words)
        return running.addCallbacks(self._ran, self._not_ran, (verb, epoch, began), {}, (verb,))

    def _ran(self, reply: Reply, verb: str, epoch: str, began: float) -> tuple[int, list[Any]]:
        self._heard = self.clock.seconds()
        self._late = 0
        if self.is_full and verb in _TAKES:
            self.is_full = False
        self.events.script_run(verb, self._heard - began)
        match reply:
            case [b"OK", int(now), int(seq), *answer]:
                self._moment = now
                self._opening.heard(seq)
                return now, answer
        raise self._not_done(verb, epoch, reply)

    def _not_ran(self, failure: Failure, verb: str) -> Failure:
        if isinstance(failure.value, Refused):
            raise self._refused(verb, failure.value) from failure.value
        return failure

    def _refused(self, verb: str, refusal: Refused) -> RelayError:
        """What a verb raises that was refused."""
        if refusal.word == "OOM" and verb in _FILLS:
            self.is_full = self.is_full or verb in _TAKES
            return StoreFull()
        self._link.health.refused(refusal)
        self.events.store_away(verb)
        return StoreAway()

    def _not_done(self, verb: str, epoch: str, reply: Reply) -> Exception:
        """What a verb raises that took the data set to be of this epoch, and was not carried out."""
        match reply:
            case [b"EPOCH", *_]:
                if epoch == self.epoch:  # else that was noticed by another
                    self._opening.anew()
                return StoreReset()
            case [bytes(status)]:
                return Fenced(status.decode("utf-8", "replace"))
        self._link.health.complain(
            "odd",
            LogLevel.error,
            "gave an unexpected reply to {verb}: {reply}",
            verb=verb,
            reply=repr(reply)[:200],
        )
        return StoreAway()

    async def _run_anew(self, verb: str, words: Sequence[Any]) -> tuple[int, list[Any]]:
        try:
            return await self.run(verb, words)
        except StoreReset:  # it did nothing, for it did not know the present epoch
            return await self.run(verb, words)

    def late(self, verb: str) -> None:
        """There is no answer to a verb in time."""
        self._late = self._opening.count
        self._missed_until = self.clock.seconds() + _MISSED
        self.events.store_away(verb)

    def within_deadline(self, deferred: Deferred[Any], verb: str) -> Deferred[Any]:
        """Raise `StoreAway` if there is no answer to a verb in time, or the outcome is unknown."""
        return deferred.addTimeout(DEADLINE, self.clock).addErrback(self._as_away, verb)

    def _as_away(self, failure: Any, verb: str) -> Any:
        if failure.check(Refused):
            self._link.health.refused(failure.value)
        if failure.check(TimeoutError, LinkLost, Refused):
            is_late = failure.check(TimeoutError)
            (self.late if is_late else self.events.store_away)(verb)
            away = self._link.health.why_away if is_late else ""
            raise StoreAway from (LinkLost(away) if away else failure.value)
        return failure


def why_away(error: BaseException) -> str:
    """Why the store is away, by what a verb raised: Redis' own words if it refused."""
    cause = error.__cause__
    return f"Redis refuses: {cause}" if says_refusal(cause) else "the store is away"
