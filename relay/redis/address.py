"""Where Redis is: a URL, read once, as an endpoint and the commands that greet the server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from relay.net.client_tls import NamedServer

PORT = 6379
_LONGEST_PATH = 107  # bytes (sun_path, less its end)


class AddressError(ValueError):
    """The URL names no Redis server; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """One server and one of its databases.

    ``redis://[user:password@]host[:port][/database]``, ``rediss://`` for TLS with the host's certificate
    verified, ``unix:///path[?db=database]``.
    """

    scheme: str
    host: str  # of a unix socket: its path
    port: int
    database: int
    user: str
    password: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; raises `AddressError`."""
        try:
            parts = urlsplit(url)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            if parts.scheme == "unix":
                path = _checked_path(unquote(parts.netloc.rpartition("@")[2] + parts.path))
                database = parts.query.removeprefix("db=")
                return cls("unix", path, 0, _number(database), user, password)
            if parts.scheme not in ("redis", "rediss") or not parts.hostname:
                raise AddressError("expected redis://host:port/database, rediss://… or unix:///path")
            host, port = _checked_host(parts.hostname), PORT if parts.port is None else parts.port
            if not port:
                raise AddressError("the port must be a number from 1 to 65535")
            return cls(parts.scheme, host, port, _number(parts.path.strip("/")), user, password)
        except AddressError:
            raise
        except ValueError:  # which has the text that it could not read, and so maybe a password
            raise AddressError(
                "it is not a URL, or its port is not a number: in a password write / # ? and @ as %2F…"
            ) from None

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return f"unix://{self.host}" if self.scheme == "unix" else f"{self.scheme}://{self.host}:{self.port}"

    @property
    def fails_over(self) -> bool:
        """Whether another server takes over where one fails: there are replicas, or should be."""
        return self.scheme.endswith(("+sentinel", "+cluster"))

    @property
    def greeting(self) -> list[tuple[Any, ...]]:
        """The commands that open a connection: who we are, which database."""
        words: list[tuple[Any, ...]] = []
        if self.password:
            words.append(("AUTH", self.user, self.password) if self.user else ("AUTH", self.password))
        if self.database:
            words.append(("SELECT", self.database))
        return words

    def endpoint(self, reactor: Any) -> IStreamClientEndpoint:
        """What connects there."""
        if self.scheme == "unix":
            return UNIXClientEndpoint(reactor, self.host, timeout=2)
        endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, self.host, self.port, timeout=2)
        if self.scheme == "rediss":
            endpoint = wrapClientTLS(NamedServer(self.host), endpoint)
        return endpoint


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise AddressError("a unix socket needs an absolute path, as in unix:///run/redis.sock")
    if len(os.fsencode(path)) > _LONGEST_PATH or "\0" in path:
        raise AddressError(f"the path of a unix socket may have {_LONGEST_PATH} bytes at most")
    return path


def _checked_host(host: str) -> str:
    try:
        host.encode("idna")
    except UnicodeError:
        raise AddressError("its host is not a host name") from None
    if any(character.isspace() for character in host):
        raise AddressError("its host is not a host name")
    return host


def _number(database: str) -> int:
    if database and not (database.isascii() and database.isdigit()):
        raise AddressError("the database must be a number, 0 or higher")
    return int(database or 0)
