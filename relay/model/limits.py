"""How often something may be done: rates as handlers declare them and as APIs announce them."""

from __future__ import annotations

import re

import msgspec

from relay.model.names import LIMIT_NAME

_RATE = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,4})?([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_CALLS = 10_000  # of one window: each is kept in mind
_HOST = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[1-9]\d{0,4})?")


class Rate(msgspec.Struct, frozen=True):
    """So many in any so many seconds; a window of 0 is no limit."""

    calls: int = 0
    window: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Rate:
        """``200/h``, ``50/s``, ``1000/5m``, ``10/d``; "" for no limit. Raises `ValueError`."""
        if not text:
            return cls()
        match = _RATE.fullmatch(text)
        if not match or int(match[1]) > MOST_CALLS:
            raise ValueError(f"{text!r} is not a rate such as 50/s, 200/h or 1000/5m (up to {MOST_CALLS})")
        return cls(int(match[1]), int(match[2] or 1) * _UNITS[match[3]])


NO_RATE = Rate()


class Limit(msgspec.Struct, frozen=True):
    """How often jobs may be started, all workers together, beside what their API is learned to allow.

    `rate`: ``200/h``, or "" for what is learned only · `per`: an argument of the handler; each of its values has a
    count of its own · `name`: jobs of the same name share one; a job's own unless given · `hosts`: those of the API
    that it is for, with a port where that is not the scheme's own: what they say of their limits counts for these jobs.
    """

    rate: str = ""
    per: str = ""
    name: str = ""
    hosts: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises `ValueError`."""
        for field in ("rate", "per", "name"):
            if not isinstance(getattr(self, field), str):
                raise ValueError(f"{field} {getattr(self, field)!r} is not text")
        if not isinstance(self.hosts, tuple):
            raise ValueError(f"hosts {self.hosts!r} is not a tuple")
        for host in self.hosts:
            if not isinstance(host, str) or not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host such as api.example.com, in lower case")
        Rate.parse(self.rate)
        if self.name and not LIMIT_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} does not match {LIMIT_NAME.pattern}")


class Learned(msgspec.Struct, frozen=True):
    """What an answer says of its API's limit: a rate, and that nobody is let through for `pause` seconds."""

    rate: Rate = Rate()
    pause: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.rate.window or self.pause)
