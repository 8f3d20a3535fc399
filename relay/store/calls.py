"""Verbs, run where a link leads: those of `relay.store.libraries` as functions, all others as scripts.

Redis keeps functions with the data: other processes find them, a server that was just started has them from its
append-only file, and one library of a version of relay takes the place of another's. Where there is none, or the user
has no right to call it, the verb's script does the same, for a while.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from relay.redis.connection import Connection, Refused, Reply
from relay.redis.refusal import HALF_MOVED
from relay.store.keys import Keys
from relay.store.libraries import FUNCTIONS, library
from relay.store.scripts import evaluate

#: seconds until a function is looked for again that was refused, or that another version of relay took away
AGAIN = 60.0
_MOVES, _BETWEEN = 1.5, 0.1  # seconds that a verb waits for a slot that is half moved, and between two tries
_LACKING = ("Function not found", "unknown command")


class Calls:
    """Runs verbs on the keys of a partition."""

    def __init__(self, clock: IReactorTime, link: Connection, keys: Keys) -> None:
        self._clock = clock
        self._link = link
        self._keys = keys
        self._sent: dict[str, float] = {}  # by verb, when its library was sent last
        self._lacking: set[str] = set()  # verbs whose function is not there, although that was sent

    def forget(self) -> None:
        """What was found so far: the link may lead to another server."""
        self._sent.clear()
        self._lacking.clear()

    def run(self, verb: str, *words: Any) -> Deferred[Reply]:
        """What a verb answers; fails with what `Connection.command` does. While half of a slot's keys are elsewhere it
        is sent again, for 1.5 s."""
        return self._once(verb, words).addErrback(self._not_run, verb, words)

    def _not_run(self, failure: Failure, verb: str, words: tuple[Any, ...]) -> Failure | Deferred[Reply]:
        if not isinstance(failure.value, Refused):
            return failure
        return Deferred.fromCoroutine(self._run_refused(verb, words, failure.value))

    async def _run_refused(self, verb: str, words: tuple[Any, ...], refusal: Refused) -> Reply:
        """What it answers in the end, or the last refusal: where its function is not there, that is sent, or else its
        script is run; where half of a slot has moved, all of it will have soon."""
        until, is_script = self._clock.seconds() + _MOVES, verb not in FUNCTIONS
        while True:
            if not is_script and _is_lacking(refusal):
                is_script = not await self._loads(verb)
            elif refusal.word in HALF_MOVED and self._clock.seconds() < until:
                await deferLater(self._clock, _BETWEEN)
            else:
                raise refusal
            try:
                return await (self._evaluated(verb, words) if is_script else self._once(verb, words))
            except Refused as error:
                refusal = error

    def _once(self, verb: str, words: tuple[Any, ...]) -> Deferred[Reply]:
        if verb not in FUNCTIONS or (verb in self._lacking and self._was_sent(verb)):
            return self._evaluated(verb, words)
        keys = self._keys.declared
        return self._link.command("FCALL", library(verb).function, len(keys), *keys, *words)

    def _evaluated(self, verb: str, words: tuple[Any, ...]) -> Deferred[Reply]:
        return Deferred.fromCoroutine(evaluate(self._link, self._keys, verb, *words))

    async def _loads(self, verb: str) -> bool:
        """Send its library, unless that was done a while ago or is under way; whether its function is there now."""
        self._lacking.add(verb)
        if self._was_sent(verb):
            return False
        self._sent[verb] = self._clock.seconds()
        try:
            await self._link.command("FUNCTION", "LOAD", "REPLACE", library(verb).text)
        except Refused:
            return False
        self._lacking.discard(verb)
        return True

    def _was_sent(self, verb: str) -> bool:
        """Whether its library was sent a while ago, so that it is not sent again yet."""
        return self._clock.seconds() < self._sent.get(verb, -AGAIN) + AGAIN


def _is_lacking(refusal: Refused) -> bool:
    """Whether there is no such function, or no right to call it."""
    return refusal.word == "NOPERM" or any(words in str(refusal) for words in _LACKING)
