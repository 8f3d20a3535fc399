"""What is measured beside its peers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import report, scripts
from bench.asking import ends_within


def test_who_polls_meets_every_part_of_its_pause_alike() -> None:
    lates = sorted(-ends_within(10, 2.0) % 2.0 for _ in range(4000))
    assert statistics.median(lates) == pytest.approx(1.0, abs=0.15)
    assert [lates[1000], lates[3000]] == pytest.approx([0.5, 1.5], abs=0.15)


def test_a_table_whose_figures_were_never_measured_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(results: Mapping[str, Any]) -> str:
        return f"{results['one']}\n"

    def never(results: Mapping[str, Any]) -> str:
        return f"{results['other']}\n"

    page = tmp_path / "page.md"
    page.write_text("<!-- a -->\nold\n<!-- /a -->\n<!-- b -->\nold\n<!-- /b -->\n")
    monkeypatch.setattr(report, "DOCS", tmp_path)
    report.write_page("page", {"one": 1}, {"a": measured, "b": never})
    assert page.read_text() == "<!-- a -->\n1\n<!-- /a -->\n<!-- b -->\nold\n<!-- /b -->\n"


def test_a_peer_that_answered_nothing_is_not_compared() -> None:
    none = {"median": 0.0, "least": 0.0, "most": 0.0}
    some = {"median": 100.0, "least": 90.0, "most": 110.0}
    told = report.queued({"jobs": {"queued": {"relay": some, "a peer": none}}})
    assert "| a peer | 0 | 0…0 |  |" in told


@pytest.mark.processes
def test_the_longest_scripts_are_called_as_stores_call_them() -> None:
    measured = scripts.measure(0.01)
    assert all({"submit", "turn", "adopt", "sweep"} & verbs.keys() for verbs in list(measured.values())[:5])
