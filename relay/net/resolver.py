"""Resolves host names for all calls of one process, so that a slow name does not delay others.

`getaddrinfo` blocks, so it runs in threads, and Twisted's resolver shares ten of them with whatever handlers do. Here:

- an address is no name, and is never looked up;
- everybody who asks for a name waits for the same look-up, and an answer is good for `FRESH` seconds;
- names that were found before have threads of their own, apart from those of new names: whoever sends URLs of names
  that nobody answers for keeps up other new names at most;
- where the look-up of a name that was found before takes longer than `PATIENCE`, its last answer serves.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from relay.timing.timers import stop_timer

FRESH = 5.0  # seconds that an answer is good for
STALE = 3600.0  # seconds that it serves where a new one is slow, or can't be had
PATIENCE = 1.0  # seconds for a new one
GIVE_UP = 10.0  # seconds after which there is no answer
THREADS = 50  # of each of the two kinds
MOST_KNOWN = 5_000  # names with an answer
_NUMERIC = re.compile(r"[0-9a-fA-FxX.:]+(%.+)?")
_FAMILIES = {frozenset((IPv4Address,)): socket.AF_INET, frozenset((IPv6Address,)): socket.AF_INET6}
_TYPES: dict[int, Any] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}
_KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}

Found = Sequence[tuple[Any, ...]]  # as getaddrinfo gives it, with port 0
Key = tuple[str, int, int]  # name, family, kind of socket
#: runs a blocking function in a thread: of those for names that were found before, or of those for others
InThread = Callable[..., Deferred[Any]]


@implementer(IHostResolution)
class Resolution:
    """Somebody who waits for a name."""

    def __init__(self, receiver: IResolutionReceiver, name: str, port: int, kind: str) -> None:
        self.name = name
        #: there was no answer, which says nothing about the name
        self.silent = False
        self.late: Any = None  # the timer
        self._receiver: IResolutionReceiver | None = receiver
        self._port = port
        self._kind = kind

    @property
    def waits(self) -> bool:
        return self._receiver is not None

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._receiver = None
        stop_timer(self.late)

    def end(self, found: Found, silent: bool = False) -> None:
        """Tell all who asked."""
        receiver, self.silent = self._receiver, silent
        self.cancel()
        if receiver is None:
            return
        for family, _, _, _, (host, _, *more) in found:
            if family in _TYPES:
                receiver.addressResolved(_TYPES[family](self._kind, host, self._port, *more))
        receiver.resolutionComplete()


@implementer(IHostnameResolver)
class Names:
    """A resolver for a reactor; `in_thread` is called with whether the name was found before, and what to do."""

    def __init__(
        self, clock: IReactorTime, in_thread: InThread, ask: Callable[..., Any] = socket.getaddrinfo
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._ask = ask
        self._known: dict[Key, tuple[Found, float]] = {}  # with the time of the answer; the newest last
        self._waiting: dict[Key, list[Resolution]] = {}  # by the look-up that is under way

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution = Resolution(resolutionReceiver, hostName, portNumber, transportSemantics)
        resolutionReceiver.resolutionBegan(resolution)
        family = _FAMILIES.get(frozenset(addressTypes or ()), socket.AF_UNSPEC)
        key = (hostName.lower(), family, _KINDS[transportSemantics])
        at_hand = self._numeric(key) or self._answer(key, FRESH)
        if at_hand:
            resolution.end(at_hand)
        else:
            self._wait(key, resolution)
        return resolution

    def forget(self, name: str) -> None:
        """What is known of a name may be wrong: it is looked up for the next who asks, and serves where that can't be
        done."""
        oldest = self._clock.seconds() - FRESH
        for key, (found, at) in self._known.items():
            if key[0] == name.lower():
                self._known[key] = found, min(at, oldest)

    def _numeric(self, key: Key) -> Found:
        """The address that a name is, in any notation; nothing where it is a name."""
        if _NUMERIC.fullmatch(key[0]):
            with contextlib.suppress(OSError, ValueError):
                found: Found = self._ask(key[0], 0, key[1], key[2], 0, socket.AI_NUMERICHOST)
                return found
        return ()

    def _answer(self, key: Key, age: float) -> Found:
        """The last answer, unless it is older."""
        found, at = self._known.get(key, ((), 0.0))
        return found if self._clock.seconds() - at < age else ()

    def _wait(self, key: Key, resolution: Resolution) -> None:
        patience = PATIENCE if self._answer(key, STALE) else GIVE_UP
        resolution.late = self._clock.callLater(patience, self._late, key, resolution)
        if key in self._waiting:
            self._waiting[key].append(resolution)
            return
        self._waiting[key] = [resolution]
        known = key in self._known
        asking = self._in_thread(known, self._look_up, key, known)
        asking.addCallbacks(self._found, self._failed, callbackArgs=(key,), errbackArgs=(key,))

    def _look_up(self, key: Key, known: bool) -> Found:
        """In a thread; a new name is not looked up if nobody waits for it any more."""
        if not known and not any(resolution.waits for resolution in list(self._waiting[key])):
            raise socket.gaierror(socket.EAI_AGAIN, "nobody waits for it")
        found: Found = self._ask(key[0], 0, key[1], key[2])
        return found

    def _found(self, found: Found, key: Key) -> None:
        self._known.pop(key, None)
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = found, self._clock.seconds()
        self._end(key, found)

    def _failed(self, failure: Failure, key: Key) -> None:
        """Nobody knows the name, or nobody can tell for now; errors of other kinds are those of names that are none."""
        error = failure.value
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            self._end(key, self._answer(key, STALE), silent=True)
        else:
            self._known.pop(key, None)
            self._end(key, ())

    def _end(self, key: Key, found: Found, silent: bool = False) -> None:
        for resolution in self._waiting.pop(key):
            resolution.end(found, silent)

    def _late(self, key: Key, resolution: Resolution) -> None:
        resolution.end(self._answer(key, STALE), silent=True)


class _Pool(ThreadPool):
    """Threads that nobody waits for when the process ends."""

    threadFactory = staticmethod(partial(Thread, daemon=True))  # type: ignore[assignment]


def install(reactor: Any) -> None:
    """Have a reactor resolve names so."""
    pools = {known: _Pool(0, THREADS, f"{'known' if known else 'new'} names") for known in (True, False)}
    for pool in pools.values():
        reactor.callWhenRunning(pool.start)

    def in_thread(known: bool, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        return deferToThreadPool(reactor, pools[known], function, *arguments)

    reactor.installNameResolver(Names(reactor, in_thread))


def forget(reactor: Any, name: str) -> None:
    """What a reactor knows of a host name may be wrong; one that keeps no names has nothing to forget."""
    names = getattr(reactor, "nameResolver", None)
    if isinstance(names, Names):
        names.forget(name)
