"""An event loop whose time skips: where nothing is left to do, it is at once as late as the next timer wants.

While something real is out (a thread, a process, a socket), time passes as it does for everybody, so that what is out
can come back before the timers that stand against it. A thread that a library began by itself is given a moment. Where
something is always left to do (``while True: await asyncio.sleep(0)``), time goes on after some thousand rounds, so
that what stands against it comes.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")
_RESOLUTION = time.get_clock_info("monotonic").resolution  # seconds
_OWN = 1  # descriptor of a loop's own, with which threads wake it
BUSY = 20_000  # rounds of a loop that always has something to do, after which time goes on
PATIENCE = 0.1  # seconds of real time that a library's own thread gets before time skips
#: names of threads that are known to be out, or not
_KNOWN = ("MainThread", "asyncio_", "ThreadPoolExecutor-", "PoolThread-")
_SHARE = 0.001  # of the time that went on so, by which each further round is later; as many seconds at least


class TimeSelector(selectors.BaseSelector):
    """Waits for descriptors, and skips the wait where nothing real is out."""

    def __init__(self) -> None:
        self.now = 0.0  # seconds
        self.out = 0  # threads and processes
        self._real = selectors.DefaultSelector()
        self._before = set(threading.enumerate())
        self._busy = 0  # rounds since time went on by itself
        self._since = 0.0  # when the first of them was

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; waits until then, for `timeout` seconds at most, by this clock."""
        ready = self._real.select(0)
        if timeout is not None and timeout <= 0 and _is_coarse(self.now):
            self._skip(0.0)
        if ready or (timeout is not None and timeout <= 0):
            self._go_round()
            return ready
        self._busy = 0
        if self.out > 0 or len(self._real.get_map()) > _OWN:
            return self._wait(timeout)
        if self._has_strangers() and (ready := self._real.select(min(PATIENCE, timeout or PATIENCE))):
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left that could happen")
        self._skip(timeout)
        return []

    def _has_strangers(self) -> bool:
        """Whether there are threads that libraries began by themselves since this loop was made."""
        return any(
            thread not in self._before and not thread.name.startswith(_KNOWN)
            for thread in threading.enumerate()
        )

    def _go_round(self) -> None:
        """Something is left to do at this time, and was in the rounds before."""
        if self._busy == 0:
            self._since = self.now
        self._busy += 1
        if self._busy > BUSY:
            self._skip(max(_SHARE, (self.now - self._since) * _SHARE))

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        ready = self._real.select(timeout)
        spent = time.monotonic() - began
        self._skip(
            min(spent, math.inf if timeout is None else timeout) if ready or timeout is None else timeout
        )
        return ready

    def _skip(self, seconds: float) -> None:
        moved = self.now + seconds
        self.now = moved if moved > self.now and not _is_coarse(moved) else math.nextafter(moved, math.inf)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def _is_coarse(seconds: float) -> bool:
    """Whether a time is so late that what asyncio adds to it, so that it is behind the timers that are due, is lost:
    half a year."""
    return seconds + _RESOLUTION == seconds


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that begins at 0 seconds. `refuse` is called with the address that something is to be connected
    to: it raises where the network is not to be reached; None lets everything through."""

    def __init__(self, refuse: Callable[[str], None] | None = None) -> None:
        self._clockwork = TimeSelector()
        self._refuse = refuse
        super().__init__(self._clockwork)

    def time(self) -> float:
        return self._clockwork.now

    # -- what is out --

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        """A call in a thread, which is out until it returns."""
        future = super().run_in_executor(executor, func, *args)
        self.leaves()
        future.add_done_callback(lambda _: self.returns())
        return future

    def leaves(self) -> None:
        """Something real has begun that comes back."""
        self._clockwork.out += 1

    def returns(self) -> None:
        """It is back."""
        self._clockwork.out -= 1

    async def subprocess_exec(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        made = partial(self._watched, protocol_factory)
        return await super().subprocess_exec(made, *args, **kwargs)

    async def subprocess_shell(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        made = partial(self._watched, protocol_factory)
        return await super().subprocess_shell(made, *args, **kwargs)

    def _watched(self, factory: Callable[[], Any]) -> Any:
        """The protocol of a process that is out until it has ended."""
        protocol = factory()
        ended = protocol.process_exited

        def exited() -> None:
            self.returns()
            ended()

        protocol.process_exited = exited
        self.leaves()
        return protocol

    # -- the network --

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **kwargs: Any
    ) -> Any:
        if host is not None:
            self._check(f"{host.decode() if isinstance(host, bytes) else host}:{port}")
        return await super().create_connection(protocol_factory, host, port, **kwargs)

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **kwargs: Any) -> Any:
        self._check(str(path))
        return await super().create_unix_connection(protocol_factory, path, **kwargs)

    async def getaddrinfo(self, host: Any, port: Any, **kwargs: Any) -> Any:
        self._check(f"{host.decode() if isinstance(host, bytes) else host}:{port}")
        return await super().getaddrinfo(host, port, **kwargs)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        self._check(str(address))
        await super().sock_connect(sock, address)

    def _check(self, address: str) -> None:
        if self._refuse is not None:
            self._refuse(address)
