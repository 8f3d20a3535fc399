"""Writes the table of settings into ``settings.inc``, from the one place that knows them."""

from pathlib import Path

from relay.settings import fields


def table() -> str:
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, kind, default, about in fields():
        shown = " ".join(default) if kind is tuple else str(default).lower() if kind is bool else str(default)
        rows.append(f"| `--{name.replace('_', '-')}` | {f'`{shown}`' if shown else ''} | {about} |")
    return "\n".join(rows) + "\n"


def write(directory: Path) -> None:
    (directory / "settings.inc").write_text(table())
