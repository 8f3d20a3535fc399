"""Writes the table of settings (``settings.inc``) from `relay.model.settings`. Run it with ``make settings``."""

from pathlib import Path

from relay.model.settings import fields, unit

FILE = Path(__file__).parent / "settings.inc"


def table() -> str:
    rows = ["| setting | unit | default | meaning |", "| --- | --- | --- | --- |"]
    for name, kind, default, about in fields():
        shown = " ".join(default) if kind is tuple else str(default).lower() if kind is bool else str(default)
        cells = (f"`--{name.replace('_', '-')}`", unit(name), f"`{shown}`" if shown else "", about)
        rows.append(" ".join(("|", " | ".join(cells), "|")).replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    FILE.write_text(table())
