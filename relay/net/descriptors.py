"""File descriptors: as many as this process may have, less those that clients are not given."""

from __future__ import annotations

import resource
from contextlib import suppress

RESERVED = 100  # for Redis, for listening, for logs and whatever is opened meanwhile
_MOST = 1 << 20  # where there is no limit


def raise_limit() -> int:
    """Raise the soft limit of this process to its hard one (``ulimit -n``); how many it may have then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else hard
    with suppress(OSError, ValueError):  # some systems name a hard limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def for_clients(limit: int) -> int:
    """How many of so many descriptors clients may take up."""
    return max(1, limit - RESERVED, limit // 2)


def is_scarce(descriptor: int) -> bool:
    """Whether this one is among the last: a process is given the lowest first. Those are not for clients either, even
    where they were let in elsewhere."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and descriptor >= soft - min(RESERVED, soft // 2) // 2
