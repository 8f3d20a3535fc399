"""What a child process writes, and how its parent reads it: lines of a log that keep their level.

A line of a child's log starts with its level as systemd has it (``<3>``, see sd-daemon(3)); each line of a traceback
does. The first line of an event stands at the margin, the others behind a tab, so that no text of a client's or a
handler's is taken for an event. A line without a level was printed by a handler, a library or the interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from twisted.logger import FileLogObserver, LogEvent, LogLevel, formatEventAsClassicLogText

from relay.text import printable

Level = Any  # a member of `LogLevel`

LONGEST_LINE = 16_384  # bytes; the rest of a longer line is left out
_LEVELS = {
    LogLevel.critical: 2,
    LogLevel.error: 3,
    LogLevel.warn: 4,
    LogLevel.info: 6,
    LogLevel.debug: 7,
}
_BY_NUMBER = {0: LogLevel.critical, 1: LogLevel.critical, 5: LogLevel.info} | {
    n: lv for lv, n in _LEVELS.items()
}
_LEVELED = re.compile(r"<([0-7])>")


def observer(out: IO[Any]) -> FileLogObserver:
    """Writes the log of a child: each line with its level in front, and without a time, which the parent adds."""
    return FileLogObserver(out, _format)


def _format(event: LogEvent) -> str | None:
    text = formatEventAsClassicLogText(event, formatTime=lambda _: "")
    if text is None:
        return None
    level = _LEVELS.get(event.get("log_level", LogLevel.info), 6)
    first, *others = printable(text).strip(" \n").split("\n")
    marked = (line if line.startswith("\t") else f"\t{line}" for line in others)
    return "".join(f"<{level}>{line}\n" for line in (first, *marked))


def leveled(line: str, unmarked: Level) -> tuple[Level, str]:
    """The level of a line that a child wrote, and its text; `unmarked` is the level of one that has none."""
    found = _LEVELED.match(line)
    return (_BY_NUMBER[int(found[1])], line[found.end() :]) if found else (unmarked, line)


class Lines:
    """Takes bytes as they come and gives whole lines; keeps `LONGEST_LINE` bytes at most."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False  # the rest of a line that was too long

    def take(self, data: bytes) -> Iterator[str]:
        """The lines that are whole by now, without their ends; a line that is too long as soon as it is."""
        *whole, rest = data.split(b"\n")
        for part in whole:
            yield from self._part(part)
            if not self._skipping:
                yield self._text()
            self._rest, self._skipping = b"", False
        yield from self._part(rest)

    def end(self) -> Iterator[str]:
        """The last line, where it has no end."""
        if self._rest:
            yield self._text()
            self._rest = b""

    def _part(self, part: bytes) -> Iterator[str]:
        if self._skipping:
            return
        self._rest += part[: LONGEST_LINE + 1 - len(self._rest)]
        if len(self._rest) > LONGEST_LINE:
            self._rest = self._rest[:LONGEST_LINE]
            yield f"{self._text()} … (a line of more than {LONGEST_LINE} bytes, cut)"
            self._rest, self._skipping = b"", True

    def _text(self) -> str:
        return printable(self._rest.decode("utf-8", "replace").rstrip("\r"))
