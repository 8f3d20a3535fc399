"""The times of lines, which are many within a second: what does not change within one is made once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from time import localtime, strftime


@lru_cache(maxsize=2)
def local(second: int) -> str:
    """Seconds since 1970 as the log has them: local time."""
    return strftime("%Y-%m-%dT%H:%M:%S%z", localtime(second))


def utc(now: float) -> str:
    """Seconds since 1970 as the log in JSON has them: RFC 3339 in UTC, with microseconds."""
    second = int(now)
    return f"{_utc(second)}.{int((now - second) * 1e6):06}Z"


@lru_cache(maxsize=2)
def _utc(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
