"""The readers that write a line of the log for each job and each request: where their lines go, and when."""

from __future__ import annotations

import time
from typing import Any

from relay.model.settings import Settings
from relay.process.output import publish_lines
from relay.telemetry.events import Events
from relay.telemetry.lines import JobLines, LineBatch, RequestLines


def readers(reactor: Any, settings: Settings, title: str) -> list[Events]:
    """Those that the settings ask for. `title`: what the log calls this process. What they have collected is written
    when the process stops, too."""
    if settings.log_level in ("warn", "error"):
        return []
    batch = LineBatch(publish_lines, reactor.callLater)
    how = batch, title, settings.log_format == "json"
    made: list[Events] = []
    if settings.log_jobs != "none":
        made.append(JobLines(*how, settings.log_jobs == "failures", time.time))
    if settings.log_requests != "none":
        made.append(RequestLines(*how, settings.log_requests == "failures", time.time))
    for phase in ("during", "after") if made else ():  # within the first a process may end at once
        reactor.addSystemEventTrigger(phase, "shutdown", batch.flush)
    return made
