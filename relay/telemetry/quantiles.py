"""How long most of something took, read off the buckets of a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Below what so large a `share` (0…1) lies, as if a bucket's values were spread over it evenly; above the last
    bound that bound. None where nothing was counted. `counts` has one more than `bounds`, for what is above."""
    total = sum(counts)
    if not total:
        return None
    wanted = share * total
    below = 0
    for index, reached in enumerate(accumulate(counts)):
        if reached >= wanted and counts[index]:
            if index == len(bounds):
                break
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * (wanted - below) / counts[index]
        below = reached
    return bounds[-1]
