"""Random names."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator


def random_name(size: int) -> str:
    """So many random bytes, as lower case letters and digits."""
    return base64.b32encode(os.urandom(size)).decode().lower()


def random_names(size: int) -> Iterator[str]:
    """`random_name` after `random_name`; the system is asked for many at once."""
    length = size * 8 // 5
    while True:
        many = random_name(size * 256)
        yield from (many[first : first + length] for first in range(0, len(many), length))
