"""What is written of an event in the log, by any process of relay, as a line of text or as JSON.

As text: ``2026-11-26T01:06:25+0000 [worker 1 relay.worker.worker#info] relay worker serves echo``, in local time; what
has more lines has the others behind a tab. As JSON: an object on one line, with the members of `LogRecord`, its `time`
in UTC as in RFC 3339; `id` and `traceback` only where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime

from relay.model.text import printable

LONGEST_MESSAGE = 1 << 14  # characters; the middle of a longer one is left out
LONGEST_TRACEBACK = 1 << 15
LEVELS = ("debug", "info", "warn", "error", "critical")
CARRIED = "relay_record"  # the member of an event that has the record of another process
LINES = "relay_lines"  # that of an event which is lines of the log as they stand, each with its time in front
_USUAL = (
    "Starting factory {factory!r}",
    "Stopping factory {factory!r}",
    "reactor class: {reactor}.",
    "Main loop terminated.",
)
#: what Twisted says of each port, plugin and .tac file
_OF_TWISTED = re.compile(
    r"\S+ starting on \S+|\((\w+ )?Port .* Closed\)|Loading .*\.\.\.|Loaded\.|Unable to write to plugin cache .*"
)
_JOB = "job {id}"


class LogRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event, its text fit for any terminal."""

    time: float  # seconds since 1970
    level: str  # one of `LEVELS`
    process: str  # "supervisor", "redis", "front 1", "worker 2"; "front" or "worker" where it is alone
    logger: str  # the module that says it; "stdout" or "stderr" of what was printed
    message: str
    id: str = ""  # of the job that it is about
    traceback: str = ""


def of(event: LogEvent, process: str) -> LogRecord | None:
    """What a process writes of an event; None for one that says nothing."""
    if CARRIED in event:
        carried: LogRecord = event[CARRIED]
        return carried
    message = _fit(formatEvent(event).strip("\n").rstrip(), LONGEST_MESSAGE)
    traceback = _fit(_traceback(event).strip("\n"), LONGEST_TRACEBACK)
    if not message and not traceback:
        return None
    logger = str(event.get("log_namespace") or "-")
    level = _level(event, logger, message)
    time = float(event.get("log_time") or 0.0)
    return LogRecord(time, level, process, printable(logger), message, _job(event, logger), traceback)


def is_at_least(record: LogRecord, level: str) -> bool:
    """Whether it is logged, from this level on."""
    return LEVELS.index(record.level) >= LEVELS.index(level)


def without_time(line: str) -> str:
    """A line of text, as `as_text` makes it without its time."""
    return line.partition(" ")[2]


def as_text(record: LogRecord, time: bool = True) -> str:
    """Without a line feed at its end; where `time` is false, without its time."""
    lines = "\n".join(filter(None, (record.message, record.traceback))).split("\n")
    when = f"{formatTime(record.time)} " if time else ""
    return f"{when}[{record.process} {record.logger}#{record.level}] " + "\n\t".join(lines)


def as_json(record: LogRecord) -> str:
    """Without a line feed at its end."""
    members: Mapping[str, Any] = msgspec.to_builtins(record)
    when = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="microseconds")
    return msgspec.json.encode({**members, "time": when.replace("+00:00", "Z")}).decode()


def _fit(text: str, most: int) -> str:
    if len(text) > most:
        text = f"{text[: most // 2]} … ({len(text) - most} characters are left out) … {text[-most // 2 :]}"
    return printable(text)


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    try:
        return str(failure.getTraceback()) if failure is not None else ""
    except Exception as error:  # of whatever a handler raised
        return f"(the traceback can't be shown: {error!r})"


def _level(event: LogEvent, logger: str, message: str) -> str:
    if event.get("log_format") in _USUAL or (logger == "log_legacy" and _OF_TWISTED.fullmatch(message)):
        return "debug"
    if logger == "stderr":  # which twistd takes for errors
        return "warn"
    level = event.get("log_level") or LogLevel.info
    return str(level.name)


def _job(event: LogEvent, logger: str) -> str:
    """The id of the job that an event is about: what a handler logs has it in the name of its logger."""
    if logger.startswith("job."):
        return printable(logger.rpartition(".")[2])
    about = event.get("id") if _JOB in str(event.get("log_format")) else None
    return printable(about) if isinstance(about, str) else ""
