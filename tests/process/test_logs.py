"""The log: its two forms, its levels, whose it is, and what is not in it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import (
    LegacyLogObserverWrapper,
    LogEvent,
    Logger,
    LogLevel,
    LogPublisher,
    globalLogBeginner,
    globalLogPublisher,
    jsonFileLogObserver,
    textFileLogObserver,
)
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.python.syslog import SyslogObserver

from relay.model.settings import Settings
from relay.process import logs, record
from relay.process.output import LONGEST_LINE, Lines, LogReader, LogWriter, publish_lines
from relay.telemetry.lines import JOB, REQUEST, JobLine, RequestLine
from tests.processes import ROOT, LoggedProcess, RedisProcess, RelayProcess, eventually
from tests.test_twistd import TWISTD

TEXT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[(.+) (\S+)#(debug|info|warn|error|critical)\] .*"
)
MEMBERS = {"time", "level", "process", "logger", "message"}
SECOND = timedelta(seconds=1)
NOISE = re.compile(r"factory|starting on|Port .*Closed|Loading|Loaded\.|plugin cache|reactor class")


def objects(process: LoggedProcess) -> list[dict[str, Any]]:
    """What a process logged, each line an object."""
    found = [json.loads(line) for line in list(process._lines)]
    assert all(line.keys() >= MEMBERS for line in found)
    own = {REQUEST: set(RequestLine.__struct_fields__), JOB: set(JobLine.__struct_fields__)}
    assert all(line.keys() <= own.get(line["logger"], MEMBERS | {"id", "traceback"}) for line in found)
    return found


def with_message(process: LoggedProcess, text: str) -> dict[str, Any]:
    eventually(lambda: [line for line in objects(process) if text in line["message"]], text)
    return next(line for line in objects(process) if text in line["message"])


@pytest.fixture(scope="module", params=["all", "worker"])
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    """A worker that writes JSON, under a supervisor or alone, and the relay that it belongs to."""
    directory = tmp_path_factory.mktemp("written")
    options = ["--log-format", "json", "--jobs", "tests.logged_jobs"]
    if request.param == "all":
        relay = RelayProcess(directory, "all", *options)
        relay.start()
        yield relay, relay
        relay.stop()
        return
    redis = RedisProcess(directory)
    redis.start()
    front = RelayProcess(directory, "front", "--redis", redis.url)
    worker = RelayProcess(directory, "worker", "--redis", redis.url, *options)
    front.start()
    worker.start()
    eventually(lambda: front.call("POST", "/jobs/said").status == 200, "the jobs are known")
    yield front, worker
    for process in (worker, front, redis):
        process.stop()


def name_of(worker: RelayProcess) -> str:
    return "worker 1" if worker.role == "all" else "worker"


@pytest.mark.processes
def test_what_a_handler_says_has_its_process_its_level_and_its_job(written: tuple[Any, Any]) -> None:
    relay, worker = written
    id = relay.call("POST", "/jobs/said").json()["id"]
    eventually(lambda: [line for line in objects(worker) if line.get("id") == id], "it is logged")
    line = next(line for line in objects(worker) if line.get("id") == id)
    assert line["message"] == "as context.log"
    assert (line["process"], line["level"]) == (name_of(worker), "info")
    assert line["logger"] == f"job.said.{id}"
    assert abs(datetime.fromisoformat(line["time"]) - datetime.now(UTC)) < 60 * SECOND
    assert line["time"].endswith("Z")
    assert not [line for line in objects(worker) if "look closely" in line["message"]]


@pytest.mark.processes
def test_a_job_and_its_request_are_a_line_each(written: tuple[Any, Any]) -> None:
    relay, worker = written
    id = relay.call("POST", "/jobs/said").json()["id"]
    loggers = {JOB, REQUEST} if worker.role == "all" else {JOB}

    def lines() -> dict[str, Any]:
        return {line["logger"]: line for line in objects(worker) if line.get("id") == id}

    eventually(lambda: loggers <= lines().keys(), "they are logged")
    found = lines()
    assert (found[JOB]["end"], found[JOB]["process"], found[JOB]["job"]) == (
        "succeeded",
        name_of(worker),
        "said",
    )
    if REQUEST in loggers:
        assert (found[REQUEST]["status"], found[REQUEST]["process"]) == (200, "front 1")


@pytest.mark.processes
def test_a_failure_is_one_object_with_its_traceback(written: tuple[Any, Any]) -> None:
    relay, worker = written
    id = relay.call("POST", "/jobs/broken").json()["id"]
    eventually(lambda: [line for line in objects(worker) if "traceback" in line], "it is logged")
    line = next(line for line in objects(worker) if "traceback" in line)
    assert line["id"] == id
    assert line["process"] == name_of(worker)
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert "two \\x1b[31mred\\u202e" in line["traceback"]


@pytest.mark.processes
@pytest.mark.parametrize("written", ["all"], indirect=True)
def test_what_is_printed_is_taken_for_nothing_else(written: tuple[Any, Any]) -> None:
    relay, worker = written
    relay.call("POST", "/jobs/printed")
    levels = {"plain": "info", "forged": "info", "to standard error": "warn", "of a program": "info",
              "no end either": "info", "past Python": "info"}  # fmt: skip
    for text, level in levels.items():
        line = with_message(worker, text)
        assert (line["process"], line["level"]) == (name_of(worker), level), text
        assert line["logger"] in ("stdout", "stderr")
    assert not [line for line in objects(worker) if line["message"] == "forged"]


@pytest.mark.processes
def test_each_process_has_its_name_and_nobody_makes_noise(written: tuple[Any, Any]) -> None:
    _, worker = written
    expected = {"worker"} if worker.role == "worker" else {"supervisor", "front 1", "worker 1"}
    assert expected <= {line["process"] for line in objects(worker)} <= expected | {"redis"}
    assert not [line for line in objects(worker) if NOISE.search(line["message"])]


@pytest.mark.processes
@pytest.mark.parametrize("level", ["debug", "warn"])
def test_parent_and_children_keep_to_the_level(tmp_path: Path, level: str) -> None:
    options = ["--listen", "tcp:0:interface=127.0.0.1", "--jobs", "tests.logged_jobs", "--log-format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_LOG_LEVEL": level}
    process = LoggedProcess([TWISTD, "-n", "--pidfile=", "relay", *options], environment, tmp_path)
    process.start()
    if level == "debug":
        process.wait_for("relay worker serves")
        process.wait_for("starting on|factory")
        assert process.stop() == 0
    else:
        eventually(lambda: (tmp_path / "relay-data" / "redis.sock").exists(), "it is there")
        process.stop()
        assert {line["level"] for line in objects(process)} <= {"warn", "error", "critical"}


@pytest.mark.processes
@pytest.mark.parametrize("form", ["text", pytest.param("json", marks=pytest.mark.long)])
def test_twistd_rotates_the_file_that_it_was_given(tmp_path: Path, form: str) -> None:
    options = ["--listen", "tcp:0:interface=127.0.0.1", "--log-format", form]
    command = [TWISTD, "-n", "--pidfile=", "-l", "relay.log", "relay", *options]
    process = LoggedProcess(command, {**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path)
    process.start()
    current, former = tmp_path / "relay.log", tmp_path / "relay.log.1"
    eventually(lambda: current.exists() and "relay worker serves" in current.read_text(), "it works")
    process.signal(signal.SIGUSR1)
    eventually(former.exists, "it is rotated")
    assert process.stop() == 0
    assert "relay worker serves" in former.read_text()
    assert "Server Shut Down" in current.read_text()
    for line in [*former.read_text().splitlines(), *current.read_text().splitlines()]:
        assert json.loads(line) if form == "json" else TEXT.fullmatch(line)


@pytest.mark.processes
def test_the_tac_file_does_and_writes_the_same_with_settings_from_the_environment(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "RELAY_LISTEN": "tcp:0:interface=127.0.0.1",
        "RELAY_LOG_FORMAT": "json",
        "RELAY_DATA": str(tmp_path / "data"),
    }
    process = LoggedProcess(
        [TWISTD, "-n", "--pidfile=", "-y", str(ROOT / "relay.tac")], environment, tmp_path
    )
    process.start()
    process.wait_for("relay front listens")
    process.wait_for("relay worker serves .*echo")
    assert process.stop() == 0
    assert {"supervisor", "worker 1"} <= {line["process"] for line in objects(process)}
    assert not [line for line in objects(process) if NOISE.search(line["message"])]


@pytest.mark.processes
def test_a_misspelt_variable_ends_the_program_with_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_MAX_WIAT": "1"}
    done = subprocess.run(
        [TWISTD, "-n", "--pidfile=", "relay"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "relay: there is no setting RELAY_MAX_WIAT: did you mean RELAY_MAX_WAIT?\n",
    )


# -- one process --


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings, Any], LogPublisher]:
    """What a log publishes to, once it began as twistd begins it, with the observer that twistd made."""
    publisher = LogPublisher()

    def begin(observers: list[Any], **_: Any) -> None:
        for observer in observers:
            publisher.addObserver(observer)

    def begun(settings: Settings, observer: Any) -> LogPublisher:
        monkeypatch.setitem(vars(globalLogBeginner), "beginLoggingTo", begin)
        logs.arrange(settings, "worker")
        globalLogBeginner.beginLoggingTo([observer])
        return publisher

    return begun


class Syslog(SyslogObserver):
    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []

    def syslog(self, priority: int, line: str) -> None:
        self.said.append((priority, line))


def failure() -> Failure:
    try:
        raise ValueError("two\n<3>lines\x1b")
    except ValueError:
        return Failure()


@pytest.mark.parametrize("form", ["text", "json"])
def test_syslog_gets_the_priority_and_no_time(form: str, begun: Any) -> None:
    syslog = Syslog()
    log = Logger("x", observer=begun(Settings(log_format=form), LegacyLogObserverWrapper(syslog.emit)))
    log.info("fine")
    log.debug("not wanted")
    log.failure("it broke", failure())
    priorities, lines = zip(*syslog.said, strict=True)
    assert set(priorities) == {6, 2}
    if form == "json":
        assert [json.loads(line)["message"] for line in lines] == ["fine", "it broke"]
    else:
        assert lines[:3] == (
            "[worker x#info] fine",
            "[worker x#critical] it broke",
            "\tTraceback (most recent call last):",
        )
        assert "\t<3>lines\\x1b" in lines


def test_observers_of_an_operators_own_write_as_they_do(begun: Any) -> None:
    out = io.StringIO()
    Logger("x", observer=begun(Settings(), jsonFileLogObserver(out, recordSeparator=""))).debug("said")
    assert json.loads(out.getvalue())["log_namespace"] == "x"


def test_a_traceback_can_not_be_taken_for_lines_of_the_log(begun: Any) -> None:
    out = io.StringIO()
    Logger("x", observer=begun(Settings(), textFileLogObserver(out))).failure("it broke", failure())
    first, *others = out.getvalue().splitlines()
    assert TEXT.fullmatch(first)
    assert all(line.startswith("\t") for line in others)
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (lambda: legacy.msg("Site starting on 8080"), "debug"),
        (lambda: legacy.msg("(TCP Port 8080 Closed)"), "debug"),
        (lambda: legacy.msg(format="Unable to write to plugin cache %(path)s: error", path="x"), "debug"),
        (lambda: legacy.msg("Loading relay.tac..."), "debug"),
        (lambda: Logger("twisted.internet.base").info("Main loop terminated."), "debug"),
        (lambda: legacy.msg("a library says it"), "info"),
        (lambda: Logger("job.a.1").info("Loaded."), "info"),
    ],
    ids=["starting", "closed", "cache", "loading", "end", "library", "handler"],
)  # fmt: skip
def test_what_twisted_says_of_itself_is_for_debugging(said: Callable[[], None], level: str) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    said()
    globalLogPublisher.removeObserver(events.append)
    made = record.of(events[-1], "front")
    assert made is not None
    assert made.level == level


def test_what_is_printed_to_standard_error_is_a_warning_also_where_twistd_takes_it_for_an_error() -> None:
    made = record.of(
        {"log_format": "printed", "log_namespace": "stderr", "log_level": LogLevel.error}, "front"
    )
    assert made is not None
    assert made.level == "warn"


def test_what_can_not_be_shown_is_logged_all_the_same(no_logged_failures: list[LogEvent]) -> None:
    class Odd(Failure):
        def getTraceback(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("odd")

    made = record.of({"log_format": "{x}", "log_failure": Odd(ValueError())}, "front")
    assert made is not None
    assert "Unable to format" in made.message
    assert "odd" in made.traceback


# -- between two --


@pytest.fixture
def published() -> Iterator[list[record.LogRecord]]:
    found: list[record.LogRecord] = []

    def watch(event: LogEvent) -> None:
        found.append(event[record.CARRIED])

    globalLogPublisher.addObserver(watch)
    yield found
    globalLogPublisher.removeObserver(watch)


def through_a_pipe(name: str, events: list[LogEvent], between: bytes = b"") -> list[str]:
    """The lines that a parent reads."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    writer, lines, found = LogWriter(writing, name, "info"), Lines(), []
    for event in events:
        os.write(writing, between)
        writer(event)
        found += list(lines.take(os.read(reading, 1 << 20)))
    os.close(reading)
    os.close(writing)
    return found


def event(text: str, **others: Any) -> LogEvent:
    return {"log_format": "{text}", "text": text, "log_namespace": "x", "log_time": 1.5, **others}


def test_a_record_of_any_size_gets_through(
    published: list[record.LogRecord], no_logged_failures: list[LogEvent]
) -> None:
    for text in ("ä\n\tb", "\U0001f600" * 2000, "x" * 3 * LONGEST_LINE):
        read = LogReader("wname", "worker 1")
        for line in through_a_pipe("wname", [event(text, log_failure=failure(), log_system="-")], b"printed"):
            assert len(line) < 4096
            read.read(line, "stdout")
        first, second = published
        assert (first.message, first.logger) == ("printed", "stdout")
        assert (second.time, second.process, second.logger) == (1.5, "worker 1", "x")
        assert "ValueError" in second.traceback
        assert second.message.startswith(text[:1000])
        assert (
            len(second.message) <= max(len(text), record.LONGEST_MESSAGE + 100) if len(text) < 9999 else True
        )
        published.clear()


def test_what_another_wrote_in_between_is_no_part_of_it(published: list[record.LogRecord]) -> None:
    read = LogReader("wname", "worker 1")
    first, *others = [line for line in through_a_pipe("wname", [event("x" * 9000)]) if line]
    for line in (first, "printed", "<wnam={}", *others, "<wname=7:no JSON", '<wname=8:{"time":1}', "<wname="):
        read.read(line, "stdout")
    assert [made.logger for made in published] == ["stdout", "stdout", "x", "stdout", "stdout", "stdout"]
    assert published[2].message == "x" * 9000


def test_what_is_logged_while_a_record_is_written_is_a_record_too(
    published: list[record.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the handler of a signal does."""
    reading, writing = os.pipe()
    writer, write, calls = LogWriter(writing, "wname", "info"), os.write, []

    def interrupted(descriptor: int, line: bytes) -> int:
        calls.append(line)
        if len(calls) == 2:
            writer(event("y" * 9000))
        return write(descriptor, line)

    monkeypatch.setattr(os, "write", interrupted)
    writer(event("x" * 9000))
    monkeypatch.undo()
    read = LogReader("wname", "worker 1")
    for line in Lines().take(os.read(reading, 1 << 20)):
        read.read(line, "stdout")
    assert [made.message[0] for made in published] == ["y", "x"]
    assert {len(made.message) for made in published} == {9000}
    os.close(reading)
    os.close(writing)


def lines_of_log(count: int) -> list[str]:
    return [
        f"2026-11-26T01:06:25+0000 [worker 1 relay.job#info] id={number} owner=é" for number in range(count)
    ]


@pytest.fixture
def passed_on() -> Iterator[list[str]]:
    """The lines of the log that a parent publishes as they stand."""
    found: list[str] = []

    def watch(event: LogEvent) -> None:
        found.extend(event[record.LINES])

    globalLogPublisher.addObserver(watch)
    yield found
    globalLogPublisher.removeObserver(watch)


def test_lines_that_are_whole_get_through_as_they_stand(passed_on: list[str]) -> None:
    said, events = lines_of_log(500), []
    globalLogPublisher.addObserver(events.append)
    publish_lines(said)
    globalLogPublisher.removeObserver(events.append)
    passed_on.clear()
    read = LogReader("wname", "worker 1")
    written = [line for line in through_a_pipe("wname", events, b"printed") if line.startswith("<")]
    for line in written:
        assert len(line.encode()) < 4096
        read.read(line, "stdout")
    assert passed_on == said
    assert len(written) < 15


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_that_are_whole_are_written_as_they_stand(form: str, begun: Any) -> None:
    out, syslog = io.StringIO(), Syslog()
    settings, said = Settings(log_format=form), lines_of_log(2)
    begun(settings, textFileLogObserver(out))
    publisher = begun(settings, LegacyLogObserverWrapper(syslog.emit))
    publisher({record.LINES: said, "log_level": LogLevel.info, "log_format": "{text}", "text": "no"})
    assert out.getvalue().splitlines() == said
    shown = [line[25:] if form == "text" else line for line in said]
    assert syslog.said == [(6, line) for line in shown]


def test_a_parent_that_is_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    LogWriter(writing, "wname", "info")(event("said"))
    os.close(writing)


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("17:M 26 Nov 2026 01:22:07.001 # WARNING Memory", "warn", "WARNING Memory"),
        ("17:M 26 Nov 2026 01:22:07.001 * Ready", "info", "Ready"),
        ("17:C 26 Nov 2026 01:22:07.001 # Configuration loaded", "info", "Configuration loaded"),
        ("17:signal-handler (1795656128) Received SIGTERM", "info", "Received SIGTERM"),
        ("*** FATAL CONFIG FILE ERROR", "info", "*** FATAL CONFIG FILE ERROR"),
    ],
    ids=["warning", "notice", "usual", "signal", "other"],
)
def test_redis_own_lines_have_their_level(
    line: str, level: str, text: str, published: list[record.LogRecord]
) -> None:
    LogReader("rname", "redis").read(line, "stdout")
    assert (published[0].process, published[0].level, published[0].message) == ("redis", level, text)
