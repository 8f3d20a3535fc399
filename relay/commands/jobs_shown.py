"""Jobs as a person reads them: in a list, or one with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relay.commands.tables import Column, Listing, age, cell, duration, moment, number
from relay.operations.seen import AttemptStatus, JobDetail, JobRow

_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "dead": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
    "died": "red",
}
_COLUMNS = (
    Column("id", whole=True),
    Column("name"),
    Column("queue", spare=True),
    Column("owner", spare=True),
    Column("state", whole=True),
    Column("age", number=True, whole=True),
    Column("took", number=True, whole=True),
    Column("attempts", number=True, spare=True),
    Column("problem"),
)
_FREE = ("postponed", "given back")
_MOST_LINES = 60  # of a result
_ATTEMPTS = (
    Column("attempt", number=True),
    Column("how"),
    Column("started", whole=True),
    Column("took", number=True),
    Column("problem"),
    Column("process", spare=True),
)


def state(name: str) -> Text:
    """A state in its colour."""
    return cell(name, _STYLES.get(name, ""))


def job_table(rows: Iterable[JobRow], now: int) -> Listing:
    """A list of jobs; `now` is Redis' time (ms)."""
    return Listing(_COLUMNS, (_row(row, now) for row in rows))


def _row(row: JobRow, now: int) -> tuple[str | Text, ...]:
    return (
        row.id,
        row.name,
        row.queue,
        row.owner,
        state(row.state),
        age(row.created, now),
        _took(row.started, row.finished or (now if row.state == "running" else 0)),
        number(row.attempts),
        row.problem or "-",
    )


def _took(started: int, ended: int) -> str:
    return duration((ended - started) / 1000) if started and ended >= started else "-"


def job_page(detail: JobDetail, now: int) -> Iterator[RenderableType]:
    """All that is known of a job: `show` writes its parts one below the other."""
    yield Text.assemble((detail.row.id, "bold"), "  ", cell(detail.row.name), "  ", state(detail.row.state))
    yield ""
    yield _facts(_known(detail, now))
    if detail.attempts:
        yield ""
        yield Listing(_ATTEMPTS, (_attempt(each, detail.row.started, now) for each in detail.attempts))
    yield from _documents(detail)
    yield ""
    id = detail.row.id
    yield Text(f"Its lines in the log: grep {id} (under systemd: journalctl -u relay | grep {id})")


def _facts(facts: Iterable[tuple[str, str]]) -> Table:
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in facts:
        if value and value != "-":
            made.add_row(name, cell(value))
    return made


def _known(detail: JobDetail, now: int) -> Iterator[tuple[str, str]]:
    row = detail.row
    yield "owner", row.owner
    yield "queue", f"{row.queue}{f', priority {detail.priority}' * bool(detail.priority)}"
    yield "why it waits", detail.why_waiting
    yield "place in its line", number(detail.position)
    yield "lane of a limit", detail.lane
    yield "made", _when(row.created, now)
    yield "may start", _when(detail.due, now)
    yield "started", _when(row.started, now)
    yield "ended", _when(row.finished, now)
    yield "took", _took(row.started, row.finished)
    yield "deadline", _when(detail.deadline, now)
    yield "kept until", _when(detail.expires, now)
    yield "attempts", _counted(detail)
    yield from _problem(detail)
    yield "worker", detail.process
    yield "parent", detail.parent
    yield "children", ", ".join(detail.children)
    yield "awaited by", ", ".join(detail.waiters)
    yield "trace", detail.trace


def _counted(detail: JobDetail) -> str:
    """How many attempts there were, and what makes that hard to understand."""
    row, hows = detail.row, [_how(each) for each in detail.attempts]
    parts = [f"{row.attempts} of {detail.most_attempts}" if detail.most_attempts else str(row.attempts)]
    died, free = hows.count("died"), sum(how in _FREE for how in hows)
    if died:
        parts.append(
            f"{died} of them died with their worker, after which a job runs again whatever its attempts"
        )
    if free:
        parts.append(
            f"besides {free} that counted as none (postponed, or given back by a worker that stopped)"
        )
    return "; ".join(parts)


def _how(attempt: AttemptStatus) -> str:
    return "died" if attempt.problem == "worker-died" else attempt.how


def _problem(detail: JobDetail) -> Iterator[tuple[str, str]]:
    """What it failed with, in words."""
    error = detail.envelope.get("error")
    told = error if isinstance(error, dict) else {}
    title = str(told.get("title", ""))
    yield "problem", f"{detail.row.problem}{f': {title}' * bool(title and detail.row.problem)}"
    yield "detail", str(told.get("detail", ""))
    if detail.row.problem == "job-failed":
        yield "exception", "in the log of its worker, see below: it may tell what clients must not know"


def _when(time: int, now: int) -> str:
    if not time:
        return ""
    away = f"{age(time, now)} ago" if time <= now else f"in {age(now, time)}"
    return f"{moment(time)} ({away})"


def _attempt(attempt: AttemptStatus, started: int, now: int) -> tuple[str | Text, ...]:
    end = attempt.ended or (now if attempt.how == "running" else 0)
    return (
        str(attempt.number),
        state(attempt.how),
        moment(attempt.started),
        _took(attempt.started, end),
        attempt.problem or "-",
        attempt.process or "-",
    )


def _documents(detail: JobDetail) -> Iterator[RenderableType]:
    """The JSON in a job: its arguments, progress, result or problem."""
    if not detail.arguments and detail.row.finished:
        yield ""
        yield Text("arguments are no longer kept: only those of jobs that live or are dead are", style="dim")
    elif detail.arguments:
        cut = " (cut off)" if detail.arguments_cut else ""
        yield ""
        yield Text(f"arguments{cut}", style="dim")
        yield cell(detail.arguments)
    for name in ("progress", "result", "error"):
        value = detail.envelope.get(name)
        if value is not None:
            yield ""
            yield Text(name, style="dim")
            yield _json(value)


def _json(value: object) -> Group:
    lines = msgspec.json.format(msgspec.json.encode(value), indent=2).decode().splitlines()
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"… {len(lines) - _MOST_LINES:,} more lines: --json shows all"]
    return Group(*map(cell, lines))
