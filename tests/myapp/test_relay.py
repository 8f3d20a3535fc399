"""The whole application on a real relay: processes, Redis, HTTP."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.myapp.bank import bank
from tests.processes import RelayProcess, eventually


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """The application, with a bank of its own."""
    with bank() as (url, charged):
        relay = RelayProcess(
            tmp_path_factory.mktemp("myapp"),
            *("all", "--jobs", "tests.myapp.jobs", "--workers", "2", "--allow-private", "--grace", "30"),
            environment={"MYAPP_BANK": url},
        )
        relay.start()
        relay.charged = charged  # type: ignore[attr-defined]
        yield relay
        relay.stop()
        assert relay.tracebacks() == 0, relay.log_tail()


def answer(app: RelayProcess, job: str, **arguments: Any) -> dict[str, Any]:
    """The envelope of a job that was held."""
    return app.call("POST", f"/jobs/{job}", arguments).json()


HOME = {"street": "Main", "country": "DE"}
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("thumbnail", {"pixels": list(range(100)), "size": 4}, [0, 25, 50, 75]),
    ("pdf", {"text": "hello"}, len("%PDF hello")),
    ("import_csv", {"text": "name\nann\nbob\n"}, 2),
    ("squares", {"count": 20}, sum(n * n for n in range(20))),
    (
        "ship",
        {"order": 1, "to": {"street": "Main", "country": "DE"}},
        {"order": 1, "to": {"street": "Main", "country": "DE"}},
    ),
    ("publish", {"account": "a", "text": "hello"}, "a: hello"),
    ("sync", {"user": 1}, 1),
]


@pytest.mark.processes
@pytest.mark.parametrize(("job", "arguments", "result"), CALLS, ids=[job for job, _, _ in CALLS])
def test_a_job_answers(app: RelayProcess, job: str, arguments: dict[str, Any], result: Any) -> None:
    outcome = answer(app, job, **arguments)
    assert (outcome["state"], outcome.get("result")) == ("succeeded", result)


@pytest.mark.processes
def test_a_card_is_charged_once_and_a_bad_one_declined(app: RelayProcess) -> None:
    charged: list[int] = app.charged  # type: ignore[attr-defined]
    assert answer(app, "charge", cents=501, card="visa")["result"] == "ch_501"
    assert charged.count(501) == 1
    declined = app.call("POST", "/jobs/charge", {"cents": 502, "card": "bad"})
    assert (declined.status, declined.json()["error"]["decline_code"]) == (402, "funds")
    explained = app.call("GET", "/problems/card-declined").json()
    assert explained["status"] == 402


@pytest.mark.processes
def test_arguments_are_refused_at_the_front(app: RelayProcess) -> None:
    refused = app.call("POST", "/jobs/ship", {"order": 1, "to": {"street": "", "country": "de"}})
    assert refused.status == 422


@pytest.mark.processes
def test_an_order_leads_through_its_jobs(app: RelayProcess) -> None:
    outcome = answer(app, "order", cents=77)
    assert outcome["result"]["paid"] == "ch_77"
    assert outcome["result"]["number"] == outcome["id"]


@pytest.mark.processes
def test_what_workers_share_counts_all_its_jobs(app: RelayProcess) -> None:
    counts = [answer(app, "remember", name=str(number))["result"] for number in range(10)]
    assert max(counts) >= 5  # of two workers, each with its own


@pytest.mark.processes
def test_a_stuck_job_fails_as_timed_out(app: RelayProcess) -> None:
    outcome = answer(app, "stuck")
    assert (outcome["attempts"], outcome["error"]["type"]) == (2, "/problems/job-timeout")


@pytest.mark.processes
def test_a_long_report_lasts_over_a_deploy(app: RelayProcess) -> None:
    """Its worker dies, as one does that is not let finish, and another goes on where it was."""
    headers = {"Prefer": "respond-async"}
    place = app.call("POST", "/jobs/long_report", {"pages": 15}, headers).headers["location"]

    def fraction() -> float:
        return app.call("GET", place).json().get("progress", {}).get("fraction", 0)

    eventually(lambda: fraction() >= 3 / 15, "three pages are done")
    for worker in app.children("worker"):
        os.kill(worker, signal.SIGKILL)
    outcome = app.call("GET", place, headers={"Prefer": "wait=30"}).json()
    report = outcome["result"]
    assert report["pages"] == list(range(15))
    assert report["starts"] == 2
    assert 3 <= report["began"] < 15


def test_the_tests_of_users_are_short() -> None:
    lines = (Path(__file__).parent / "test_jobs.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 60
