"""Clients that are told events while fronts and workers are replaced and killed: `EventSource` in a real browser, a
reader of lines, and the page of ``examples/browser``, which comes from another origin."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from examples.browser.handlers import said
from tests.chromium import CHROMIUM, DRIVER, Chromium
from tests.processes import ROOT, LoggedProcess, RelayProcess, eventually, free_port

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver"),
]

EXAMPLE = ROOT / "examples/browser"
OPTIONS = (
    *("all", "--fronts", "2", "--heartbeat", "0.5", "--drain", "120"),
    *("--jobs", "handlers", "--jobs", "tests.worker.emitting_jobs"),
)
LEAVES = 400  # lines, after which a reader leaves and comes back
#: a page's own record of what it is told
LISTEN = """
    window.told = [], window.opened = 0, window.end = "";
    const events = new EventSource(arguments[0]);
    events.onopen = () => { window.opened += 1; };
    events.addEventListener("output", (event) => told.push(JSON.parse(event.data).data));
    for (const name of ["reset", "gap"]) events.addEventListener(name, () => told.push(name));
    for (const name of ["succeeded", "failed", "cancelled", "expired"])
        events.addEventListener(name, () => { events.close(); window.end = name; });
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page comes from, as its README says."""
    port = free_port()
    words = ["-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(EXAMPLE)]
    server = LoggedProcess(
        [sys.executable, "-u", *words], dict(os.environ), tmp_path_factory.mktemp("origin")
    )
    server.start()
    server.wait_for("Serving HTTP")
    yield f"http://127.0.0.1:{port}"
    server.stop()


def relay_for(origin: str, directory: Path, port: int = 0) -> RelayProcess:
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{EXAMPLE}"}
    return RelayProcess(directory, *OPTIONS, "--cors", origin, environment=environment, port=port)


@pytest.fixture(scope="module")
def starting(origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RelayProcess, Any]]:
    """It starts while the browser does."""
    running = relay_for(origin, tmp_path_factory.mktemp("told"))
    with ThreadPoolExecutor() as pool:
        yield running, pool.submit(running.start)
    running.stop()
    assert running.tracebacks() == 0, running.log_tail()


@pytest.fixture(scope="module")
def browser(
    starting: tuple[RelayProcess, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture
def relay(starting: tuple[RelayProcess, Any], browser: Chromium) -> Iterator[RelayProcess]:
    running, started = starting
    started.result()
    yield running
    eventually(lambda: len(running.children("relay front")) == 2, "both fronts are there")


def replace(relay: RelayProcess) -> None:
    """All processes, and wait until the old fronts have gone."""
    before = set(relay.children("relay front"))
    relay.signal(signal.SIGHUP)
    eventually(lambda: not before & set(relay.children("relay front")), "the old fronts have gone")
    eventually(lambda: len(relay.children("relay front")) == 2, "there are two others")


def kill_fronts(relay: RelayProcess) -> None:
    for front in relay.children("relay front"):
        os.kill(front, signal.SIGKILL)


def kill_worker(relay: RelayProcess, id: str) -> None:
    """The one that runs this job."""
    os.kill(int(relay.call("GET", f"/jobs/{id}").json()["progress"]["message"]), signal.SIGKILL)


class LineReader(threading.Thread):
    """Reads what a job puts out as lines, and comes back with the last id whenever its stream ends, as docs/events.md
    says. It leaves now and then by itself."""

    def __init__(self, relay: RelayProcess, id: str) -> None:
        super().__init__(daemon=True)
        self._relay, self._path, self._last = relay, f"/jobs/{id}/events", ""
        self.told: list[Any] = []
        self.came = 0
        self.end = ""

    def run(self) -> None:
        while not self.end:
            with suppress(EOFError, ConnectionError):  # it was cut
                self._read()

    def _read(self) -> None:
        with self._relay.connect() as client:
            resumed = f"?last_event_id={self._last}" if self._last else ""
            client.request("GET", self._path + resumed, headers={"Accept": "application/x-ndjson"})
            assert client.head()[0] == 200
            self.came += 1
            unread, until = b"", len(self.told) + LEAVES
            for chunk in client.chunks():
                *lines, unread = (unread + chunk).split(b"\n")
                for line in filter(None, lines):
                    self._hear(json.loads(line))
                if len(self.told) >= until:
                    return

    def _hear(self, line: dict[str, Any]) -> None:
        if line.get("event") == "output":
            self.told.append(line["data"])
            self._last = line["id"]
        elif "event" in line:
            self.told.append(line["event"])
        elif line["complete"]:
            self.end = line["state"]


def is_whole(told: list[Any], most: int) -> None:
    """What two attempts have put out: of the first one what there was until it died, of the second all."""
    reset = told.index("reset")
    assert reset > 0
    assert told[:reset] == [[1, number] for number in range(1, reset + 1)]
    assert told[reset + 1 :] == [[2, number] for number in range(1, most + 1)]


@pytest.mark.parametrize(("most", "times"), [(1000, 1), pytest.param(10_000, 5, marks=pytest.mark.long)])
def test_each_piece_is_told_once_and_in_order_whatever_happens_to_fronts_and_workers(
    relay: RelayProcess, browser: Chromium, origin: str, most: int, times: int
) -> None:
    arguments = {"most": most, "a_second": 200}
    answer = relay.call("POST", "/jobs/counts_in_time", arguments, {"Prefer": "respond-async"})
    browser.driver.get(origin)
    browser.driver.execute_script(LISTEN, f"http://127.0.0.1:{relay.port}{answer.headers['location']}/events")
    reader = LineReader(relay, answer.json()["id"])
    reader.start()
    eventually(lambda: len(reader.told) > 100, "pieces are told")
    for number in range(times):
        if number == times // 2:
            kill_worker(relay, answer.json()["id"])
        replace(relay)
    eventually(lambda: "reset" in reader.told, "another attempt has begun")
    assert browser.run("return window.opened") == 1, "it has not noticed that fronts were replaced"
    kill_fronts(relay)
    eventually(lambda: browser.run("return window.opened") == 2, "it has come back to another front")
    (relay.directory / "told").touch()
    eventually(
        lambda: reader.end and browser.run("return window.end"), "both are told the end", most / 200 + 20
    )
    assert (reader.end, browser.run("return window.end")) == ("succeeded", "succeeded")
    told = browser.run("return window.told")
    is_whole(told, most)
    assert reader.told == told
    assert reader.came > most // LEAVES


# -- the page --


class Page:
    """The example, opened by a browser."""

    def __init__(self, browser: Chromium, origin: str, port: int) -> None:
        self._browser = browser
        browser.driver.get(f"{origin}/?relay=http://127.0.0.1:{port}")
        browser.complaints()

    def ask(self, question: str, words: int, a_second: float) -> None:
        fields = {"question": question, "words": words, "pace": a_second}
        for name, value in fields.items():
            self._browser.driver.execute_script(
                f"document.getElementById('{name}').value = arguments[0]", value
            )
        self._browser.click("#ask")

    def text(self, of: str = "text") -> str:
        return str(self._browser.run(f"return document.getElementById('{of}').textContent"))

    def wait_for(self, text: str, of: str = "text") -> None:
        eventually(lambda: text in self.text(of), f"{text!r} is in {of}: {self.text(of)!r}")

    @property
    def id(self) -> str:
        return str(self._browser.run("return location.hash.slice(1)"))


def test_the_page_shows_every_word_while_fronts_are_replaced_and_killed(
    relay: RelayProcess, browser: Chromium, origin: str
) -> None:
    page = Page(browser, origin, relay.port)
    page.ask("Who <b>is</b> there?", 600, 50)
    page.wait_for("Who <b>is</b> there? It depends.")
    assert browser.violations() == []
    replace(relay)
    assert browser.complaints() == []
    length = len(page.text())
    kill_fronts(relay)
    page.wait_for("cut", "line")
    browser.until(lambda: len(page.text()) > length + 100, "it goes on")
    browser.driver.refresh()
    page.wait_for("succeeded", "state")
    assert page.text() == "".join(said("Who <b>is</b> there?", 600))
    assert json.loads(page.text("end")) == {"words": 600}


def test_the_page_drops_what_an_attempt_has_said_whose_worker_died(
    relay: RelayProcess, browser: Chromium, origin: str
) -> None:
    page = Page(browser, origin, relay.port)
    page.ask("Again?", 100, 50)
    page.wait_for("Again? It depends.")
    for worker in relay.children("relay worker"):
        os.kill(worker, signal.SIGKILL)
    page.wait_for("succeeded", "state")
    assert page.text() == "".join(said("Again?", 100))
    assert relay.call("GET", f"/jobs/{page.id}").json()["attempts"] == 2


def test_the_page_can_have_the_job_cancelled(relay: RelayProcess, browser: Chromium, origin: str) -> None:
    page = Page(browser, origin, relay.port)
    page.ask("How long?", 5000, 5)
    page.wait_for("How long?")
    browser.click("#stop")
    page.wait_for("cancelled", "state")
    assert relay.call("GET", f"/jobs/{page.id}").json()["state"] == "cancelled"


@contextmanager
def unsteady(port: int) -> Iterator[int]:
    """A proxy in front of a relay, which cuts the first stream, and has an error for the second one; its port."""
    streams: list[str] = []

    class Unsteady(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            events = "/events" in self.path
            if events:
                streams.append(self.path)
            if events and len(streams) == 2:
                self.send_error(503)
                return
            relay = http.client.HTTPConnection("127.0.0.1", port)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            relay.request(self.command, self.path, body, dict(self.headers))
            answer = relay.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            left = 3000 if events and len(streams) == 1 else 1 << 30
            with suppress(ConnectionError):
                while left > 0 and (data := answer.read1(65536)):
                    self.wfile.write(data[:left])
                    left -= len(data)
            relay.close()

        do_GET = do_POST = do_OPTIONS = do_DELETE = _forward

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Unsteady)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    assert len(streams) == 3
    assert "last_event_id=" in streams[2]


def test_the_page_goes_on_where_event_source_gives_up(
    relay: RelayProcess, browser: Chromium, origin: str
) -> None:
    with unsteady(relay.port) as port:
        page = Page(browser, origin, port)
        page.ask("Is there a proxy?", 100, 50)
        page.wait_for("succeeded", "state")
        assert page.text() == "".join(said("Is there a proxy?", 100))


@pytest.mark.long
def test_the_page_asks_again_until_relay_is_there(browser: Chromium, origin: str, tmp_path: Path) -> None:
    port = free_port()
    relay = relay_for(origin, tmp_path, port)
    page = Page(browser, origin, port)
    page.ask("Is anybody there?", 20, 100)
    page.wait_for("no answer", "line")
    relay.start()
    page.wait_for("succeeded", "state")
    assert page.text() == "".join(said("Is anybody there?", 20))
    relay.stop()
