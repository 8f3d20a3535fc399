"""What a child process writes, and how its parent reads it.

A child's log goes through its standard output, beside what handlers, libraries and the interpreter print there. So
that nothing that is printed is taken for it, each line of it begins with a mark that has the child's random name.
Behind it is a `LogRecord` as JSON, in pieces of a size that the system writes as a whole, whoever else writes then.

Lines that are whole already (`relay.telemetry.lines`) come several at a time behind a mark of their own, with tabs
between them, and are passed on as they stand.

Other lines were printed. A printed line may begin with its level, in systemd's form (``<3>``, see sd-daemon(3)).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from relay.model.text import printable
from relay.process import record
from relay.process.record import LogRecord

LONGEST_LINE = 16_384  # bytes; the rest of a longer line is left out
_PIECE = 4096 - 64  # bytes, with its mark no more than what is written as a whole (PIPE_BUF)
_MORE, _LAST, _LINES = "+", "=", "*"
_PATIENCE = 1000  # milliseconds for a parent that reads nothing, where the pipe does not wait by itself
_BY_NUMBER = ("critical", "critical", "critical", "error", "warn", "info", "info", "debug")
_LEVELED = re.compile(r"<([0-7])>")
_OF_REDIS = re.compile(r"\d+:(?:\w \d+ \w+ \d+ [\d:.]+ ([.*#-])|signal-handler \(\d+\)) (.*)")
#: what it says at its highest level whenever it starts and stops
_USUAL = re.compile(r"oO0Oo|\w+ version=|Configuration loaded|Server initialized|\w+ is now ready to exit")
_REDIS_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warn", None: "info"}


@implementer(ILogObserver)
class LogWriter:
    """Writes the log of a child, from a level on; never an error, as the parent may be gone."""

    def __init__(self, descriptor: int, name: str, level: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._level = level
        self._numbers = itertools.count()

    def __call__(self, event: LogEvent) -> None:
        if record.LINES in event:
            for packed in _packed(event[record.LINES]):
                self._write(f"\n<{self._name}{_LINES}{packed}\n".encode())
            return
        made = record.of(event, "")
        if made is None or not record.is_at_least(made, self._level):
            return
        text = json.dumps(msgspec.to_builtins(made), separators=(",", ":"))
        number = next(self._numbers)  # others may log meanwhile: threads, handlers of signals
        for start in range(0, len(text), _PIECE):
            kind = _MORE if start + _PIECE < len(text) else _LAST
            self._write(f"\n<{self._name}{kind}{number}:{text[start : start + _PIECE]}\n".encode())

    def _write(self, line: bytes) -> None:
        with suppress(OSError):
            if not os.get_blocking(self._descriptor):  # a program that a handler started has made it so
                ready = select.poll()
                ready.register(self._descriptor, select.POLLOUT)
                ready.poll(_PATIENCE)
            os.write(self._descriptor, line)


class LogReader:
    """Reads the lines of one child and publishes what they are: its records, and what was printed."""

    def __init__(self, name: str, title: str) -> None:
        self._name = name
        self._title = title
        #: of records, by their numbers
        self.pieces: dict[str, str] = {}

    def read(self, line: str, stream: str) -> None:
        """A line that came through ``stdout`` or ``stderr``."""
        length = len(self._name) + 2
        mark, piece = line[:length], line[length:]
        if mark in (f"<{self._name}{_MORE}", f"<{self._name}{_LAST}"):
            number, _, text = piece.partition(":")
            whole = self.pieces.pop(number, "") + text
            if mark.endswith(_LAST):
                self._record(whole, stream)
            else:
                self.pieces[number] = whole
        elif mark == f"<{self._name}{_LINES}":
            publish_lines(piece.split("\t"))
        elif line.strip():
            publish(_printed(line, stream, self._title))

    def _record(self, text: str, stream: str) -> None:
        try:
            made = msgspec.json.decode(text, type=LogRecord)
        except msgspec.MsgspecError:
            publish(_printed(text, stream, self._title))
        else:
            publish(msgspec.structs.replace(made, process=self._title))


def publish(made: LogRecord) -> None:
    """Log what another process has said."""
    globalLogPublisher(
        {
            "log_time": made.time,
            "log_level": LogLevel.levelWithName(made.level),
            "log_namespace": made.logger,
            "log_format": "{process}: {line}",
            "process": made.process,
            "line": made.message,
            record.CARRIED: made,
        }
    )


def publish_lines(lines: list[str]) -> None:
    """Log lines as they stand: of text or of JSON, whichever the log has. The level of all of them is ``info``."""
    globalLogPublisher(
        {
            "log_time": time.time(),
            "log_level": LogLevel.info,
            "log_namespace": "relay",
            "log_format": "{text}",
            "text": "\n".join(lines),
            record.LINES: lines,
        }
    )


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """Several lines at a time, no more than a pipe takes as a whole. None has a tab, nor more than that."""
    packed: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if packed and size + length > _PIECE:
            yield "\t".join(packed)
            packed, size = [], 0
        packed.append(line)
        size += length
    if packed:
        yield "\t".join(packed)


def _printed(line: str, stream: str, title: str) -> LogRecord:
    level, text, logger = "warn" if stream == "stderr" else "info", line, stream
    if found := _LEVELED.match(line):
        level, text = _BY_NUMBER[int(found[1])], line[found.end() :]
    elif title == "redis" and (found := _OF_REDIS.fullmatch(line)):
        level, text, logger = _REDIS_LEVELS[found[1]], found[2], "redis"
        level = "info" if _USUAL.match(text) else level
    return LogRecord(time.time(), level, title, logger, text)


class Lines:
    """Takes bytes as they come and gives whole lines; keeps `LONGEST_LINE` bytes at most."""

    def __init__(self, rest: bytes = b"") -> None:
        self._rest = rest
        self._skipping = False  # the rest of a line that was too long

    def rest(self) -> bytes:
        """What has come of the next line."""
        return self._rest

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
