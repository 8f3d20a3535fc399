"""A link of its own on which relay waits for a proof: WAIT and WAITAOF block the connection that they are sent on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

from relay.model.problems.request import NotDurable, StoreReset
from relay.redis.connection import Connection, LinkLost
from relay.store.keys import Keys
from relay.store.opening import Opening
from relay.store.proof import Proof
from relay.store.scripts import script


class ProofLink:
    """Asks on `link`, one question at a time."""

    def __init__(self, link: Connection, keys: Keys) -> None:
        #: a question is under way
        self.busy = False
        self._link = link
        self._keys = keys
        self._server = ""  # the run of the server that it leads to, "" before that was asked
        link.on_lost = self._lost
        link.start()

    def stop(self) -> Deferred[None]:
        """Close the link."""
        return self._link.stop()

    def _lost(self) -> None:
        self._server = ""

    async def prove(self, opening: Opening, epoch: str, proof: Proof, milliseconds: int) -> None:
        """Return once all that was written there until now, in this epoch, is durable. Raises `NotDurable` where it is
        not in time, `StoreReset` where the data set is another one, or has lost the end of its history, `LinkLost`,
        `Refused`."""
        if not (self._server and self._link.up):
            self._server = _run_of(await self._link.command("INFO", "server"))
        if self._server != opening.server:
            self._link.drop("it leads to another server than the store's")
        if not self._link.up:
            raise LinkLost("it came up anew")
        seen = opening.seen
        marked, *replies = await self._asked(epoch, seen, proof, milliseconds)
        match marked:
            case [b"OK", int(), int(seq)] if seq >= seen:
                missing = proof.missing(replies)
                if missing:
                    raise NotDurable(f"{missing} after {milliseconds / 1000:g} s")
            case _:
                raise StoreReset

    async def _asked(self, epoch: str, seen: int, proof: Proof, milliseconds: int) -> list[Any]:
        """The replies to a mark, and to what is asked right behind it, on one connection."""
        keys = self._keys
        mark = ("EVAL", script("mark").text, len(keys.declared), *keys.declared, keys.tag, epoch, seen)
        sent = [self._link.command(*words) for words in (mark, *proof.commands(milliseconds))]
        asked = gatherResults(sent, consumeErrors=True).addErrback(_first)
        replies: list[Any] = await asked
        return replies


def _first(failure: Failure) -> Failure:
    """The error of the command that failed first."""
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure


def _run_of(info: bytes) -> str:
    """The name of this run, of what a server says of itself."""
    for line in info.decode().splitlines():
        name, _, value = line.partition(":")
        if name == "run_id":
            return value
    return ""
