"""What a handler says of its progress, as it is kept: whatever it says, a small JSON object."""

from __future__ import annotations

import math
from typing import Any

import msgspec

LONGEST = 500  # characters of a message
_encode = msgspec.json.Encoder().encode


def words(fraction: Any, message: Any) -> str:
    """The JSON of a progress, its fraction within 0…1, its message cut to `LONGEST`; "" for a fraction that is not a
    number, which is nothing to be shown. Never raises."""
    try:
        number, text = float(fraction), "" if message is None else str(message)
    except Exception:
        return ""
    if math.isnan(number):
        return ""
    said = {"fraction": min(1.0, max(0.0, number)), "message": _short(text)}
    return _encode(said).decode()


def _short(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return cut.encode("utf-8", "replace").decode()
