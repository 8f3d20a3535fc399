"""What ``relay doctor`` shows: for people, in lines, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from relay.doctor.diagnosis import Area, Diagnosis, Severity

_STYLES = {Severity.OK: "green", Severity.NOTE: "cyan", Severity.WARN: "yellow", Severity.BAD: "bold red"}
_ABOUT = {"settings": "Settings and this machine", "redis": "Redis", "way": "The way to clients"}


class DoctorReport:
    """Tells areas as they come. In a terminal texts are wrapped beside their checks; elsewhere each is one line."""

    def __init__(self, output: TextIO, as_json: bool) -> None:
        self._output = output
        self._as_json = as_json
        self._console = Console(file=output, highlight=False)

    def tell(self, area: Area) -> None:
        """All diagnoses of an area."""
        if self._as_json:
            return
        self._line(Text(f"{_ABOUT[area.name]}: {area.at}", "bold"))
        if area.failed:
            self._line(Text(f"  there is no looking at it: {area.failed}", "bold red"))
        if self._console.is_terminal:
            self._console.print(_table(area.diagnoses))
        else:
            for diagnosis in area.diagnoses:
                for line in _lines(diagnosis):
                    self._line(line)
        self._line(Text())

    def end(self, areas: Sequence[Area]) -> None:
        """How many of each severity there were; the whole as JSON."""
        if self._as_json:
            self._output.write(f"{msgspec.json.encode(areas).decode()}\n")
            return
        every = [diagnosis.severity for area in areas for diagnosis in area.diagnoses]
        counted = [f"{every.count(severity)} {severity}" for severity in reversed(Severity)]
        self._line(Text(", ".join(counted)))

    def _line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def _table(diagnoses: Sequence[Diagnosis]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for diagnosis in diagnoses:
        style = _STYLES[diagnosis.severity]
        table.add_row(
            Text(f"  {diagnosis.severity}", style), diagnosis.check, Text("\n".join(_told(diagnosis)))
        )
    return table


def _lines(diagnosis: Diagnosis) -> Iterator[Text]:
    first, *rest = _told(diagnosis)
    yield Text(f"  {diagnosis.severity:<4}  {diagnosis.check:<15}  {first}")
    yield from (Text(f"{'':25}{line}") for line in rest)


def _told(diagnosis: Diagnosis) -> Iterator[str]:
    yield diagnosis.saw
    if diagnosis.why:
        yield diagnosis.why
    yield from (f"→ {remedy}" for remedy in diagnosis.remedy)
    if diagnosis.see:
        yield f"see {diagnosis.see}"


@contextmanager
def progress(output: TextIO) -> Iterator[Callable[[float, str], None]]:
    """What is told how much has been done, shown as a bar in a terminal and nowhere else."""
    console = Console(file=output)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda part, what: bar.update(task, completed=part, description=what)
