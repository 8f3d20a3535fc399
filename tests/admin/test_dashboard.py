"""The dashboard in a real browser, at a real relay. With SCREENSHOTS set, the docs' pictures are made anew."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.admin.browser import VIEWS, Browser, ShownRelay, busy_api
from tests.chromium import CHROMIUM, DRIVER
from tests.processes import ROOT, eventually

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver"),
]


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownRelay]:
    """It starts while the browser does."""
    relay = ShownRelay(tmp_path_factory.mktemp("shown"))
    with ThreadPoolExecutor() as pool:
        relay.starting = pool.submit(relay.start)
        yield relay
    relay.stop()


@pytest.fixture(scope="module")
def page(relay: ShownRelay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all, with an operator that may act."""
    browser = Browser(tmp_path_factory.mktemp("chromium"), relay)
    relay.starting.result()
    relay.wait_for("relay shows itself to operators")
    browser.log_in()
    yield browser
    browser.quit()


def dead_job(relay: ShownRelay, text: str = "") -> str:
    id = relay.submit("fragile", {"text": text})
    eventually(lambda: relay.state(id) == "failed", "the job is dead")
    return id


def running_job(relay: ShownRelay) -> str:
    id = relay.submit("patient")
    eventually(lambda: relay.state(id) == "running", "the job runs")
    return id


def test_an_operator_sees_a_job_and_cancels_it(relay: ShownRelay, page: Browser) -> None:
    id = running_job(relay)
    page.go("workers")
    page.click("a", id)
    page.wait("h1", "patient")
    page.wait("svg", "attempt 1, running")
    assert page.act("Cancel") == "the job is told to stop"
    page.wait("h1 .tag", "cancelled")
    assert relay.state(id) == "cancelled"
    relay.wait_for(rf'operator act at 127.0.0.1: cancel {{"id":"{id}"}}: done')


def test_a_dead_job_is_run_again_and_what_it_has_is_shown_as_text(relay: ShownRelay, page: Browser) -> None:
    id = dead_job(relay, "<img src=x onerror=document.title='hit'>")
    page.go(f"job/{id}")
    page.wait("pre", "<img src=x onerror=document.title='hit'>")
    page.wait("tbody tr:nth-child(2)", "broken")
    assert "it runs again as" in page.act("Run again")
    page.go("dead")
    page.until(lambda: id not in page.text(), "it is no dead job any more")
    assert page.complaints() == []


@pytest.mark.long
def test_an_id_in_any_field_leads_to_the_job_and_what_is_looked_for_is_in_the_address(
    relay: ShownRelay, page: Browser
) -> None:
    id = relay.submit("quick")
    page.go("jobs")
    page.type("input[name=owner]", id)
    page.wait("h1", "quick")
    page.go("jobs")
    page.type("input[name=problem]", "broken")
    page.until(lambda: page.driver.current_url.endswith("#/jobs?problem=broken"), "the address says it")


def test_the_same_series_has_the_same_ink_and_red_is_for_what_is_bad(page: Browser) -> None:
    inks = page.run("""
        const { inkOf, stroke } = await import("/static/inks.js");
        const of = (kind, labels) => labels.map((label) => stroke(inkOf(kind, label)));
        const first = of("queues", ["default", "slow", "mail"]);
        return {
            calm: [...of("requests", ["200", "202", "304", "no answer"]), ...of("now", ["held", "queued", "running"]),
                   ...of("ends", ["answered", "passed"]), ...of("attempts", ["succeeded"])],
            warn: of("requests", ["404", "429"]),
            bad: [...of("requests", ["500", "503"]), ...of("api", ["no answer", "500"]), ...of("attempts", ["failed"])],
            again: [first, of("queues", ["slow", "default", "mail"])],
        }""")
    assert {"--c", "--d"}.isdisjoint(inks["calm"])
    assert (set(inks["warn"]), set(inks["bad"])) == ({"--d"}, {"--c"})
    (default, slow, mail), again = inks["again"]
    assert [slow, default, mail] == again
    assert len({default, slow, mail}) == 3


@pytest.mark.long
def test_a_chart_says_when_redis_was_away(relay: ShownRelay, page: Browser) -> None:
    page.go("overview")
    page.wait("figcaption", "Held, queued, running")
    (redis,) = relay.children("valkey-server")
    os.kill(redis, signal.SIGSTOP)
    try:
        page.wait(".ink-away", "Redis is away")
    finally:
        os.kill(redis, signal.SIGCONT)
    page.wait(".ink-away", "Redis was away")
    page.complaints()


@pytest.mark.long
def test_a_chart_leads_to_what_explains_it(relay: ShownRelay, page: Browser) -> None:
    id = dead_job(relay)
    page.go("overview")
    page.click("figcaption a", "Failures by job and problem")
    page.wait("td", id)
    page.go("overview")
    page.click(".legend a", "fragile: broken")
    page.until(
        lambda: "state=failed&name=fragile&problem=broken" in page.driver.current_url, "the address says it"
    )
    page.wait("td", id)


@pytest.mark.long
def test_a_paused_queue_starts_nothing_until_it_goes_on(relay: ShownRelay, page: Browser) -> None:
    page.go("queues")
    assert page.act("Pause the queue slow") == "slow is paused"
    page.wait(".tag", "paused for")
    id = relay.submit("patient")
    page.go(f"job/{id}")
    page.wait("dd", "paused")
    page.go("queues")
    assert page.act("Resume the queue slow") == "slow goes on"
    eventually(lambda: relay.state(id) == "running", "it runs")
    page.go(f"job/{id}")
    page.act("Cancel")


@pytest.mark.long
def test_who_may_only_look_sees_no_buttons(page: Browser) -> None:
    page.log_in("look")
    try:
        page.go("queues")
        page.wait("#who", "look (may look)")
        page.wait("td", "slow")
        assert page.find("main button") is None
    finally:
        page.log_in("act")


@pytest.mark.long
def test_a_wrong_token_opens_nothing_and_who_logs_out_has_to_log_in(page: Browser) -> None:
    page.click("#who button", "Log out")
    page.type("#token", "rly_wrong")
    page.wait("#failed", "not the token of an operator")
    page.type("#token", page.relay.tokens["act"])
    page.wait("h1", "Overview")
    page.complaints()


@pytest.mark.long
def test_dead_jobs_are_run_again_or_deleted_by_what_they_are(relay: ShownRelay, page: Browser) -> None:
    for number in range(3):
        dead_job(relay, str(number))
    page.go("dead?name=fragile")
    assert page.act("Run all of these again").endswith("run again")
    page.wait("main", "not a single dead job")
    eventually(lambda: len(page.driver.find_elements("css selector", "tbody tr")) >= 3, "they died again")
    assert page.act("Delete all of these").endswith("deleted")
    page.wait("main", "not a single dead job")


@pytest.mark.long
def test_one_dead_job_is_deleted(relay: ShownRelay, page: Browser) -> None:
    id = dead_job(relay)
    page.go("dead")
    assert page.act(f"Delete {id}") == "the dead job is deleted"
    page.until(lambda: id not in page.text(), "it is gone")


@pytest.mark.long
def test_all_jobs_of_a_state_and_name_are_cancelled(relay: ShownRelay, page: Browser) -> None:
    ids = [running_job(relay) for _ in range(3)]
    page.go("jobs?name=patient&state=running")
    assert page.act("Cancel all of these").endswith("cancelled")
    eventually(lambda: {relay.state(id) for id in ids} == {"cancelled"}, "all are cancelled")


@pytest.mark.long
def test_a_name_is_paused_and_goes_on(relay: ShownRelay, page: Browser) -> None:
    page.go("queues")
    assert page.act("Pause the name quick") == "quick is paused"
    id = relay.submit("quick")
    page.go(f"job/{id}")
    page.wait("dd", "paused")
    page.go("queues")
    assert page.act("Resume the name quick") == "quick goes on"
    eventually(lambda: relay.state(id) == "succeeded", "it runs")


@pytest.mark.long
def test_a_schedule_is_fired_and_paused(relay: ShownRelay, page: Browser) -> None:
    page.go("schedules")
    said = page.act("Run nightly now")
    page.go(f"job/{said.split()[-1]}")
    page.wait("h1 .tag", "succeeded")
    page.go("schedules")
    assert page.act("Pause the schedule of nightly") == "the schedule of nightly is paused"
    page.wait(".tag", "paused for")
    assert page.act("Resume the schedule of nightly") == "the schedule of nightly goes on"


@pytest.mark.long
def test_a_worker_is_quiet_until_it_goes_on(relay: ShownRelay, page: Browser) -> None:
    page.go("workers")
    page.wait("td", "worker 1")
    page.act("Quiet: worker 1")
    page.wait(".tag", "quiet")
    id = relay.submit("quick")
    page.act("Go on: worker 1")
    eventually(lambda: relay.state(id) == "succeeded", "it claims again")


@pytest.mark.long
def test_what_was_learned_of_a_limit_is_forgotten(relay: ShownRelay, page: Browser) -> None:
    with busy_api() as url:
        relay.submit("called", {"url": url})
        page.go("limits")
        page.wait("td", "learned of the API")
        assert "counts any more" in page.act("Forget 127.0.0.1")
        page.until(lambda: "learned of the API" not in page.text(), "it is forgotten")


@pytest.mark.long
def test_a_question_is_left_with_escape_and_nothing_is_done(relay: ShownRelay, page: Browser) -> None:
    page.go("queues")
    page.click("main button", "Pause the queue slow")
    page.wait("dialog[open]")
    page.driver.switch_to.active_element.send_keys("\ue00c")
    page.until(lambda: page.find("dialog[open]") is None, "it is closed")
    assert page.find("main button", "Resume the queue slow") is None


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_each_view(relay: ShownRelay, page: Browser, scheme: str) -> None:
    id = dead_job(relay)
    page.show(scheme)
    for view in (*VIEWS, f"job/{id}"):
        page.go(view)
        page.until(lambda: "…" not in page.wait("main").text[:3], "it is shown")
        assert page.violations() == [], view
    page.go("queues")
    page.click("main button", "Pause the queue slow")
    page.wait("dialog[open]")
    assert page.violations() == [], "a question"
    page.click("dialog button", "Leave it")


@pytest.mark.long
def test_a_telephone_scrolls_in_one_direction_only(relay: ShownRelay, page: Browser) -> None:
    id = dead_job(relay, "long" * 200)
    page.be_wide(360)
    try:
        for view in (*VIEWS, f"job/{id}"):
            page.go(view)
            page.until(lambda: "…" not in page.wait("main").text[:3], "it is shown")
            assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 360, view
    finally:
        page.be_wide(1280)


@pytest.mark.long
def test_a_relay_that_does_not_answer_is_told_and_what_was_shown_stays(tmp_path: Path, page: Browser) -> None:
    other = ShownRelay(tmp_path)
    other.start()
    browser, home = page, page.relay
    browser.relay = other
    try:
        browser.log_in()
        other.stop()
        browser.wait("#fresh.late", "no answer")
        browser.wait("h1", "Overview")
        browser.wait(".tile", "Queued")
        browser.wait(".ink-away", "relay did not answer")
    finally:
        browser.relay = home
        browser.complaints()
        browser.log_in()


@pytest.mark.long
@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="pictures are made when asked for")
def test_pictures_for_the_docs(relay: ShownRelay, page: Browser) -> None:
    """After a minute in which something happened."""
    held = [relay.connect() for _ in range(12)]
    for client in held:
        headers = {"Authorization": f"Bearer {relay.tokens['app']}"}
        client.request("POST", "/jobs/patient", {}, headers)
    id, until = dead_job(relay, "the printer is on fire"), time.monotonic() + 60
    while time.monotonic() < until:
        for number in range(random.randrange(40)):
            relay.submit("quick", {"number": number})
        if random.random() < 0.2:
            relay.submit("fragile", {"text": "the printer is on fire"})
        relay.call("POST", "/jobs/quick", {"number": 1}, {"Authorization": f"Bearer {relay.tokens['app']}"})
    relay.submit("patient")
    page.driver.execute_script("document.getElementById('said').textContent = ''")
    for view, scheme in (("overview", "dark"), (f"job/{id}", "light")):
        page.show(scheme)
        page.go(view)
        page.until(lambda: page.find("figure .u-wrap") or page.find("svg"), "it is drawn")
        name = view.partition("/")[0]
        page.driver.save_screenshot(str(ROOT / "docs" / "dashboard" / f"{name}-{scheme}.png"))
    for client in held:
        client.close()
