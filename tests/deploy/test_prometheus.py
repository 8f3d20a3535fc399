"""The alert rules, their test and the dashboard are valid, and know only metrics that relay has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from relay.telemetry.metrics import METRICS
from tests.processes import LoggedProcess, RelayProcess, eventually, free_port

_ENDS = re.compile(r"_(bucket|sum|count)$")
_NAME = re.compile(r"\brelay_[a-z0-9_]+")
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "deploy" / "prometheus"


@pytest.fixture
def queries(root: Path) -> list[str]:
    """All that the dashboard asks, as Prometheus gets it."""
    dashboard = json.loads((root / "deploy" / "grafana" / "relay.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return [text.replace("$__rate_interval", "1m").replace("$instance", ".*") for text in found]


def unknown(texts: list[str]) -> set[str]:
    names = {name for text in texts for name in _NAME.findall(text)}
    return {name for name in names if name not in METRICS and _ENDS.sub("", name) not in METRICS}


def promtool(folder: Path, *words: str) -> Any:
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_name_only_what_is_counted(folder: Path, queries: list[str]) -> None:
    rules = (folder / "relay.rules.yml").read_text()
    expressions = re.findall(r"expr: >-\n(.*?)\n +for:", rules, re.DOTALL)
    assert len(expressions) == rules.count("- alert:")
    assert unknown([*expressions, *queries]) == set()
    assert unknown(["relay_held_request"]) == {"relay_held_request"}


def test_all_that_is_counted_of_clients_and_jobs_is_on_the_dashboard(queries: list[str]) -> None:
    shown = " ".join(queries)
    for name in (
        "relay_requests_total",
        "relay_attempts_total",
        "relay_queue_oldest_seconds",
        "relay_held_requests",
    ):
        assert name in shown


def test_each_alert_has_its_words_and_its_place_in_the_runbook(folder: Path) -> None:
    rules = (folder / "relay.rules.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)", rules)
    anchors = re.findall(r'runbook_url: "docs/runbook\.md#([a-z-]+)"', rules)
    assert anchors == [re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in alerts]
    assert rules.count("summary:") == rules.count("description:") == len(alerts)


def test_each_alert_fires_in_the_test_of_the_rules(folder: Path) -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (folder / "relay.rules.yml").read_text()))
    fired = set(re.findall(r'alertname="(\w+)"', (folder / "relay.test.yml").read_text()))
    assert fired == alerts


@pytest.mark.processes
@needs_promtool
def test_the_rules_are_valid_and_fire_where_they_should(folder: Path) -> None:
    promtool(folder, "check", "config", "prometheus.yml")
    promtool(folder, "test", "rules", "relay.test.yml")


@pytest.mark.processes
@needs_promtool
def test_each_query_of_the_dashboard_can_be_read(queries: list[str], tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool(tmp_path, "check", "rules", "queries.yml")


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_a_real_prometheus_reads_a_real_relay_and_finds_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    admin, port = free_port(), free_port()
    relay = RelayProcess(tmp_path, "all", "--admin", f"tcp:{admin}:interface=127.0.0.1", "--drain", "1")
    relay.start()
    prometheus = LoggedProcess(_prometheus(folder, tmp_path, admin, port), dict(os.environ), tmp_path)
    prometheus.start()
    try:
        relay.wait_until_jobs_are_known()
        eventually(lambda: _ask(port, "relay_requests_total{role='front'} > 0"), "the front is read")
        assert _ask(port, "sum(relay_store_up)") == 1
        relay.stop()
        eventually(lambda: _ask(port, 'ALERTS{alertname="RelayDown", alertstate="firing"}'), "an alert fires")
    finally:
        prometheus.stop()
        relay.stop()


def _prometheus(folder: Path, directory: Path, admin: int, port: int) -> list[str]:
    """The command of one that looks each second, with the alerts that are delivered, but at once."""
    rules = re.sub(r"for: \w+", "for: 0s", (folder / "relay.rules.yml").read_text())
    (directory / "relay.rules.yml").write_text(rules)
    config = (folder / "prometheus.yml").read_text().replace("15s", "1s").replace("8081", str(admin))
    (directory / "prometheus.yml").write_text(config)
    return [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def _ask(port: int, query: str) -> float:
    """The first value that a query finds, 0 for none."""
    with suppress(OSError):
        url = f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}"
        with urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0
    return 0.0
