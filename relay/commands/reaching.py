"""Which relay a command is about: the store or the admin listener that was named, else what runs on this machine."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from relay.commands.processes import sockets_of_redis, supervisors
from relay.model.settings import PREFIX, SettingError, Settings, config_path
from relay.model.sources import from_file

_EMBEDDED = "embedded:"  # what --redis says for the server of `relay all`
_LOCAL = ("127.0.0.1", "localhost", "::1")


class NoRelay(Exception):
    """No relay was named, and none or more than one was found. The message is one line."""


@dataclass(frozen=True, slots=True)
class StoreReach:
    """A relay that is asked through its Redis."""

    url: str


@dataclass(frozen=True, slots=True)
class ListenerReach:
    """A relay that is asked through its admin listener; `token` is an operator's, "" for none."""

    url: str
    token: str

    @property
    def is_open(self) -> bool:
        """Whether the token would go over a network unencrypted."""
        parts = urlsplit(self.url)
        return bool(self.token) and parts.scheme == "http" and parts.hostname not in _LOCAL


Reach = StoreReach | ListenerReach


def reach(asked: Namespace, environment: Mapping[str, str]) -> Reach:
    """The relay that is meant. Raises `SettingError` and `NoRelay`."""
    if asked.redis:
        return StoreReach(asked.redis)
    listener = asked.admin or environment.get(f"{PREFIX}ADMIN_URL", "")
    if listener:
        return ListenerReach(
            _checked(listener), token_in(asked.token_file, environment, f"{PREFIX}OPERATOR_TOKEN")
        )
    settings = from_file(config_path({}, environment))
    url = str(environment.get(f"{PREFIX}REDIS") or settings.get("redis") or _EMBEDDED)
    if url != _EMBEDDED:
        return StoreReach(url)
    data = str(environment.get(f"{PREFIX}DATA") or settings.get("data") or Settings().data)
    usual = Path(data).absolute() / "redis.sock"
    return StoreReach(f"unix://{usual if usual.is_socket() else _running()}")


def _running() -> str:
    """The socket of the embedded Redis of the relay that runs here."""
    found = sockets_of_redis(supervisors())
    if not found:
        raise NoRelay(
            "no relay is named, and none with a Redis of its own runs here: name its store with --redis or "
            "RELAY_REDIS, its file of settings with RELAY_CONFIG, or its admin listener with --admin"
        )
    if len(found) > 1:
        raise NoRelay(
            f"several run here: choose one with --redis ({', '.join(f'unix://{each}' for each in found)})"
        )
    return found[0]


def _checked(url: str) -> str:
    strange = SettingError(
        f"--admin: {url} is not a URL such as http://127.0.0.1:8081 or https://ops.example.com"
    )
    try:
        parts = urlsplit(url)
        is_served = parts.port != 0
    except ValueError as error:  # no port, no address
        raise strange from error
    if (
        parts.scheme not in ("http", "https")
        or not (parts.hostname and is_served)
        or parts.query
        or parts.fragment
    ):
        raise strange
    if "@" in parts.netloc:
        raise SettingError(
            "--admin: a token is given with --token-file or RELAY_OPERATOR_TOKEN, not in the URL"
        )
    return url


def token_in(file: str, environment: Mapping[str, str], variable: str) -> str:
    """The token in a file, or in the environment, as it is sent; "" where there is none. Raises `SettingError`."""
    if not file:
        return environment.get(variable, "").strip()
    try:
        token = Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise SettingError(f"--token-file {file}: {getattr(error, 'strerror', None) or error}") from None
    if not token.isprintable() or not token or " " in token:
        raise SettingError(f"--token-file {file}: it does not have one token")
    return token
