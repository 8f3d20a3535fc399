"""How much work one script gets, because Redis serves nobody else while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

MOST_ENDS = 100  # of one turn
MOST_ITEMS = 50  # jobs of another script
MOST_BYTES = 1 << 20  # of one script's jobs, roughly


def portions(items: Sequence[Any], size: Callable[[Any], int], most: int = MOST_ITEMS) -> Iterator[list[Any]]:
    """Items in groups of what one script may have, one at least in each."""
    group: list[Any] = []
    total = 0
    for item in items:
        bytes_of_item = size(item)
        if group and (len(group) >= most or total + bytes_of_item > MOST_BYTES):
            yield group
            group, total = [], 0
        group.append(item)
        total += bytes_of_item
    if group:
        yield group
