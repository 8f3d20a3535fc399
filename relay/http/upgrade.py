"""An offer to go on in another protocol (``Upgrade``), which nobody has to take up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_OFFERS = ("upgrade", "http2-settings")


def without_offer(method: bytes, target: bytes, version: str, headers: Mapping[str, Sequence[str]]) -> bytes:
    """The head of the same request without the offer."""
    lines = [f"{method.decode()} {target.decode('latin-1')} HTTP/{version}"]
    for name, values in headers.items():
        if name not in _OFFERS:
            lines += [
                f"{name}: {_not_upgrading(value) if name == 'connection' else value}" for value in values
            ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _not_upgrading(connection: str) -> str:
    """A Connection header without what offers another protocol."""
    options = [option.strip() for option in connection.split(",")]
    return ", ".join(option for option in options if option.lower() not in _OFFERS)
