"""Small things that Twisted keeps to itself, each as a function; larger ones are modules of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet import task, tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    Logger,
    LogPublisher,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.logger import LegacyLogObserverWrapper as LegacyObserver
from twisted.python.syslog import SyslogObserver

_TWISTDS = textFileLogObserver.__qualname__  # what makes the observers of a file and of standard output


def replace_protocol(transport: Any, protocol: Any) -> None:
    """Have a transport speak to another protocol from now on, also one through TLS or behind a PROXY header."""
    is_wrapper = hasattr(transport, "wrappedProtocol")
    setattr(transport, "wrappedProtocol" if is_wrapper else "protocol", protocol)


def read_directly(transport: Any, protocol: Any) -> None:
    """Have a plain client's transport give what comes to its protocol itself, not through those that an endpoint and a
    `ClientService` put between them, and read it as it comes: through a Unix socket nobody passes descriptors here."""
    if tcp.Connection in type(transport).__mro__:
        transport.doRead = partial(_read, transport, protocol.dataReceived)


def _read(transport: Any, hear: Callable[[bytes], None]) -> Exception | None:
    """What comes through a socket now; why it is closed, if it is."""
    try:
        data = transport.socket.recv(transport.bufferSize)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return CONNECTION_LOST
    if not data:
        return CONNECTION_DONE
    hear(data)
    return None


def abort_body(producer: Any) -> None:
    """Close the connection that the body of an answer comes through, at once: what is told its reader as its transport
    offers only `loseConnection`, which waits for a TLS peer that may never answer."""
    transport = getattr(producer, "_producer", producer)
    if transport is not None:
        transport.abortConnection()


@contextmanager
def cooperating(cooperator: task.Cooperator) -> Iterator[None]:
    """Have what is given to ``twisted.internet.task.cooperate`` meanwhile go to this cooperator: the usual one wants a
    reactor that runs."""
    usual, task._theCooperator = task._theCooperator, cooperator
    try:
        yield
    finally:
        task._theCooperator = usual


class QuietClientService(ClientService):
    """A `ClientService` that logs nothing."""

    _log = Logger(observer=LogPublisher())  # that nobody listens to


def on_log_begin(replace: Callable[[ILogObserver], ILogObserver]) -> None:
    """Have each observer of the log that begins next replaced: a plugin of twistd is called before that."""
    begin = globalLogBeginner.beginLoggingTo

    def begin_replaced(observers: Iterable[ILogObserver], *arguments: Any, **named: Any) -> None:
        del vars(globalLogBeginner)["beginLoggingTo"]
        begin([replace(observer) for observer in observers], *arguments, **named)

    vars(globalLogBeginner)["beginLoggingTo"] = begin_replaced


def is_twistds_file(observer: object) -> bool:
    """Whether this is the observer with which twistd writes a file or standard output."""
    if not isinstance(observer, FileLogObserver):
        return False
    return observer.formatEvent.__qualname__.startswith(_TWISTDS)


def syslog_of(observer: object) -> SyslogObserver | None:
    """The observer with which twistd writes to syslog, below what adapts it; None for any other."""
    if not isinstance(observer, LegacyObserver):
        return None
    syslog = getattr(observer.legacyObserver, "__self__", None)
    return syslog if isinstance(syslog, SyslogObserver) else None
