"""JSON whose objects have no member twice, so that nobody else reads another value in them."""

from __future__ import annotations

import json
from typing import Any


def read_object(text: bytes) -> dict[str, Any]:
    """Raises `ValueError` for anything but one object in UTF-8, for `NaN` and `Infinity`, for a nesting without end."""
    try:
        read = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(read, dict):
        raise ValueError("it is not an object")
    return read


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("it has a member twice")
    return read


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
