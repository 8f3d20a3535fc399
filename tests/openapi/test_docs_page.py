"""``/docs``: a page that a browser shows without the internet, to whoever may fetch the description."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.front import docs_page
from relay.front.docs_page import POLICY
from relay.model.caller import Caller
from relay.model.token import digest_of, make_token
from tests.admin.browser import Browser
from tests.chromium import CHROMIUM, DRIVER
from tests.front.callers.fakes import Passwords
from tests.front.scene import Answered, Scene
from tests.processes import RelayProcess, eventually

VENDOR = Path(docs_page.__file__).parent / "static/vendor/swagger-ui"
#: SHA-256 of the files of npm's swagger-ui-dist 5.35.0
AS_PUBLISHED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


def fetched(scene: Scene, path: str, method: str = "GET") -> Answered:
    """What is compressed in portions, one in each turn."""
    visitor = scene.ask(method, path)
    for _ in range(100):
        if (answer := visitor.answer()) is not None:
            return answer
        scene.clock.advance(0)
    raise AssertionError(f"no answer to {path}")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
    ],
)
def test_the_page_and_what_it_loads_are_there(path: str, kind: str) -> None:
    scene = Scene()
    answer = fetched(scene, path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert (answer.headers["content-encoding"], answer.headers["content-security-policy"]) == ("gzip", POLICY)
    assert gzip.decompress(answer.body)
    assert fetched(scene, path).body == answer.body
    assert fetched(scene, path, "HEAD").body == b""


def test_its_policy_lets_scripts_and_styles_of_this_server_run_and_no_others() -> None:
    assert "unsafe" not in POLICY
    assert "script-src 'self';" in POLICY
    assert "style-src 'self';" in POLICY
    assert "frame-ancestors 'none'" in POLICY


@pytest.mark.parametrize("path", ["/docs/LICENSE", "/docs/", "/docs/docs.html/x", "/docs/../openapi.json"])
def test_nothing_else_is_there(path: str) -> None:
    assert Scene().call("GET", path).status == 404


def test_who_asks_twice_at_the_same_time_has_it_compressed_once() -> None:
    scene = Scene()
    visitors = [scene.ask("GET", "/docs/swagger-ui-bundle.js") for _ in range(3)]
    answers: list[Any] = []
    for _ in range(100):
        scene.clock.advance(0)
        answers += [answer for visitor in visitors if (answer := visitor.answer()) is not None]
    assert len({answer.body for answer in answers}) == 1
    assert len(answers) == 3


def test_it_needs_no_credentials_where_callers_have_some() -> None:
    """A browser has none for an address that is typed; the page has nothing that is secret."""
    scene = Scene(Passwords(Caller("sub:alice")))
    assert fetched(scene, "/docs").status == 200
    assert scene.call("GET", "/openapi.json").status == 401


def test_a_closed_relay_shows_it_to_who_may_call_only() -> None:
    scene, passed_on = Scene(open=False), {"X-Forwarded-For": "192.0.2.1"}
    for path in ("/docs", "/docs/docs.js", "/openapi.json"):
        assert scene.call("GET", path, headers=passed_on).status == 403
        assert fetched(scene, path).status == 200


def test_what_is_not_relays_is_as_it_was_published_with_its_licence() -> None:
    for name, digest in AS_PUBLISHED.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    assert "Apache License" in (VENDOR / "LICENSE").read_text()
    assert "SmartBear" in (VENDOR / "NOTICE").read_text()


# -- in a browser --


class DocumentedRelay(RelayProcess):
    """A relay with one caller, who has a token and may call two jobs."""

    def __init__(self, directory: Path) -> None:
        self.token = make_token()
        file = directory / "tokens.toml"
        file.write_text(f'[app]\nsha256 = ["{digest_of(self.token).hex()}"]\njobs = ["area", "pay"]\n')
        file.chmod(0o600)
        super().__init__(directory, "all", "--tokens", str(file), "--jobs", "tests.openapi.described_jobs")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/docs"


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedRelay]:
    relay = DocumentedRelay(tmp_path_factory.mktemp("documented"))
    relay.start()
    headers = {"Authorization": f"Bearer {relay.token}"}
    eventually(
        lambda: b"/jobs/pay" in relay.call("GET", "/openapi.json", headers=headers).body, "jobs are known"
    )
    yield relay
    relay.stop()


@pytest.fixture
def browser(documented: DocumentedRelay, tmp_path: Path) -> Iterator[Browser]:
    browser = Browser(tmp_path, documented)  # type: ignore[arg-type]  # it opens the `url` of either
    yield browser
    browser.quit()


@pytest.mark.processes
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver")
def test_a_browser_shows_the_jobs_of_who_has_a_token_and_runs_one(
    browser: Browser, documented: DocumentedRelay
) -> None:
    browser.open()
    browser.wait("#caller", "A token of yours")
    complaints = browser.complaints()
    assert all("401" in each for each in complaints), complaints  # of the first look, without a token
    browser.type("#token", "rly_nonsense")
    browser.wait("#said", "can't be shown")
    browser.complaints()
    browser.driver.find_element("id", "token").clear()
    browser.type("#token", documented.token)
    browser.wait(".opblock-summary-path", "/jobs/area")
    assert browser.find(".opblock-summary-path", "/jobs/plan") is None
    browser.click(".opblock-summary-path", "/jobs/pay")
    browser.click("button", "Try it out")
    browser.click("button", "Execute")
    browser.wait(".responses-table.live-responses-table .response-col_status", "200")
    loaded = browser.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    at_home = f"http://127.0.0.1:{documented.port}/"
    assert [name for name in loaded if not name.startswith((at_home, "data:"))] == []
    assert browser.complaints() == []
