"""How values are shown at a terminal: in tables as wide as it is, in colours where it has them. What goes into a pipe
is whole and plain.

Text comes from jobs and clients: `cell` shows what could move a cursor by its numbers, and nothing in it is markup.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from relay.model.text import printable

_BETWEEN = 2  # spaces between columns
_LEAST = 6  # characters of a column of which the rest is cut off
_WHOLE = 100_000  # columns of what is no terminal: nothing is cut off
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


class Column(NamedTuple):
    """A column: its head, whether it has numbers, whether it is shown whole on a narrow terminal, too, and whether it
    is left out there, so that others are not cut."""

    head: str
    number: bool = False
    whole: bool = False
    spare: bool = False


def console(file: TextIO | None = None) -> Console:
    """What writes to standard output, or to a file: as wide as the terminal, without colours where NO_COLOR is set."""
    target = sys.stdout if file is None else file
    is_terminal = target.isatty() and os.environ.get("TERM") != "dumb"
    return Console(
        file=target,
        width=None if is_terminal else _WHOLE,
        force_terminal=is_terminal,
        no_color=not is_terminal or bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not is_terminal,
    )


class Listing:
    """A table without lines, below a head; it fits into what it is shown on, if that is possible at all."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
        self._columns = columns
        self._lines = [[each if isinstance(each, Text) else cell(each) for each in row] for row in rows]

    def __len__(self) -> int:
        return len(self._lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = self._columns
        widths = [max(cell_len(column.head), *self._lengths(n)) for n, column in enumerate(columns)]
        shown = _fitting(columns, widths, options.max_width)
        made = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0))
        for n, width in shown.items():
            justify: JustifyMethod = "right" if columns[n].number else "left"
            made.add_column(columns[n].head, justify=justify, width=width, no_wrap=True, header_style="bold")
        for line in self._lines:
            made.add_row(*(_cut(line[n].copy(), width) for n, width in shown.items()))
        yield made

    def _lengths(self, n: int) -> list[int]:
        return [0, *(line[n].cell_len for line in self._lines)]


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text


def _fitting(columns: Sequence[Column], widths: Sequence[int], room: int) -> dict[int, int]:
    """The columns that are shown, by their places, and how wide: the last of those to spare go first, then the widest
    are cut."""
    shown = dict(enumerate(widths))
    spare = [n for n in shown if columns[n].spare]

    def excess() -> int:
        return sum(width + _BETWEEN for width in shown.values()) - _BETWEEN - room

    while spare and excess() > 0:
        del shown[spare.pop()]
    while excess() > 0:
        widest = max(
            (n for n in shown if not (columns[n].whole or columns[n].number)),
            key=lambda n: shown[n],
            default=None,
        )
        if widest is None or shown[widest] <= _LEAST:
            break
        shown[widest] -= 1
    return shown


def cell(value: object, style: str = "") -> Text:
    """A value as one line of text."""
    return Text(printable(str(value)).replace("\n", "\\n").replace("\t", " "), style=style)


def show(*parts: RenderableType, file: TextIO | None = None) -> None:
    """Write to standard output, or to a file, without spaces at the ends of lines."""
    to = console(file)
    with to.capture() as captured:
        for part in parts:
            to.print(part)
    lines = captured.get().split("\n")
    to.file.write("\n".join(lines if to.is_terminal else [line.rstrip() for line in lines]))
    to.file.flush()


def as_json(value: Any) -> str:
    """A value as JSON, in lines that a person can read, too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def as_line(value: Any) -> str:
    """A value as JSON, in one line."""
    return msgspec.json.encode(value).decode()


def write(line: str) -> None:
    """A line for programs, to standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def remark(line: str) -> None:
    """A line for whoever looks, to standard error."""
    sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.flush()


# -- values --


def duration(seconds: float) -> str:
    """Such as ``850 ms``, ``12 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 0.9995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for place, (unit, size) in enumerate(_UNITS):
        if whole >= size:
            smaller, its_size = (*_UNITS, ("s", 1))[place + 1]
            rest = whole % size // its_size
            return f"{whole // size} {unit}{f' {rest} {smaller}' if rest and whole < size * 10 else ''}"
    return f"{whole} s"


def age(since: int, now: int) -> str:
    """How long ago a time (ms) was; ``-`` for none."""
    return duration(max(0, now - since) / 1000) if since else "-"


def moment(time: int) -> str:
    """A time (ms) in UTC to the millisecond; ``-`` for none, and ``?`` for one that no calendar has."""
    if not time:
        return "-"
    try:
        return (
            datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    except (ValueError, OverflowError, OSError):  # a store was damaged
        return "?"


def size(count: float) -> str:
    """Such as ``1.5 GiB``."""
    place = 0
    while count >= 1024 and place < len(_SIZES) - 1:
        count, place = count / 1024, place + 1
    return f"{count:.0f} {_SIZES[place]}" if place == 0 or count >= 100 else f"{count:.1f} {_SIZES[place]}"


def number(count: int) -> str:
    """With thin places for thousands; ``-`` for 0, so that what is there stands out."""
    return f"{count:,}" if count else "-"
