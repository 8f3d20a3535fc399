"""Workers, and what they run, as tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from relay.commands.tables import Column, Listing, age, cell, duration, number, size
from relay.operations.finding import SILENT
from relay.operations.seen import Overview, ProcessStatus, RunningJob

_WORKERS = (
    Column("worker", whole=True),
    Column("title"),
    Column("host", spare=True),
    Column("pid", number=True, spare=True),
    Column("jobs", number=True),
    Column("queues"),
    Column("state", whole=True),
    Column("up", number=True, spare=True),
    Column("memory", number=True, spare=True),
    Column("late", number=True),
)
_RUNNING = (
    Column("worker"),
    Column("id", whole=True),
    Column("name"),
    Column("attempt", number=True),
    Column("for", number=True),
    Column("progress"),
)


def worker_table(workers: Iterable[ProcessStatus], now: int) -> Listing:
    """A line for each worker."""
    return Listing(_WORKERS, (_worker(each, now) for each in workers))


def _worker(worker: ProcessStatus, now: int) -> tuple[str | Text, ...]:
    return (
        worker.name,
        worker.title,
        worker.host,
        str(worker.pid),
        f"{worker.running:,} of {worker.concurrency:,}",
        ",".join(worker.queues) or "all",
        process_state(worker, now),
        age(worker.began, now),
        size(worker.memory),
        duration(worker.lag),
    )


def process_state(process: ProcessStatus, now: int) -> Text:
    """Whether a process works."""
    silence = (now - process.seen) / 1000
    if silence >= SILENT:
        return cell(f"silent for {duration(silence)}", "red")
    return cell("quiet", "yellow") if process.quiet else cell("on")


def running_table(running: Iterable[RunningJob], overview: Overview) -> Listing:
    """A line for each job that runs, by their workers; what began first stands first."""
    titles = {process.name: process.title for process in overview.processes}
    return Listing(
        _RUNNING,
        (
            (
                titles.get(each.process, each.process),
                each.id,
                each.name,
                number(each.attempt),
                age(each.started, overview.time),
                cell("told to stop", "yellow") if each.cancelled else each.progress or "-",
            )
            for each in running
        ),
    )
