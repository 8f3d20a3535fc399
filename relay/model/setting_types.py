"""The types of settings: their units, their limits, what is said of them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta


def about(text: str, **limits: Any) -> Meta:
    """What a setting means, shown by ``--help`` and in the docs."""
    return Meta(description=text, **limits)


def counted_in(unit: str, **limits: Any) -> Meta:
    """A number's unit, shown in the docs: seconds, bytes or count."""
    return Meta(extra={"unit": unit}, **limits)


YEAR = 365 * 86_400  # seconds; more would be a slip of the pen, and overflow in Redis
MOST = 1 << 50  # of anything that is counted
MOST_PARTITIONS = 64
Seconds = Annotated[float, counted_in("seconds", ge=0, le=YEAR)]
Lifetime = Annotated[int, counted_in("seconds", ge=1, le=YEAR)]
Bytes = Annotated[int, counted_in("bytes", ge=0, le=MOST)]
Size = Annotated[int, counted_in("bytes", ge=1, le=MOST)]
Count = Annotated[int, counted_in("count", ge=1, le=MOST)]
CountOrNone = Annotated[int, counted_in("count", ge=0, le=MOST)]
Assignment = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*=")]
