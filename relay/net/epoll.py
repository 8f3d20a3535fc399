"""Twisted's reactor on epoll, which calls what is ready directly, and waits on as long as it has nothing else to do.

Twisted's own calls each descriptor that is ready through ``twisted.python.log.callWithLogger``: nine calls of functions
for each event, which tell ``twisted.python.log`` the name of the descriptor ("system"). relay's log does not have it.
Between two waits its loop calls seven more, of which two say when the next timer is due.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor  # an ImportError where the system has no epoll
from twisted.python import log


class DirectEPollReactor(EPollReactor):
    """Each descriptor that fails ends by itself, as with Twisted's."""

    def doPoll(self, timeout: Any) -> None:
        """Wait so many seconds, None for ever, until something is ready, and call all that is. While the reactor runs,
        wait again, unless a timer is due, it is to stop, or a thread or a signal has asked for something."""
        while True:
            self._poll(timeout)
            timeout = self.timeout()
            if timeout == 0 or self.threadCallQueue or self._justStopped or not self.running:
                return

    def iterate(self, delay: float = 0.0) -> None:
        """Do what is due and what is ready, once, whoever runs the reactor."""
        self.runUntilCurrent()
        self._poll(delay)

    def _poll(self, timeout: Any) -> None:
        for descriptor, event in self._poller.poll(
            -1 if timeout is None else timeout, len(self._selectables)
        ):
            selectable = self._selectables.get(descriptor)
            if selectable is None:  # what was called before has closed it
                continue
            try:
                self._doReadOrWrite(selectable, descriptor, event)
            except KeyboardInterrupt:
                raise
            except BaseException:  # of its `connectionLost`: the others have their turn
                log.err()

    doIteration = doPoll
