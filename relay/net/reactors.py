"""Twisted's reactors by name, and the one on asyncio's event loop, which handlers of today await.

Twisted's own reactor on asyncio schedules with the context variables of whoever happens to call: a timer that was set
while a job ran would fire in that job's context, and whatever begins there would count as that job's. Here what the
reactor schedules has the context that the process began with.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python import log

LOOPS = ("asyncio", "uvloop")  # those with an event loop
LOOK = 0.1  # seconds between looks for the end of a program, where the system does not tell
_REACTOR = "twisted.internet.reactor"


class ReactorError(Exception):
    """A reactor that can't be had; the text says why."""


def install(name: str) -> None:
    """Install the reactor of this name as the only one of the process, before anything imports
    ``twisted.internet.reactor``. Raises `ReactorError`, also if another is there already."""
    if _REACTOR in sys.modules:
        there = name_of(sys.modules[_REACTOR])
        if there != name:
            raise ReactorError(
                f"{there} is there already: something imported twisted.internet.reactor before"
            )
        return
    try:
        if name in LOOPS:
            installReactor(LoopReactor(new_loop(name)))
        elif name == "epoll":
            installReactor(importlib.import_module("relay.net.epoll").DirectEPollReactor())
        else:
            importlib.import_module(f"twisted.internet.{name}reactor").install()
    except (ImportError, AttributeError) as error:
        raise ReactorError(f"this machine has none ({error})") from error


def install_default() -> None:
    """Install the reactor that Twisted would choose for this machine, unless there is one already."""
    from twisted.internet import default

    if _REACTOR not in sys.modules:
        install(_named(default.install.__module__))


def check(name: str) -> None:
    """Raise `ReactorError` if there is not a reactor of this name here; installs none."""
    try:
        importlib.import_module("uvloop" if name == "uvloop" else f"twisted.internet.{name}reactor")
    except (ImportError, AttributeError) as error:
        raise ReactorError(_lacks(name, error)) from error


def _lacks(name: str, error: Exception) -> str:
    if name == "uvloop":
        return "uvloop is not installed: pip install 'relay[uvloop]'"
    return f"this machine has none ({error})"


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """An event loop of asyncio or uvloop. Raises `ReactorError`."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop()
    try:
        import uvloop
    except ImportError as error:
        raise ReactorError(_lacks(name, error)) from error
    made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return made


def name_of(reactor: Any) -> str:
    """Its name, as `install` takes it."""
    loop = loop_of(reactor)
    if loop is not None:
        return "uvloop" if type(loop).__module__.partition(".")[0] == "uvloop" else "asyncio"
    return _named(type(reactor).__module__)


def _named(module: str) -> str:
    """The name of the reactor that a module has."""
    return module.rpartition(".")[2].removesuffix("reactor")


def loop_of(reactor: Any) -> asyncio.AbstractEventLoop | None:
    """The event loop that a reactor runs on; None for one that runs on none."""
    if isinstance(reactor, LoopReactor):
        return reactor.loop
    return reactor._asyncioEventloop if isinstance(reactor, AsyncioSelectorReactor) else None


def loop() -> asyncio.AbstractEventLoop | None:
    """That of the installed reactor, if there is one, and it runs on one."""
    return loop_of(sys.modules.get(_REACTOR))


class LoopReactor(AsyncioSelectorReactor):
    """A reactor on an event loop. What it schedules has the context that `run` was called in. It closes its loop when
    it has ended. Only itself can end it: neither a callback that raises `SystemExit` does, nor one that stops the
    loop."""

    _log = Logger()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        asyncio.set_event_loop(loop)  # for modules that ask for one while they are imported
        self._scheduling = _Scheduling(loop)
        super().__init__(self._scheduling)  # type: ignore[arg-type]

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run until it is stopped."""
        self._scheduling.context = copy_context()
        try:
            self._go(partial(super().run, installSignalHandlers))
            while self.running:
                self._go(self.loop.run_forever)
        finally:
            self.loop.close()

    def _go(self, run: Callable[[], None]) -> None:
        try:
            run()
        except (SystemExit, KeyboardInterrupt) as error:
            if not self.running:
                raise
            name = type(error).__name__
            self._log.failure("a callback can't end this process ({name}): the event loop goes on", name=name)
        else:
            if self.running:
                self._log.error("something has stopped the event loop: it goes on")

    def _disconnectSelectable(self, selectable: Any, *how: Any) -> None:
        """End a descriptor that has failed, whatever it makes of that."""
        try:
            super()._disconnectSelectable(selectable, *how)
        except KeyboardInterrupt:
            raise
        except BaseException:  # of its `connectionLost`
            log.err()

    def callFromThread(self, f: Any, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Nothing happens once the reactor has ended: threads may outlive it."""
        if not self.loop.is_closed():
            super().callFromThread(f, *args, **kwargs)

    def spawnProcess(self, *args: Any, **kwargs: Any) -> Any:
        """Start a program. Its end is heard of by its own descriptor, because loops may keep SIGCHLD to themselves."""
        process = super().spawnProcess(*args, **kwargs)
        if process.pid is not None:  # else it has ended already
            self._watch(process)
        return process

    def _watch(self, process: Any) -> None:
        try:
            ends = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # a system without them
            self.callLater(LOOK, self._look, process)
            return

        def ended() -> None:
            self._scheduling.remove_reader(ends)
            os.close(ends)
            _reap(process)

        self._scheduling.add_reader(ends, ended)

    def _look(self, process: Any) -> None:
        _reap(process)
        if process.pid is not None:
            self.callLater(LOOK, self._look, process)


def _reap(process: Any) -> None:
    if process.pid is not None:
        process.reapProcess()


def _direct(callback: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """What the reactor wants called, without what tells Twisted's log the name of a descriptor (`relay.net.epoll`)."""
    return args[1:] if callback is log.callWithLogger else (callback, *args)


class _Scheduling:
    """An event loop as its reactor uses it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.context = Context()
        self.time = loop.time
        self.remove_reader, self.remove_writer = loop.remove_reader, loop.remove_writer
        self.run_forever, self.stop = loop.run_forever, loop.stop
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        self.context.copy().run(self._loop.add_reader, fd, *_direct(callback, *args))

    def add_writer(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        self.context.copy().run(self._loop.add_writer, fd, *_direct(callback, *args))

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_at(when, callback, *args, context=self.context.copy())

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_later(delay, callback, *args, context=self.context.copy())

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> asyncio.Handle:
        return self._loop.call_soon_threadsafe(callback, *args, context=self.context.copy())
