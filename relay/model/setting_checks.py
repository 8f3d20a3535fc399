"""Checks of settings that their types do not make."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from relay.model.names import QUEUE_NAME
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
