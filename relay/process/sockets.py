"""Listening sockets: bound once, by whoever owns them, then served by any process they are handed to.

Both go through Twisted's own endpoint strings (``tcp:``, ``unix:``, ``ssl:``, ``haproxy:…``, ``systemd:``): an
endpoint is made with something that stands in for the reactor and does one thing when it is asked to listen.

What systemd handed over (``LISTEN_FDS``, sd_listen_fds(3)) is for the process that it started, and is numbered as that
process got it. So whoever serves such a socket later makes its endpoint from the string of a plain one.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from relay.model.settings import SettingError, Settings
from relay.net.bare import accept_bare
from relay.net.proxied import with_headers
from relay.net.tls import BAD_CERTIFICATES, arranged, mistake_of, over_tls
from relay.net.unixport import UnixPort
from relay.process.binder import Binder
from relay.serving.hosts import is_loopback

_PROXIED = re.compile(r"^(?:haproxy:)*")
_HANDED_OVER = (
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
)  # what systemd says of the sockets of one process


def bind(reactor: Any, descriptions: Sequence[str], open: bool) -> list[socket.socket]:
    """Bind a socket for each endpoint string; raises `SettingError`, also for what others than this machine
    could reach unless that is `open` to some of them."""
    bound = []
    for description in descriptions:
        listening = bound_one(reactor, "--listen", description)
        bound.append(listening)
        if not open and reaches_others(listening):
            raise SettingError(
                f"--listen {description}: other machines can reach this address, and no setting says who may call: "
                "give --tokens, --jwt-keys, --callers, --allow, --ticket-secrets or --open"
            )
    return bound


def bound_one(reactor: Any, option: str, description: str) -> socket.socket:
    """A socket for an endpoint string, which `option` names; raises `SettingError`."""
    try:
        return _bind(reactor, description)
    except (ValueError, OSError, *BAD_CERTIFICATES) as error:
        raise SettingError(f"{option} {description}: {mistake_of(error)}") from error


def reaches_others(listening: socket.socket) -> bool:
    """Whether other machines than this one may connect."""
    return listening.family != socket.AF_UNIX and not is_loopback(listening.getsockname()[0])


def path_of(listening: socket.socket, description: str) -> Path | None:
    """The path that goes when nobody serves this socket any more; systemd looks after its own."""
    name = listening.getsockname() if listening.family == socket.AF_UNIX else ""
    return Path(name) if name and isinstance(name, str) and "systemd:" not in description else None


def remove(path: Path | None) -> None:
    """Remove the path of a socket, if it has one."""
    if path is not None:
        path.unlink(missing_ok=True)


def keep_to_ourselves() -> None:
    """Have processes that this one starts hear nothing of the sockets that systemd handed over to it."""
    for name in _HANDED_OVER:
        os.environ.pop(name, None)


def bound(reactor: Any, settings: Settings, descriptions: Sequence[str]) -> list[socket.socket]:
    """The same under these settings: beyond this machine where something says who may call."""
    some_may_call = settings.open or settings.knows_callers or settings.allow or settings.ticket_secrets
    return bind(reactor, descriptions, bool(some_may_call))


def shown(listening: socket.socket, description: str) -> str:
    """Where the socket of an endpoint string is reached, for people: a URL, and whether a PROXY header comes first."""
    within = _PROXIED.sub("", description, count=1)
    return _url(listening, within) + (" (a PROXY header is expected)" if within != description else "")


def _url(listening: socket.socket, description: str) -> str:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}".replace("\0", "@")
    host = f"[{name[0]}]" if listening.family == socket.AF_INET6 else name[0]
    return f"{'https' if description.startswith(('ssl:', 'tls:')) else 'http'}://{host}:{name[1]}"


def _bind(reactor: Any, description: str) -> socket.socket:
    binder = Binder(reactor)
    failures: list[Any] = []
    try:
        endpoint = serverFromString(binder, description)
    except LookupError as error:
        raise ValueError(f"systemd handed over no such socket ({error})") from error
    maybeDeferred(endpoint.listen, None).addErrback(failures.append)
    if failures and not failures[0].check(AttributeError):  # from an endpoint that makes its protocol at once
        failures[0].raiseException()
    if binder.socket is None:
        raise ValueError("this kind of endpoint can't be shared")
    return binder.socket


class _Adopter:
    """Stands in for the reactor: serves a socket that is already bound."""

    def __init__(self, reactor: Any, listening: socket.socket, at_end: Callable[[], None]) -> None:
        self._reactor = reactor
        self._socket = listening
        self._at_end = at_end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        return self._adopt(factory)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self._adopt(over_tls(contextFactory, factory))

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> IListeningPort:
        return self._adopt(factory)

    def adoptStreamPort(self, fd: int, family: Any, factory: Any) -> IListeningPort:
        return self._adopt(factory)

    def _adopt(self, factory: Any) -> IListeningPort:
        descriptor, family, served = (
            self._socket.fileno(),
            self._socket.family,
            with_headers(arranged(factory)),
        )
        port: IListeningPort
        if family == socket.AF_UNIX:
            port = UnixPort.serving(self._reactor, descriptor, served, self._at_end)
        else:
            port = self._reactor.adoptStreamPort(descriptor, family, served)
        accept_bare(port)
        self._socket.close()
        return port


@implementer(IStreamServerEndpoint)
class BoundEndpoint:
    """An endpoint string together with the socket that was bound for it; as text, where it is reached. Raises
    `SettingError`. `is_ours` says that nobody else serves the socket, whose path goes with it; `option` is what the
    endpoint was given with."""

    def __init__(
        self,
        reactor: Any,
        description: str,
        listening: socket.socket,
        is_ours: bool = False,
        option: str = "--listen",
    ) -> None:
        self._shown = shown(listening, description)
        at_end = partial(remove, path_of(listening, description)) if is_ours else lambda: None
        try:
            self._endpoint = serverFromString(_Adopter(reactor, listening, at_end), _plain(description))
        except (ValueError, OSError) as error:
            raise SettingError(f"{option} {description}: {error}") from error

    def __str__(self) -> str:
        return self._shown

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening


def _plain(description: str) -> str:
    """The string with a plain endpoint in place of one of systemd's; which one is all the same to an `_Adopter`."""
    return re.sub(r"^((?:haproxy:)*)systemd:.*", r"\1tcp:0", description)
