"""Whether what one partition was given is durable, asked for many at once.

A mark is written to the same run of the same server, and WAIT or WAITAOF stand right behind it: when they have said
yes, all that was written before the mark is durable, whatever link it was written on. So neither jobs nor turns wait
for one another, and what is not durable costs nothing. While a question is under way, those who come wait for the next;
when it takes long, the next one begins beside it, on another link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from relay.model.problems.request import NotDurable, StoreReset
from relay.redis.connection import Connection, LinkLost, Refused
from relay.store.keys import Keys
from relay.store.opening import Opening
from relay.store.proof import ANY_PROOF, NoProof, Proof, ProofWanted, counts_on_replicas
from relay.store.proof_link import ProofLink
from relay.timing.timers import stop_timer

SECONDS = 1.5  # for an answer: a disk that is written to every second needs up to 1.3
LINKS = 4  # questions at once
APART = 0.25  # seconds between the beginnings of two that go on at once
AGAIN = 0.05  # seconds after one that came to nothing

Waiting = dict[Deferred[None], str]  # with the epoch in which it was written


class Durability:
    """Of a partition. `make_link` makes one more link to its server; links are made when they are needed. An answer has
    to come within `seconds`. `replicas` says how many could take the server's place: all of them have to have a write,
    because the one that was asked first may stay with the old master while another is promoted."""

    def __init__(
        self,
        clock: IReactorTime,
        keys: Keys,
        make_link: Callable[[], Connection] | None = None,
        wanted: ProofWanted = ANY_PROOF,
        seconds: float = SECONDS,
        replicas: Callable[[], int] = lambda: 0,
    ) -> None:
        #: what is waited for; None where there is no such thing
        self.proof: Proof | None = None
        self._why = "the store was not reached yet"
        self._clock = clock
        self._keys = keys
        self._make_link = make_link
        self._wanted = wanted
        self._seconds = seconds
        self._replicas = replicas
        self._had_replicas = False
        self._opening: Opening | None = None
        self._links: list[ProofLink] = []
        self._waiting: Waiting = {}
        self._begun = 0.0
        self._timer: IDelayedCall | None = None

    def attach(self, opening: Opening) -> None:
        """Learn from the opening of the partition's link what there is."""
        self._opening = opening
        opening.check, opening.asks_policy = self.check, self._wanted.asks_policy

    def stop(self) -> Deferred[Any]:
        """Nothing is asked any more; those who wait hear that nothing is proved."""
        self._make_link = None
        stop_timer(self._timer)
        for waiting in list(self._waiting):
            waiting.cancel()
        if not self._links:
            return succeed(None)
        return gatherResults([link.stop() for link in self._links])

    def check(self, info: Mapping[str, str]) -> str:
        """Hear what the server says of itself; why the operator's choice is none for it, "" if it is, or is left to
        relay."""
        self._had_replicas = self._had_replicas or counts_on_replicas(info)
        try:
            self.proof = self._wanted.proof(info, self._had_replicas)
        except NoProof as no_proof:
            self.proof, self._why = None, str(no_proof)
            return "" if self._wanted.choice == "auto" else f"--durable {self._wanted.choice}: {no_proof}"
        return ""

    @property
    def why_not(self) -> str:
        """Why nothing can be proved, "" where it can."""
        return "" if self.proof is not None else self._why

    def reached(self) -> Deferred[None]:
        """Fires when all that the partition was given until now is durable. Fails with `NotDurable` where it is not
        in time, and with `StoreReset` where it may have been lost meanwhile."""
        if self.proof is None or self._opening is None or self._make_link is None:
            return fail(NotDurable(self._why))
        waiting: Deferred[None] = Deferred(self._forget)
        self._waiting[waiting] = self._opening.epoch
        waiting.addTimeout(self._seconds, self._clock, onTimeoutCancel=_late)
        self._begin()
        return waiting

    def _forget(self, waiting: Deferred[None]) -> None:
        self._waiting.pop(waiting, None)

    # -- one question --

    def _begin(self) -> None:
        """Ask for those that wait, unless others have just begun to, or all links are busy."""
        stop_timer(self._timer)
        others = sum(link.busy for link in self._links)
        if not self._waiting or others == LINKS or self._make_link is None:
            return
        pause = self._begun + APART - self._clock.seconds()
        if others and pause > 0:
            self._later(pause)
            return
        asking, self._waiting, self._begun = self._waiting, {}, self._clock.seconds()
        self._ask(self._free(self._make_link), asking)

    def _later(self, seconds: float) -> None:
        stop_timer(self._timer)
        self._timer = self._clock.callLater(seconds, self._begin)

    def _free(self, make_link: Callable[[], Connection]) -> ProofLink:
        for link in self._links:
            if not link.busy:
                return link
        self._links.append(ProofLink(make_link(), self._keys))
        return self._links[-1]

    def _ask(self, link: ProofLink, asking: Waiting) -> None:
        assert self._opening is not None
        assert self.proof is not None
        link.busy, epoch = True, self._opening.epoch
        proof = self.proof.of_all(self._replicas())
        proving = link.prove(self._opening, epoch, proof, int(self._seconds * 1000))
        asked: Deferred[None] = Deferred.fromCoroutine(proving)
        asked.addTimeout(2 * self._seconds, self._clock)
        asked.addBoth(self._answered, link, asking, epoch)

    def _answered(self, result: Failure | None, link: ProofLink, asking: Waiting, epoch: str) -> None:
        link.busy = False
        for waiting, own in asking.items():
            if waiting.called:
                continue
            if own != epoch:
                waiting.errback(StoreReset())
            elif not isinstance(result, Failure):
                waiting.callback(None)
            elif result.check(LinkLost, TimeoutError):
                self._waiting[waiting] = own
            else:
                waiting.errback(self._error(result))
        if isinstance(result, Failure):  # whose cause may last: others are not asked for in the same moment
            self._later(AGAIN)
        else:
            self._begin()

    def _error(self, failure: Failure) -> Exception:
        """What those hear who wait."""
        if failure.check(StoreReset):
            return StoreReset()
        error = NotDurable(str(failure.value) if failure.check(NotDurable, Refused) else "")
        error.__cause__ = failure.value
        return error


def _late(result: Any, seconds: float) -> Any:
    if isinstance(result, Failure) and result.check(CancelledError):
        raise NotDurable(f"not within {seconds:g} s")
    return result
