"""File descriptors: how many this process may have, and how many of them clients may use."""

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
    """Whether this descriptor is one of the last ones, because a process gets the lowest first. The last ones are not
    for clients, even if another front admitted them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and descriptor >= soft - min(RESERVED, soft // 2) // 2
