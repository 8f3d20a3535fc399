"""An exporter of spans that a test installs: a line of JSON for each, in a file. With ``SLOW`` it hangs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

INSTALLED = "[opentelemetry_traces_exporter]\nfile = tests.file_exporter:FileExporter\n"


def install(directory: Path) -> dict[str, str]:
    """The environment in which processes find it; `directory` is to be the first of PYTHONPATH."""
    info = directory / "file_exporter-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: file-exporter\nVersion: 1\n")
    (info / "entry_points.txt").write_text(INSTALLED)
    return {"OTEL_TRACES_EXPORTER": "file", "SPANS": str(directory / "spans")}


def spans(directory: Path) -> list[dict[str, Any]]:
    """What was exported."""
    file = directory / "spans"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class FileExporter(SpanExporter):
    """Appends, each batch at once."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if "SLOW" in os.environ:
            threading.Event().wait()
        lines = [json.dumps(json.loads(span.to_json(indent=None))) for span in spans]
        with open(os.environ["SPANS"], "a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        return SpanExportResult.SUCCESS
