"""How the log of a process that twistd runs is written: by twistd, where its own options say, in relay's form.

A plugin is called before twistd begins to log, and knows neither file nor syslog, so it waits until twistd begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from relay.model.settings import Settings
from relay.net.private import is_twistds_file, on_log_begin, syslog_of
from relay.process import record

Form = Callable[[record.LogRecord], str]
_PRIORITIES = {"critical": 2, "error": 3, "warn": 4, "info": 6, "debug": 7}  # of syslog(3)


def arrange(settings: Settings, process: str) -> None:
    """Have the log that begins next written as the settings say, of a process of this name. What observers of an
    operator's own (``--logger``) write is theirs to say."""
    on_log_begin(lambda observer: _arranged(observer, settings, process))


def _arranged(observer: Any, settings: Settings, process: str) -> ILogObserver:
    syslog = syslog_of(observer)
    if syslog is not None:
        return _Syslog(syslog, settings, process)
    if is_twistds_file(observer):
        form = record.as_json if settings.log_format == "json" else record.as_text
        observer.formatEvent = _lines(form, settings.log_level, process)
    made: ILogObserver = observer
    return made


def _lines(form: Form, level: str, process: str) -> Callable[[LogEvent], str | None]:
    def lines(event: LogEvent) -> str | None:
        if record.LINES in event:
            return "".join([f"{line}\n" for line in event[record.LINES]])
        made = record.of(event, process)
        return f"{form(made)}\n" if made is not None and record.is_at_least(made, level) else None

    return lines


@implementer(ILogObserver)
class _Syslog:
    """Each event at its priority; an object of JSON as one message, text as one for each line."""

    def __init__(self, syslog: Any, settings: Settings, process: str) -> None:
        self._syslog = syslog
        self._is_json = settings.log_format == "json"
        self._level = settings.log_level
        self._process = process

    def __call__(self, event: LogEvent) -> None:
        for line in event.get(record.LINES, ()):
            self._syslog.syslog(_PRIORITIES["info"], line if self._is_json else record.without_time(line))
        made = record.of(event, self._process) if record.LINES not in event else None
        if made is None or not record.is_at_least(made, self._level):
            return
        text = record.as_json(made) if self._is_json else record.as_text(made, time=False)
        for line in text.split("\n"):
            self._syslog.syslog(_PRIORITIES[made.level], line)
