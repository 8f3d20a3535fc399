"""The address at which clients reach relay."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

PORTS = {"http": 80, "https": 443}


class TargetError(ValueError):
    """The URL names no target; the message says why."""


class Target(msgspec.Struct, frozen=True):
    """An ``http`` or ``https`` URL, and the token that is sent there, "" for none. `prefix` is the path in front of
    relay's own."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    token: str = msgspec.field(default="")

    @classmethod
    def parse(cls, url: str, token: str = "") -> Target:
        """Read a URL; raises `TargetError`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetError(str(error)) from None
        if parts.scheme not in PORTS or not parts.hostname:
            raise TargetError("expected an URL such as https://api.example.com")
        if parts.username or parts.query or parts.fragment:
            raise TargetError("the URL has scheme, host, port and path alone")
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], parts.path.rstrip("/"), token)

    @property
    def shown(self) -> str:
        """The URL."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    @property
    def authority(self) -> str:
        """For the Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", size: int | None = None
    ) -> bytes:
        """A request as bytes; `size` stands in for the body's own."""
        given = {"Host": self.authority, "User-Agent": "relay-doctor"}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            given["Content-Length"] = str(len(body) if size is None else size)
        lines = [f"{name}: {value}" for name, value in {**given, **headers}.items()]
        head = "\r\n".join([f"{method} {self.prefix}{path} HTTP/1.1", *lines, "", ""])
        return head.encode("latin-1") + body
