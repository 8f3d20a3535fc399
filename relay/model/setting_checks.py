"""Checks of settings that their types do not make."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from relay.model.caller_settings import CallerSettings
from relay.model.limits import Rate
from relay.model.names import QUEUE_NAME
from relay.model.origins import origin_of
from relay.model.sources import SettingError


def check_queues(queues: Iterable[str], source: str) -> None:
    """Raise `SettingError` for what is not the name of a queue."""
    for queue in queues:
        if not QUEUE_NAME.fullmatch(queue):
            raise SettingError(f"--queues {source}: {queue!r} does not match {QUEUE_NAME.pattern}")


def check_networks(name: str, texts: Iterable[str], source: str) -> None:
    """Raise `SettingError` for what is not an address or a network; a trusted proxy may also be ``unix:``."""
    is_proxy = name == "trusted_proxy"
    wanted = "an address, a network or unix:" if is_proxy else "an address or a network"
    for text in texts:
        try:
            (text == "unix:" and is_proxy) or ip_network(text, strict=False)
        except ValueError:
            raise SettingError(f"--{name.replace('_', '-')} {source}: {text!r} is not {wanted}") from None


def check_origins(texts: Iterable[str], source: str) -> None:
    """Raise `SettingError` for what is not the origin of a web page."""
    for text in texts:
        try:
            origin_of(text)
        except ValueError as error:
            wanted = "scheme, host and port alone, such as https://app.example.com"
            raise SettingError(f"--cors {source}: {error}: it has {wanted}") from None


def check_callers(settings: CallerSettings) -> None:
    """Raise `SettingError` for settings of callers that contradict each other, or say only half."""
    if settings.open and settings.knows_callers:
        raise SettingError(
            "--open answers everybody: it can't be set together with --tokens, --jwt-keys or --callers"
        )
    if bool(settings.jwt_keys) != bool(settings.jwt_issuer and settings.jwt_audience):
        raise SettingError("--jwt-keys, --jwt-issuer and --jwt-audience must be set together")
    if settings.jwt_keys.startswith("http:"):
        raise SettingError("--jwt-keys: the URL must begin with https://")
    if settings.jwt_jobs and not settings.jwt_keys:
        raise SettingError("--jwt-jobs has no effect without --jwt-keys")
    try:
        Rate.parse(settings.caller_rate)
    except ValueError as error:
        raise SettingError(f"--caller-rate: {error}") from None
