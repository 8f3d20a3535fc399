"""What ``relay top`` shows: what happens in a second, what waits, what runs for longest."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich.console import RenderableType
from rich.text import Text

from relay.commands.status_shown import process_table, redis_line, slow_table, totals, verdict
from relay.commands.tables import cell
from relay.commands.workers_shown import running_table
from relay.operations.figures import JobFigures
from relay.operations.finding import Finding
from relay.operations.seen import Overview, RunningJob
from relay.telemetry.rates import Rates

_TABLE = 6  # lines around the rows of all tables: heads, spaces, the ends


class Look(msgspec.Struct, frozen=True):
    """One look at a relay; `rates`: events in a second, by metric and labels."""

    overview: Overview
    figures: JobFigures
    findings: list[Finding]
    running: list[RunningJob]
    rates: Rates


def top_parts(look: Look, height: int) -> Iterator[RenderableType]:
    """The parts of one screen of so many lines."""
    overview = look.overview
    verdict_lines = list(verdict(look.findings[: max(1, height // 8)]))
    yield from verdict_lines
    yield totals(overview)
    yield rate_line(look.rates)
    room = max(6, height - len(verdict_lines) - len(overview.processes) - 3 - _TABLE)
    names = slow_table(overview, look.figures.slow, room // 2)
    if len(names):
        yield from ("", names)
    left = max(1, room - len(names))
    if look.running:
        yield from ("", running_table(look.running[:left], overview))
    if overview.processes:
        yield from ("", process_table(overview.processes, overview.time))
    yield redis_line(overview.store)


def rate_line(rates: Rates) -> Text:
    """What happens in a second."""
    ended = rates.get("relay_attempts_total", {})
    failed = sum(rates.get("relay_failures_total", {}).values())
    parts = (
        ("submissions", sum(rates.get("relay_submissions_total", {}).values())),
        ("attempts ended", sum(ended.values())),
        ("failed", failed),
        ("heartbeats", sum(rates.get("relay_heartbeats_total", {}).values())),
        ("calls to APIs", sum(rates.get("relay_upstream_requests_total", {}).values())),
    )
    return cell("in a second: " + ", ".join(f"{what} {rate:,.1f}" for what, rate in parts))
