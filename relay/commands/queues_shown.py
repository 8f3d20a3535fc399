"""Queues and names of jobs, as tables."""

from __future__ import annotations

from rich.text import Text

from relay.commands.tables import Column, Listing, age, cell, number
from relay.operations.seen import NameStatus, Overview

_COUNTS = tuple(Column(head, number=True) for head in ("waiting", "oldest", "running", "scheduled", "dead"))


def queue_table(overview: Overview) -> Listing:
    """A line for each queue, the one with the oldest job first."""
    rows = sorted(overview.queues, key=lambda queue: (queue.oldest or overview.time, queue.queue))
    dead = {queue.queue: sum(n.dead for n in overview.names if n.queue == queue.queue) for queue in rows}
    columns = (Column("queue"), *_COUNTS, Column("state"))
    return Listing(
        columns,
        (
            (
                row.queue,
                number(row.waiting),
                age(row.oldest, overview.time),
                number(row.running),
                number(row.scheduled),
                number(dead[row.queue]),
                cell("paused", "yellow") if row.paused else "on",
            )
            for row in rows
        ),
    )


def name_table(overview: Overview) -> Listing:
    """A line for each name of a job, the one with the oldest job first."""
    rows = sorted(overview.names, key=lambda name: (name.oldest or overview.time, name.name))
    columns = (Column("name"), Column("queue"), *_COUNTS, Column("state"))
    return Listing(
        columns,
        (
            (
                row.name,
                row.queue,
                number(row.waiting),
                age(row.oldest, overview.time),
                number(row.running),
                number(row.scheduled),
                number(row.dead),
                state_of(row),
            )
            for row in rows
        ),
    )


def state_of(name: NameStatus) -> Text:
    """Whether jobs of a name are run."""
    if name.paused:
        return cell("paused", "yellow")
    if not name.served:
        return cell("not served", "red" if name.waiting else "dim")
    if name.limited:
        return cell(f"{name.limited:,} behind a limit", "yellow")
    return cell("on")
