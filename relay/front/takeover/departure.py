"""What happens to the clients of a front that leaves: its successor takes them over, or they are told to reattach."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from relay.front.hold.context import HoldContext
from relay.front.hold.event_hold import EventHold
from relay.front.hold.hold import Hold
from relay.front.takeover.passed import Passed
from relay.front.takeover.predecessor import Predecessor
from relay.front.takeover.successor import Successor
from relay.submitting.recovery import Recovery
from relay.timing.draining import Drain

RATE = 200  # held requests that are sent elsewhere in a second, at least


class Departure:
    """Knows the fronts before and after this one, if any. It takes over clients until it runs."""

    _log = Logger()

    def __init__(self, drain: Drain, recovery: Recovery) -> None:
        self.successor = Successor(self._restore, self._lost)
        self.predecessor = Predecessor(self._adopt, self._attach)
        self.context: HoldContext  # which knows the successor
        self._drain = drain
        self._recovery = recovery
        self._begun = False
        self._adopted: list[str] = []  # jobs whose end we would not hear of yet
        self._leaving: list[Deferred[Any]] = []
        self._sent = 0  # elsewhere

    async def run(self, closing: Deferred[None]) -> None:
        """Part with all clients during the drain. `closing` fires when no client is in grace or idle any more."""
        self._begun = True
        wait = self._drain.until
        if not self.successor.takes:
            await wait(self.successor.known())
        if not self.successor.takes:
            self.predecessor.stop()
        left = self._drain.left()
        rest = [hold for hold in self._held() if not (self.successor.takes and hold.hand_over(left))]
        await self._send_elsewhere(rest)
        await wait(closing)
        await deferLater(
            self.context.clock, 0
        )  # so that the last one in grace, who is committed just now, is given
        await wait(self.predecessor.over())
        await self._give()
        await wait(DeferredList(self._leaving))
        await wait(self.context.parting.over())
        if self.successor.given:
            self._log.info("{count} held clients were handed over", count=self.successor.given)
        if self._sent:
            self._log.info("{count} held clients were told to attach elsewhere", count=self._sent)
        self.successor.close()

    async def _give(self) -> None:
        """Wait for the successor to take all; one that hangs leaves time to send the others elsewhere."""
        patience = Drain(self.context.clock, self._drain.left() / 2)
        await patience.until(self.successor.emptied())
        if self.successor.has_some():
            self._log.warn("the successor of this front takes over no clients")
            self.successor.give_up()
            await self._drain.until(self.successor.emptied())

    def _held(self) -> list[Hold]:
        return [waits for waits in self.context.wheel if isinstance(waits, Hold)]

    async def _send_elsewhere(self, holds: list[Hold]) -> None:
        """One by one, spread over the drain."""
        pause = min(self._drain.left() / max(1, len(holds)), 1 / RATE)
        for hold in holds:
            self._reattach(hold)
            await deferLater(self.context.clock, pause)

    def _reattach(self, hold: Hold) -> None:
        self._sent += 1
        self._leaving.append(hold.reattach())

    def _hold(self, passed: Passed, connected: socket.socket) -> Hold:
        """A client of another front."""
        kind = EventHold if passed.stream else Hold
        return kind.taken_over(self.context, passed, connected)

    # -- what the successor does --

    def _restore(self, passed: Passed, connected: socket.socket) -> None:
        """It did not take this one."""
        self._reattach(self._hold(passed, connected))

    def _lost(self) -> None:
        """It takes nobody any more."""
        if self._begun:
            self.predecessor.stop()
            self._leaving.append(ensureDeferred(self._send_elsewhere(self._held())))

    # -- what the predecessor does --

    def _adopt(self, passed: Passed, connected: socket.socket) -> None:
        hold = self._hold(passed, connected)
        if not self._begun:
            self._adopted.append(passed.known.id)
        elif not (self.successor.takes and hold.hand_over(0)):
            self._reattach(hold)

    def _attach(self) -> None:
        """Hear of the ends of those jobs, too."""
        adopted, self._adopted = self._adopted, []
        ensureDeferred(self._recovery.attach(adopted)).addErrback(
            lambda failure: self._log.failure("clients that were taken over could not be attached", failure)
        )
