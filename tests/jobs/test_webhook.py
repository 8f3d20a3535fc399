"""Outcomes that nobody collected go to a webhook, through all of relay."""

from __future__ import annotations

import queue
import re

import pytest

from tests.jobs.receiver import Receiver
from tests.processes import RelayProcess, eventually

pytestmark = pytest.mark.processes

LATER = {"Prefer": "respond-async"}


def told(receiver: Receiver) -> dict:
    """The next message."""
    return receiver.taken.get(timeout=20)[1]


def test_an_outcome_that_nobody_waits_for_is_posted(worked: RelayProcess, receiver: Receiver) -> None:
    id = worked.call("POST", "/jobs/announce", {"text": "grüße"}, LATER).json()["id"]
    message_id, message = receiver.taken.get(timeout=20)
    assert message_id == f"{id}-then"
    assert message["type"] == "job.succeeded"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message["timestamp"])
    assert message["data"] == worked.call("GET", f"/jobs/{id}").json()
    assert worked.call("GET", f"/jobs/{id}-then", headers={"Prefer": "wait=20"}).json()["result"] == 204


def test_a_failure_is_posted_too(worked: RelayProcess, receiver: Receiver) -> None:
    worked.call("POST", "/jobs/announce", {"text": ""}, LATER)
    message = told(receiver)
    assert (message["type"], message["data"]["error"]["type"]) == ("job.failed", "/problems/nothing-to-say")


def test_a_receiver_that_fails_is_asked_again_with_the_same_id(
    worked: RelayProcess, receiver: Receiver
) -> None:
    receiver.asked.clear()
    receiver.trouble.append(500)
    worked.call("POST", "/jobs/announce", {"text": "again"}, LATER)
    assert told(receiver)["data"]["result"] == "again"
    assert len(receiver.asked) == 2
    assert len(set(receiver.asked)) == 1


def test_a_receiver_that_wants_no_more_is_left_alone(worked: RelayProcess, receiver: Receiver) -> None:
    receiver.trouble.append(410)
    id = worked.call("POST", "/jobs/announce", {"text": "gone"}, LATER).json()["id"]
    eventually(lambda: f"{id}-then" in receiver.asked, "it was asked")
    failed = worked.call("GET", f"/jobs/{id}-then", headers={"Prefer": "wait=20"}).json()
    assert (failed["error"]["type"], failed["attempts"]) == ("/problems/webhook-refused", 1)


def test_a_client_that_has_its_answer_is_enough(worked: RelayProcess, receiver: Receiver) -> None:
    held = worked.call("POST", "/jobs/announce", {"text": "heard"})
    committed = worked.call(
        "POST", "/jobs/announce", {"text": "heard", "seconds": 1.5}, {"Prefer": "heartbeat=1"}
    )
    assert [answer.json()["result"] for answer in (held, committed)] == ["heard", "heard"]
    for answer in (held, committed):
        assert worked.call("GET", f"/jobs/{answer.json()['id']}-then").status == 404
    with pytest.raises(queue.Empty):
        receiver.taken.get_nowait()


def test_the_outcome_of_a_client_that_went_away_is_posted(worked: RelayProcess, receiver: Receiver) -> None:
    with worked.connect() as client:
        client.request("POST", "/jobs/announce", {"text": "gone", "seconds": 0.5})
        worked.wait_until_held(1)
    assert told(receiver)["data"]["result"] == "gone"


def test_who_says_that_somebody_is_about_to_attach_is_given_time(
    worked: RelayProcess, receiver: Receiver
) -> None:
    id = worked.call("POST", "/jobs/announce", {"text": "soon"}, {"Prefer": "wait=0"}).json()["id"]

    def following() -> dict | None:
        answer = worked.call("GET", f"/jobs/{id}-then")
        return answer.json() if answer.status == 200 else None

    assert eventually(following, "the job has ended")["state"] == "scheduled"
    assert worked.call("HEAD", f"/jobs/{id}").status == 200  # is no collecting
    assert following() is not None
    assert worked.call("GET", f"/jobs/{id}").json()["result"] == "soon"
    eventually(lambda: following() is None, "the outcome is known to be collected")


def test_who_comes_back_in_time_takes_it(worked: RelayProcess, receiver: Receiver) -> None:
    with worked.connect() as client:
        client.request("PUT", "/jobs/announce/key", {"text": "back", "seconds": 0.5})
        worked.wait_until_held(1)
    worked.wait_until_nothing_is_held()
    known = worked.call("GET", "/jobs/announce/key", headers={"Prefer": "wait=20"}).json()
    assert known["result"] == "back"
    assert worked.call("GET", f"/jobs/{known['id']}-then").status == 404
