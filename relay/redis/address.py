"""Where Redis is: a URL, read once. It names a server, or those that are asked where one is: Sentinels, a Cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from relay.net.client_tls import NamedServer, TLSFiles

PORT, SENTINEL_PORT = 6379, 26379
_LONGEST_PATH = 107  # bytes (sun_path, less its end)
_EXPECTED = (
    "expected redis://host:port/database, rediss://… or unix:///path, redis+sentinel://host:port,host:port/name or "
    "redis+cluster://host:port,host:port"
)
_TLS_OPTIONS = ("ca", "cert", "key")
_SENTINEL_OPTIONS = ("sentinel_user", "sentinel_password")

Host = tuple[str, int]  # with its port
Kind = Literal["server", "sentinel", "cluster"]


class AddressError(ValueError):
    """The URL names no Redis; the message says why, without what may be a secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """One server and one of its databases; or the Sentinels, or some nodes of the Cluster, that know the servers.

    ``redis://[user:password@]host[:port][/database]``, ``rediss://`` for TLS with the host's certificate verified,
    ``unix:///path[?db=database]``, ``redis+sentinel://[user:password@]host[:port],…/name[/database]``,
    ``redis+cluster://[user:password@]host[:port],…``. With ``rediss+…`` Sentinels and servers speak TLS.

    Options, behind ``?``: ``ca``, ``cert`` and ``key`` are paths of files for TLS; ``sentinel_user`` and
    ``sentinel_password`` are for the Sentinels, which are never given the servers' own.
    """

    scheme: str  # redis, rediss or unix
    host: str  # of a unix socket: its path
    port: int
    database: int
    user: str
    password: str
    kind: Kind = "server"
    others: tuple[Host, ...] = ()  # the hosts beside the first one
    name: str = ""  # of the master, where Sentinels are asked
    tls: TLSFiles = field(default_factory=TLSFiles)
    sentinel_user: str = ""
    sentinel_password: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; raises `AddressError`."""
        try:
            scheme = url.partition("://")[0]
            if scheme in ("redis+sentinel", "rediss+sentinel"):
                return cls._of_sentinels(*_split(url))
            if scheme in ("redis+cluster", "rediss+cluster"):
                return cls._of_cluster(*_split(url))
            return cls._of_server(url)
        except AddressError:
            raise
        except ValueError:  # which has the text that it could not read, and so maybe a password
            raise AddressError(
                "it is not a URL, or its port is not a number: in a password write / # ? and @ as %2F…"
            ) from None

    @classmethod
    def _of_server(cls, url: str) -> Address:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix":
            path = _checked_path(unquote(parts.netloc.rpartition("@")[2] + parts.path))
            database = parts.query.removeprefix("db=")
            return cls("unix", path, 0, _number(database), user, password)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise AddressError(_EXPECTED)
        host, port = _checked_host(parts.hostname), _checked_port(parts.port, PORT)
        tls = _tls_of(
            dict(parse_qsl(parts.query)), parts.scheme
        )  # other options may be those of other clients
        return cls(parts.scheme, host, port, _number(parts.path.strip("/")), user, password, tls=tls)

    @classmethod
    def _of_sentinels(
        cls, scheme: str, user: str, hosts: str, path: str, options: Mapping[str, str]
    ) -> Address:
        first, *others = _hosts(hosts, SENTINEL_PORT)
        name, _, database = path.partition("/")
        if not name:
            raise AddressError("expected the master's name, as in redis+sentinel://host:port,host:port/name")
        _check_options(options, (*_TLS_OPTIONS, *_SENTINEL_OPTIONS))
        return cls(
            scheme,
            *first,
            _number(database),
            *_login(user),
            "sentinel",
            tuple(others),
            unquote(name),
            _tls_of(options, scheme),
            *(options.get(option, "") for option in _SENTINEL_OPTIONS),
        )

    @classmethod
    def _of_cluster(
        cls, scheme: str, user: str, hosts: str, path: str, options: Mapping[str, str]
    ) -> Address:
        first, *others = _hosts(hosts, PORT)
        if _number(path):
            raise AddressError("a Cluster has one database only, with number 0")
        _check_options(options, _TLS_OPTIONS)
        tls = _tls_of(options, scheme)
        return cls(scheme, *first, 0, *_login(user), "cluster", tuple(others), tls=tls)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All that the URL names: the server, the Sentinels, or nodes of the Cluster."""
        return ((self.host, self.port), *self.others)

    def server_at(self, host: str, port: int) -> Address:
        """Of a server that Sentinels or a Cluster say is there; how to greet it stays."""
        return replace(self, host=host, port=port, kind="server", others=(), name="")

    def sentinels(self) -> list[Address]:
        """Each of the Sentinels, with their own user."""
        return [
            replace(
                self.server_at(*host), user=self.sentinel_user, password=self.sentinel_password, database=0
            )
            for host in self.hosts
        ]

    @property
    def shown(self) -> str:
        """The address without secrets."""
        if self.scheme == "unix":
            return f"unix://{self.host}"
        scheme = self.scheme if self.kind == "server" else f"{self.scheme}+{self.kind}"
        hosts = ",".join(shown_host(*host) for host in self.hosts)
        return f"{scheme}://{hosts}{f'/{self.name}' if self.name else ''}"

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
        """What connects to the (first) server. Raises `TLSFileError` where a file for TLS is of no use."""
        if self.scheme == "unix":
            return UNIXClientEndpoint(reactor, self.host, timeout=2)
        endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, self.host, self.port, timeout=2)
        if self.scheme == "rediss":
            endpoint = wrapClientTLS(
                NamedServer(self.host, self.tls.trust(), self.tls.certificate()), endpoint
            )
        return endpoint


def shown_host(host: str, port: int) -> str:
    """A host and its port, as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(url: str) -> tuple[str, str, str, str, dict[str, str]]:
    """Scheme of one server, user with password, hosts, path, options: `urlsplit` knows of one host only."""
    kind, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    user, _, hosts = netloc.rpartition("@")
    if "#" in url:
        raise AddressError("write # as %23")
    options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    return kind.partition("+")[0], user, hosts, path.rstrip("/"), options


def _login(user: str) -> tuple[str, str]:
    name, _, password = user.partition(":")
    return unquote(name), unquote(password)


def _hosts(text: str, usual: int) -> list[Host]:
    """The hosts of a list with commas."""
    hosts = []
    for each in text.split(","):
        parts = urlsplit(f"//{each}")
        if not parts.hostname:
            raise AddressError(_EXPECTED)
        hosts.append((_checked_host(parts.hostname), _checked_port(parts.port, usual)))
    return list(dict.fromkeys(hosts))


def _check_options(options: Mapping[str, str], known: tuple[str, ...]) -> None:
    if not options.keys() <= set(known):
        raise AddressError(f"the options behind ? may be {', '.join(known)}")


def _tls_of(options: Mapping[str, str], scheme: str) -> TLSFiles:
    tls = TLSFiles(*(options.get(option, "") for option in _TLS_OPTIONS))
    if tls != TLSFiles() and scheme != "rediss":
        raise AddressError("ca, cert and key are for TLS: write rediss in place of redis")
    if tls.key and not tls.cert:
        raise AddressError("a key needs its certificate: cert=/path")
    return tls


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


def _checked_port(port: int | None, usual: int) -> int:
    if port == 0:
        raise AddressError("the port must be a number from 1 to 65535")
    return usual if port is None else port


def _number(database: str) -> int:
    if database and not (database.isascii() and database.isdigit()):
        raise AddressError("the database must be a number, 0 or higher")
    return int(database or 0)
