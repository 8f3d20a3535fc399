"""The opening of a link: each new connection learns which server and which data set it leads to, before any verb
is sent.

It notices whether data may have been lost: another server, the same server after a restart, another data set, or a data
set that is behind what was heard of it. If a server does not tell its identity (that needs the right to INFO), each new
connection counts as a possible loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.model.ids import random_name
from relay.model.problems.request import StoreAway
from relay.redis.connection import Connection, LinkLost, Misplaced, Refused
from relay.store import demands
from relay.store.keys import Keys
from relay.store.scripts import evaluate
from relay.store.server_info import info_of, policy_of
from relay.timing.backoff import Backoff

_UNUSED = "no relay has used this store yet; one with a name is found with --store-name"
AGAIN = Backoff(0.1, limit=1.0)  # between attempts at a server that refuses, or is not fit


class Unfit(Exception):
    """relay can't work with this server; the message says why."""


class Unlearned(Exception):
    """There is no data set, and none is made, because it is not known that the number of partitions is right."""


class Opening:
    """Of a link, whose coming up it watches. `epoch` names the data set, "" before one was ever reached."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, link: Connection, keys: Keys) -> None:
        self.epoch = ""
        self._clock = clock
        self._link = link
        self._keys = keys
        self._server = ""  # the running server's own random name, "" if it is not known
        self._seq = -1  # the highest that was heard, -1 before
        self._is_done = False  # for the present connection
        self.count = 0  # how many connections were opened so far
        self._failed = False  # the last attempt
        self._is_unfit = False  # which was told
        self._refusal: Refused | None = None  # that the last attempt met
        self._waiting: dict[Deferred[None], None] = {}
        self._running: Deferred[None] | None = None
        #: of the first partition, which says how many there are; None for itself
        self.first: Opening | None = None
        #: whether it makes a data set where there is none
        self.makes = True
        #: says why relay can't work with a server, by what that says of itself, beyond `unfit`; "" if it can
        self.check: Callable[[Mapping[str, str]], str] = lambda info: ""
        #: whether `check` has to know how the server writes to its disk (`appendfsync`)
        self.asks_policy: Callable[[Mapping[str, str]], bool] = lambda info: False
        #: called once, before anything was ever opened, if relay can't work with what is there, with the reason
        self.on_unfit: Callable[[str], None] = lambda why: None
        #: called each time a connection was opened, before verbs are sent on it
        self.on_open: Callable[[], None] = lambda: None
        #: called when the store may have lost data: what it knows of us may be old, or nothing
        self.on_data_loss: Callable[[], None] = lambda: None
        link.on_up = self.anew
        link.on_refused = self.refused

    @property
    def server(self) -> str:
        """The run of the server that was opened last, "" where it does not tell."""
        return self._server

    @property
    def seen(self) -> int:
        """How far the data set is, as far as was heard: -1 before anything was."""
        return self._seq

    @property
    def done(self) -> bool:
        """Whether verbs may be sent now."""
        return self._is_done and self._link.up

    def wait(self) -> Deferred[None]:
        """Fires once verbs may be sent; fails with `StoreAway` where it is known that this takes longer."""
        if self.done:
            return succeed(None)
        if self._failed:
            return fail(self._away())
        waiting: Deferred[None] = Deferred(self._forget)
        self._waiting[waiting] = None
        return waiting

    def anew(self) -> None:
        """Open the present connection, again if it was opened before."""
        self._is_done = self._failed = False
        self.stop()
        self._running = ensureDeferred(self._run())
        self._running.addErrback(self._ended)

    def stop(self) -> None:
        """Make no further attempts until the link comes up again."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()

    def heard(self, seq: int) -> None:
        """A script told how far the data set is (-1: it did not). One that is behind what was heard before has lost
        some of it."""
        if 0 <= seq < self._seq and self._is_done:
            self.anew()
        else:
            self._seq = max(self._seq, seq)

    # -- one connection --

    async def _run(self) -> None:
        attempt = 0
        while not await self._attempt():
            attempt += 1
            self._failed = True
            self._release(self._away())
            await deferLater(self._clock, AGAIN.pause(attempt))

    async def _attempt(self) -> bool:
        """Whether no other is needed."""
        try:
            await self._open()
        except Unlearned:
            return await self._learned() and await self._attempt()
        except Misplaced as error:  # later on the link comes up again, and says so
            self._ends(f"{self._link.health.at} refuses: {error}")
        except LinkLost:  # it comes up again
            pass
        except CancelledError:
            raise
        except Refused as refusal:
            self._refusal = refusal
            self.refused(refusal)
            return False
        except Unfit as unfit:
            if not self._ends(str(unfit)):
                self._link.health.complain("unfit", LogLevel.error, "is not used: {why}", why=str(unfit))
            return False
        except Exception as error:
            self._link.health.complain("odd", LogLevel.error, "can't be opened: {error}", error=repr(error))
            return False
        return True

    async def _learned(self) -> bool:
        """Whether the number of partitions is right, as the first one says, once that is known."""
        if self.first is None:
            self._ends(_UNUSED)
        if self.first is None or not self.makes:
            return False
        try:
            await self.first.wait()
        except StoreAway:
            return False
        return True

    async def _open(self) -> None:
        server = await self._ask_server()
        makes = self.makes and (self.first is None or bool(self.first.epoch))
        words = random_name(5), server, self._seq, self.epoch, self._keys.partitions, int(makes)
        opened = await evaluate(self._link, self._keys, "open", *words)
        if opened[0] == b"NONE":
            raise Unlearned
        if opened[0] == b"LAYOUT":
            raise Unfit(demands.other_layout(opened[1].decode(), self._keys.partitions))
        epoch, seq = opened
        before, present = (self._server, self.epoch), (server, epoch.decode())
        is_older = int(seq) < self._seq
        (self._server, self.epoch), self._seq = present, int(seq)
        self._is_done, self._refusal, self.count = True, None, self.count + 1
        if before[1] and (before != present or not server or is_older):
            self._log.warn(
                "the Redis data set has changed (server, epoch): it was {before}, and is {present}",
                before=before,
                present=present,
            )
            self.on_data_loss()
        self.on_open()
        self._release()

    async def _ask_server(self) -> str:
        """The server's name of this run, "" where it does not say; raises `Unfit`."""
        info = await info_of(self._link)
        if not info:
            return ""
        if self.asks_policy(info):
            info |= await policy_of(self._link)
        misfit = self.check(info)
        if misfit and self.epoch:  # the server is another one by now: what it can't do is refused, job by job
            self._link.health.complain("misfit", LogLevel.error, "is not as it was: {why}", why=misfit)
        why = demands.unfit(info) or ("" if self.epoch else misfit)
        if why:
            raise Unfit(why)
        return str(info.get("run_id", ""))

    # -- who waits, and who is told --

    def _away(self) -> StoreAway:
        away, away.__cause__ = StoreAway(), self._refusal
        return away

    def _forget(self, waiting: Deferred[None]) -> None:
        self._waiting.pop(waiting, None)

    def _release(self, error: Exception | None = None) -> None:
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            if each.called:  # given up by what another one did
                continue
            if error is None:
                each.callback(None)
            else:
                each.errback(error)

    def refused(self, refusal: Refused) -> None:
        """A link to this server was refused: at the start that ends the program, later on it is said."""
        health = self._link.health
        if refusal.later or not self._ends(f"{health.at} refuses: {refusal}"):
            health.refused(refusal)
        else:
            health.leave_out(str(refusal))

    def _ends(self, why: str) -> bool:
        """Whether this ends the program: a server that can't be used from the start is an operator's mistake. Later on
        it is waited for."""
        if self.epoch:
            return False
        if not self._is_unfit:
            self._is_unfit = True
            self.on_unfit(why)
        return True

    def _ended(self, failure: Failure) -> None:
        failure.trap(CancelledError)
