"""Short digests under which the store keeps what clients choose: keys, and what makes two jobs the same."""

from __future__ import annotations

import base64
import hashlib


def digest(*parts: str) -> str:
    """Of texts, none of which has a NUL in it: 24 letters and digits."""
    said = "\0".join(parts).encode("utf-8", "surrogatepass")
    return base64.b32encode(hashlib.blake2b(said, digest_size=15).digest()).decode().lower()


def unique_digest(owner: str, name: str, meaning: str) -> str:
    """What is the same of two jobs that others may join: it counts for one owner and one job name."""
    return digest(owner, name, "unique", meaning)
