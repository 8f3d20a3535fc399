"""A real browser (Chromium, headless) at a relay's dashboard, and a relay that has something to show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By

from relay.model.token import digest_of, make_token
from tests.chromium import Chromium
from tests.processes import ROOT, RelayProcess, free_port

VIEWS = ("overview", "queues", "jobs", "dead", "workers", "schedules", "limits", "upstreams", "redis")


class ShownRelay(RelayProcess):
    """A whole relay with a dashboard, and two operators: `tokens` of ``look`` and ``act``."""

    starting: Future[None]

    def __init__(self, directory: Path) -> None:
        self.admin = free_port()
        self.tokens = {name: make_token() for name in ("look", "act", "app")}
        file = directory / "tokens.toml"
        file.write_text("".join(map(self._table, self.tokens)))
        file.chmod(0o600)
        super().__init__(
            directory,
            *("all", "--admin", f"tcp:{self.admin}:interface=127.0.0.1", "--tokens", str(file)),
            *("--jobs", "relay.jobs", "--jobs", "tests.admin.shown_jobs", "--allow-private", "--drain", "1"),
            environment={"PYTHONPATH": str(ROOT)},
        )

    def _table(self, name: str) -> str:
        may = "" if name == "app" else f'operator = "{name}"\n'
        return f'[{name}]\nsha256 = ["{digest_of(self.tokens[name]).hex()}"]\n{may}\n'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.admin}/"

    def submit(self, name: str, body: Any = None) -> str:
        """Submit a job; its id."""
        headers = {"Authorization": f"Bearer {self.tokens['app']}", "Prefer": "respond-async"}
        answer = self.call("POST", f"/jobs/{name}", {} if body is None else body, headers)
        assert answer.status == 202, answer.body
        return str(answer.json()["id"])

    def state(self, id: str) -> str:
        headers = {"Authorization": f"Bearer {self.tokens['app']}"}
        return str(self.call("GET", f"/jobs/{id}", headers=headers).json().get("state", "gone"))


class Browser(Chromium):
    """One window at a dashboard."""

    def __init__(self, directory: Path, relay: ShownRelay) -> None:
        super().__init__(directory)
        self.relay = relay

    def open(self) -> None:
        self.driver.get(self.relay.url)

    def log_in(self, name: str = "act") -> None:
        """Open the page and show a token."""
        self.driver.delete_all_cookies()
        self.open()
        self.type("#token", self.relay.tokens[name])
        self.wait("h1", "Overview")

    def go(self, view: str) -> None:
        self.driver.execute_script("location.hash = arguments[0]", f"#/{view}")
        self.wait("main h1")

    def act(self, button: str) -> str:
        """Click on a button of the view, say yes to its question; what is said then."""
        self.driver.execute_script("document.getElementById('said').textContent = ''")
        self.click("main button", button)
        self.click("dialog[open] [data-do=yes]")
        said = self.until(
            lambda: self.driver.find_element(By.ID, "said").text or self.refused(), f"{button} is answered"
        )
        assert not self.refused(), said
        return str(said)

    def refused(self) -> str:
        """What a question says that could not be done."""
        found = self.find("dialog[open] [role=alert]")
        return found.text if found is not None else ""

    def show(self, scheme: str) -> None:
        """Have the system want ``light`` or ``dark``."""
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    def be_wide(self, width: int) -> None:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@contextmanager
def busy_api() -> Iterator[str]:
    """An API that says when to come again; its URL."""

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(429)
            self.send_header("Retry-After", "300")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
