"""The times of lines, which are many within a second: what does not change within one is made once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from time import localtime, strftime

from relay.model.memo import Memo


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


class ShownSeconds(Memo[int, str]):
    """How thousandths of a second are shown as seconds, which takes as long as a line's other values together."""

    def __missing__(self, thousandths: int) -> str:
        self[thousandths] = shown = f"{thousandths / 1000:.3f}"
        return shown


_MOST = 2000  # of which there are many
_SECONDS = ShownSeconds(_MOST)


def shown(seconds: float) -> str:
    """Seconds that something took, with three decimals."""
    thousandths = int(seconds * 1000 + 0.5)
    return _SECONDS[thousandths] if thousandths < _MOST else f"{thousandths / 1000:.3f}"
