"""Traces of a whole relay: where spans go, how they hang together over processes, and that nothing waits for them."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.model.settings import SettingError, Settings
from relay.process import tracing
from tests import file_exporter
from tests.processes import ROOT, RelayProcess, eventually

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JOBS = ("--traces", "--allow-private", "--jobs", "tests.traced_jobs", "--jobs", "relay.jobs")


class Echoing(http.server.BaseHTTPRequestHandler):
    """Answers with the traceparent of the request."""

    def do_GET(self) -> None:
        said = self.headers.get("traceparent", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echoing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1?secret=1"
    server.shutdown()
    server.server_close()


def traced(directory: Path, **more: str) -> RelayProcess:
    """A relay whose spans are kept in a file."""
    environment = file_exporter.install(directory / "otel")
    path = f"{directory / 'otel'}:{ROOT}"
    return RelayProcess(directory, "all", *JOBS, environment={**environment, "PYTHONPATH": path, **more})


@pytest.mark.processes
def test_one_trace_leads_from_the_client_to_the_api_that_a_handler_calls(tmp_path: Path, api: str) -> None:
    relay = traced(tmp_path, OTEL_BSP_SCHEDULE_DELAY="60000")  # all of them are sent at the end
    relay.start()
    relay.wait_until_jobs_are_known()
    answer = relay.call("POST", "/jobs/calls", {"url": api}, {"traceparent": CLIENT}).json()
    threads = {
        name: relay.call("POST", f"/jobs/{name}").json()["result"]
        for name in ("in_a_thread", "in_a_thread_of_its", "in_a_task")
    }
    below = relay.call("POST", "/jobs/parent").json()["result"]
    assert relay.stop() == 0
    assert "relay.request#info] method=POST path=/jobs/parent" in relay.log_tail()  # written as it stopped
    found = file_exporter.spans(tmp_path / "otel")
    ours = {
        each["name"]: each for each in found if each["context"]["trace_id"] == f"0x{CLIENT.split('-')[1]}"
    }
    request, attempt, own, call = (ours[name] for name in ("POST /jobs/calls", "process calls", "own", "GET"))
    assert request["parent_id"] == f"0x{CLIENT.split('-')[2]}"
    for child, parent in ((ours["queued calls"], request), (attempt, request), (own, attempt), (call, own)):
        assert child["parent_id"] == parent["context"]["span_id"], child["name"]
    assert answer["result"].split("-")[2] == call["context"]["span_id"][2:]
    assert call["attributes"]["url.full"] == api.partition("?")[0]
    assert request["attributes"]["messaging.message.id"] == answer["id"]
    assert {each["resource"]["attributes"]["service.name"] for each in found} == {"relay"}
    attempts = {each["name"]: each for each in found if each["name"].startswith("process ")}
    for name, present in threads.items():
        assert {f"0x{present}"} <= {
            each["context"]["span_id"] for each in found if each["name"] == f"process {name}"
        }
    child = next(each for each in found if each["context"]["span_id"] == f"0x{below}")
    assert child["parent_id"] == attempts["process parent"]["context"]["span_id"]


@pytest.mark.long
@pytest.mark.processes
def test_an_exporter_that_hangs_holds_up_neither_jobs_nor_the_end(tmp_path: Path) -> None:
    relay = traced(tmp_path, SLOW="1", OTEL_BSP_SCHEDULE_DELAY="10")
    relay.start()
    relay.wait_until_jobs_are_known()
    for _ in range(20):
        assert relay.call("POST", "/jobs/echo").status == 200
    began = time.monotonic()
    assert relay.stop() == 0
    assert time.monotonic() - began < 8
    relay.wait_for("the last spans could not be sent within 2 s")


@pytest.mark.long
@pytest.mark.processes
def test_traces_that_can_not_be_sent_are_told_at_the_start(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, "all", "--traces", environment={"OTEL_TRACES_EXPORTER": "nowhere"})
    super(RelayProcess, relay).start()
    assert relay.process is not None
    assert relay.process.wait(20) == 1
    eventually(
        lambda: "there is no exporter nowhere (OTEL_TRACES_EXPORTER=nowhere)" in relay.log_tail(),
        "it says so",
    )


@pytest.mark.parametrize(
    ("variables", "package"),
    [
        ({}, "opentelemetry-exporter-otlp-proto-http"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "opentelemetry-exporter-otlp-proto-grpc"),
        ({"OTEL_TRACES_EXPORTER": "console,zipkin"}, "opentelemetry-exporter-zipkin"),
    ],
    ids=["by default", "by gRPC", "another"],
)
def test_a_missing_exporter_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], package: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tracing, "entry_points", only_console)
    with pytest.raises(SettingError, match=f"install relay\\[otel\\], or {package}$"):
        tracing.check(Settings(traces=True))
    tracing.check(Settings())


def only_console(group: str, name: str) -> list[Any]:
    """The exporters of the SDK alone, whatever else is installed here."""
    from importlib.metadata import entry_points

    return [each for each in entry_points(group=group, name=name) if name == "console"]


def test_no_exporter_is_needed_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    tracing.check(Settings(traces=True))
