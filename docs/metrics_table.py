"""Writes the table of metrics (``metrics.inc``) from `relay.telemetry.metrics`. Run it with ``make settings``."""

from pathlib import Path

from relay.telemetry.metrics import FRONTS, PROCESSES, STORE, WORKERS

FILE = Path(__file__).parent / "metrics.inc"
GROUPS = {
    "Fronts": FRONTS,
    "Workers": WORKERS,
    "All processes, the supervisor too": PROCESSES,
    "The store": STORE,
}


def table() -> str:
    parts = []
    for title, metrics in GROUPS.items():
        rows = [f"**{title}**", "", "| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
        for metric in metrics:
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            cells = f"`{metric.name}`", metric.kind, labels, metric.help
            rows.append(" ".join(("|", " | ".join(cells), "|")).replace("|  |", "| |"))
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(table())
