"""The times of lines, which are many within a second."""

from __future__ import annotations

from datetime import UTC, datetime
from time import localtime, strftime


class Stamp:
    """The time of a line; what does not change within a second is made once."""

    def __init__(self, is_json: bool) -> None:
        self._is_json = is_json
        self._second = -1
        self._text = ""

    def of(self, now: float) -> str:
        """As in the log: RFC 3339 in UTC with microseconds for JSON, else local time with seconds."""
        second = int(now)
        if second != self._second:
            self._second, self._text = second, self._of_second(second)
        return f"{self._text}.{int((now - second) * 1e6):06}Z" if self._is_json else self._text

    def _of_second(self, second: int) -> str:
        if self._is_json:
            return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return strftime("%Y-%m-%dT%H:%M:%S%z", localtime(second))
