"""What ``relay status`` and ``relay top`` show of a whole relay: what is wrong first, then what is slow, what fails,
the processes, Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from relay.commands.queues_shown import state_of
from relay.commands.tables import Column, Listing, age, cell, duration, number, size
from relay.commands.workers_shown import process_state
from relay.operations.figures import Failing, JobFigures, Slowness, Upstream
from relay.operations.finding import BAD, NOTE, Finding
from relay.operations.judging import is_well
from relay.operations.seen import NameStatus, Overview, PartitionStatus, ProcessStatus, StoreInfo

MOST = 10  # rows of a table
_LEVELS = {BAD: ("bad", "bold red"), NOTE: ("note", "dim"), "warning": ("warning", "yellow")}
_PROCESSES = (
    Column("process"),
    Column("name", spare=True),
    Column("host", spare=True),
    Column("does", whole=True),
    Column("state", whole=True),
    Column("up", number=True),
    Column("memory", number=True, spare=True),
    Column("late", number=True),
    Column("version", spare=True),
)
_SLOW = (
    *(Column("name"), Column("queue")),
    *(Column(head, number=True) for head in ("waiting", "oldest", "running", "wait p95", "run p95")),
    Column("state"),
)
_FAILING = (
    Column("name"),
    Column("problem"),
    Column("times", number=True),
    Column("of its attempts", number=True),
)
_PARTITIONS = (
    *(Column("partition"), Column("state")),
    *(Column(head, number=True) for head in ("waiting", "running", "scheduled", "dead", "size")),
)
_UPSTREAMS = (
    Column("upstream host"),
    *(Column(head, number=True) for head in ("under way", "oldest", "calls/s", "p95")),
)


def status_parts(
    overview: Overview, figures: JobFigures, findings: Sequence[Finding], most: int = MOST
) -> Iterator[RenderableType]:
    """The parts of one screen; `most` bounds the rows of each table."""
    yield from verdict(findings)
    if overview.store.reached:  # else nobody knows
        yield from ("", totals(overview))
    slow = slow_table(overview, figures.slow, most)
    if len(slow):
        yield from ("", slow)
    if figures.failing:
        yield from ("", failing_table(figures.failing[:most]))
    if figures.upstreams:
        yield from ("", upstream_table(figures.upstreams[:most]))
    if overview.processes:
        yield from ("", process_table(overview.processes, overview.time))
    if overview.partitions:
        yield from ("", partition_table(overview.partitions))
    yield ""
    yield redis_line(overview.store)


def verdict(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Whether all is well, and what is not, each with what to do next."""
    if is_well(list(findings)):
        yield Text("All is well.", style="bold green")
    else:
        count = sum(finding.level != NOTE for finding in findings)
        yield Text(f"{count} thing{' is' if count == 1 else 's are'} wrong.", style="bold red")
    for finding in findings:
        word, style = _LEVELS[finding.level]
        yield Text.assemble((f"{word}: ", style), cell(finding.what))
        yield Text.assemble("    ", ("→ ", "dim"), cell(finding.remedy))


def totals(overview: Overview) -> Text:
    """All jobs in one line."""
    held = sum(process.held for process in overview.processes)
    oldest = max((process.oldest_held for process in overview.processes), default=0.0)
    return cell(
        f"jobs: {overview.queued:,} waiting, {overview.running:,} running, {overview.scheduled:,} scheduled, "
        f"{overview.dead:,} dead; requests: {held:,} held"
        + (f", the oldest for {duration(oldest)}" if held and oldest else "")
    )


def slow_table(overview: Overview, slow: dict[str, Slowness], most: int) -> Listing:
    """Names with jobs that wait, run or have run; the one whose oldest job has waited longest first."""
    busy = [
        name for name in overview.names if name.waiting or name.running or name.name in slow or name.paused
    ]
    first = sorted(busy, key=lambda name: (name.oldest or overview.time, -slow.get(name.name, _NONE).run))
    return Listing(_SLOW, (_slow(name, slow.get(name.name, _NONE), overview.time) for name in first[:most]))


_NONE = Slowness(0.0, 0.0)


def _slow(name: NameStatus, slow: Slowness, now: int) -> tuple[str | Text, ...]:
    return (
        name.name,
        name.queue,
        number(name.waiting),
        age(name.oldest, now),
        number(name.running),
        duration(slow.wait) if slow.wait else "-",
        duration(slow.run) if slow.run else "-",
        state_of(name),
    )


def failing_table(failing: Iterable[Failing]) -> Listing:
    """What attempts failed with, the most frequent first."""
    return Listing(
        _FAILING,
        ((each.name, cell(each.problem, "red"), number(each.times), _share(each)) for each in failing),
    )


def upstream_table(upstreams: Iterable[Upstream]) -> Listing:
    """Calls to APIs: those that are under way, and those of the last minute."""
    return Listing(_UPSTREAMS, map(_upstream, upstreams))


def _upstream(each: Upstream) -> tuple[str | Text, ...]:
    return (
        each.host,
        number(each.open),
        duration(each.oldest) if each.oldest else "-",
        f"{each.rate:,.1f}",
        duration(each.slow) if each.slow else "-",
    )


def _share(each: Failing) -> str:
    return f"{100 * each.times / each.attempts:.1f} %" if each.attempts else "-"


def process_table(processes: Iterable[ProcessStatus], now: int) -> Listing:
    """A line for each process."""
    return Listing(
        _PROCESSES, (_process(each, now) for each in sorted(processes, key=lambda p: (p.role, p.title)))
    )


def _process(process: ProcessStatus, now: int) -> tuple[str | Text, ...]:
    return (
        process.title,
        process.name,
        process.host,
        _does(process),
        process_state(process, now),
        age(process.began, now),
        size(process.memory) if process.memory else "-",
        duration(process.lag),
        process.version,
    )


def _does(process: ProcessStatus) -> str:
    if process.role == "front":
        return f"holds {process.held:,}"
    return f"runs {process.running:,} of {process.concurrency:,}" if process.role == "worker" else "-"


def partition_table(partitions: Iterable[PartitionStatus]) -> Listing:
    """A line for each partition of the store."""
    return Listing(_PARTITIONS, map(_partition, partitions))


def _partition(each: PartitionStatus) -> tuple[str | Text, ...]:
    if not each.reached:
        return (str(each.number), cell("away", "bold red"), *["-"] * 5)
    counts = each.queued, each.running, each.scheduled, each.dead
    return (str(each.number), "up", *map(number, counts), size(each.bytes) if each.bytes else "-")


def redis_line(store: StoreInfo) -> Text:
    """Redis in one line."""
    if not store.reached:
        return cell("Redis does not answer", "bold red")
    memory = f"{size(store.memory)}{f' of {size(store.most_memory)}' * bool(store.most_memory)}"
    known = (
        f"Redis {store.version}",
        f"up {duration(store.uptime)}",
        memory,
        store.persistence,
        f"{store.commands:,} commands/s",
        f"round trip {store.latency * 1000:.1f} ms",
        f"{store.clients:,} clients",
    )
    return cell(", ".join(filter(None, known)))
