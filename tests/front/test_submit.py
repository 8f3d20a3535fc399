"""Submissions over a real socket, through a front, Redis and a worker in processes of their own."""

from __future__ import annotations

import json

import pytest

from tests.processes import RelayProcess, eventually


def test_a_job_that_ends_within_the_grace_is_answered_with_its_status_and_length(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/echo", {"message": {"a": [1, None, "é"]}})
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body)
    envelope = answer.json()
    assert envelope["state"] == "succeeded"
    assert envelope["complete"] is True
    assert envelope["result"] == {"a": [1, None, "é"]}
    assert answer.headers["location"] == f"/jobs/{envelope['id']}"
    assert answer.headers["relay-job-id"] == envelope["id"]
    assert answer.headers["relay-source"] == "job"
    assert answer.headers["cache-control"] == "no-store"


def test_the_connection_stays_alive_after_an_answer_within_the_grace(relay: RelayProcess) -> None:
    with relay.connect() as client:
        for number in range(3):
            client.request("POST", "/jobs/echo", {"message": number})
            assert client.response().json()["result"] == number


def test_a_longer_job_is_committed_and_gets_heartbeats_until_its_envelope(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 3}, {"Prefer": "heartbeat=1"})
        status, headers, _ = client.head()
        assert status == 200
        expected = {
            "content-type": "application/json",
            "transfer-encoding": "chunked",
            "connection": "close",
            "cache-control": "no-store, no-transform",
            "x-accel-buffering": "no",
            "x-content-type-options": "nosniff",
            "relay-outcome": "in-body",
            "preference-applied": "heartbeat=1",
        }
        assert expected.items() <= headers.items()
        assert "date" in headers
        assert headers["location"] == f"/jobs/{headers['relay-job-id']}"
        *beats, last = client.chunks()
        assert beats.count(b"\n") == len(beats) >= 2
        assert json.loads(last)["result"] == {"slept": 3.0}
        assert client.is_closed()


def test_a_client_of_http_1_0_gets_heartbeats_without_chunks(relay: RelayProcess) -> None:
    with relay.connect() as client:
        body = b'{"seconds": 3}'
        client.send(b"POST /jobs/sleep HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        status, headers, _ = client.head()
        assert status == 200
        assert "transfer-encoding" not in headers
        rest = client.read_to_end()
        assert rest.startswith(b"\n\n")
        assert json.loads(rest)["state"] == "succeeded"


def test_without_heartbeats_nothing_is_sent_before_the_end(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/sleep", {"seconds": 1.2}, {"Prefer": "heartbeat=0"})
    assert answer.status == 200
    assert answer.headers["preference-applied"] == "heartbeat=0"
    assert "content-length" in answer.headers
    assert answer.json()["result"] == {"slept": 1.2}


def test_whoever_does_not_wait_gets_202_and_can_look_later(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/echo", {"message": 1}, {"Prefer": "respond-async"})
    assert answer.status == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert int(answer.headers["retry-after"]) >= 1
    envelope = answer.json()
    assert envelope["complete"] is False
    assert envelope["state"] == "queued"
    done = eventually(
        lambda: (known := relay.call("GET", answer.headers["location"]).json())["complete"] and known,
        "the job is done",
    )
    assert done["result"] == 1


def test_respond_async_with_wait_waits_silently_and_then_says_202(relay: RelayProcess) -> None:
    quick = relay.call("POST", "/jobs/echo", {"message": 1}, {"Prefer": "respond-async, wait=5"})
    assert quick.status == 200
    slow = relay.call("POST", "/jobs/sleep", {"seconds": 5}, {"Prefer": "respond-async, wait=5"})
    assert slow.status == 202
    assert slow.headers["preference-applied"] == "respond-async, wait=5"
    assert slow.json()["state"] == "running"
    assert slow.json()["progress"] == {"fraction": 0.0, "message": "sleeping for 5.0 s"}


def test_a_wait_that_runs_out_after_the_commitment_ends_in_an_incomplete_envelope(
    relay: RelayProcess,
) -> None:
    with relay.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 30}, {"Prefer": "wait=2"})
        status, headers, _ = client.head()
        assert status == 200
        assert headers["preference-applied"] == "wait=2"
        envelope = json.loads(b"".join(client.chunks()))
    assert envelope["complete"] is False
    assert envelope["state"] == "running"
    assert relay.call("DELETE", headers["location"]).status == 202


def test_a_failed_job_shows_its_problem_and_its_own_status_within_the_grace(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/decline")
    assert answer.status == 402
    assert answer.headers["relay-source"] == "job"
    assert answer.json()["state"] == "failed"
    assert answer.json()["error"] == {
        "type": "/problems/card-declined",
        "title": "Card declined",
        "status": 402,
        "detail": "insufficient funds",
        "source": "job",
        "retryable": False,
        "decline_code": "funds",
    }


def test_a_status_on_which_clients_act_by_themselves_goes_out_as_500(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/log_in_elsewhere")
    assert answer.status == 500
    assert answer.json()["error"]["status"] == 401


def test_what_a_handler_did_not_foresee_stays_in_the_log(relay: RelayProcess) -> None:
    relay.expected_tracebacks = 1
    answer = relay.call("POST", "/jobs/stumble")
    assert answer.status == 500
    assert b"secret" not in answer.raw + answer.body
    relay.wait_for("RuntimeError: a secret detail")


def test_a_job_that_overruns_its_time_is_stopped(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/forever")
    assert answer.status == 500  # 504 would ask to send the same again, whose answer would be the same
    assert answer.json()["error"]["status"] == 504
    assert answer.json()["error"]["type"] == "/problems/job-timeout"


def test_results_that_are_too_large_or_no_json_fail_the_job_and_say_so(relay: RelayProcess) -> None:
    fits = relay.call("POST", "/jobs/big", {"size": 50_000})  # too large for an inbox: fetched
    assert len(fits.json()["result"]) == 50_000
    large = relay.call("POST", "/jobs/big", {"size": 200_000})
    assert large.json()["error"]["type"] == "/problems/result-too-large"
    assert large.json()["error"]["limit"] == 100_000
    assert relay.call("POST", "/jobs/unwritable").json()["error"]["type"] == "/problems/result-not-json"


def test_a_blocking_handler_runs_in_a_thread(relay: RelayProcess) -> None:
    assert "handlers" in relay.call("POST", "/jobs/blocking", {"seconds": 0.01}).json()["result"]


def test_handlers_get_their_context(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/whoami").json()
    assert answer["result"]["id"] == answer["id"] == answer["result"]["key"]
    assert answer["result"]["attempt"] == 1


def test_a_job_with_retries_is_run_again_after_it_failed(relay: RelayProcess) -> None:
    relay.expected_tracebacks = 1
    answer = relay.call("POST", "/jobs/second_time")
    assert answer.json()["result"] == 2
    assert answer.json()["attempts"] == 2


def test_a_delayed_job_is_scheduled_and_runs_when_it_is_due(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/echo", {"message": 1}, {"Relay-Delay": "1"})
    assert answer.status == 202
    assert answer.json()["state"] == "scheduled"
    assert relay.call("GET", answer.headers["location"]).json()["state"] == "scheduled"
    done = relay.call("GET", answer.headers["location"], headers={"Prefer": "wait=20"}).json()
    assert done["state"] == "succeeded"
    assert done["elapsed_ms"] >= 1000


def test_a_job_whose_deadline_passes_before_it_starts_expires(relay: RelayProcess) -> None:
    headers = {"Relay-Delay": "30", "Relay-Deadline": "1"}
    answer = relay.call("POST", "/jobs/echo", {"message": 1}, headers)
    done = relay.call("GET", answer.headers["location"], headers={"Prefer": "wait=20"}).json()
    assert done["state"] == "expired"
    assert done["error"]["type"] == "/problems/expired"


def test_a_running_job_is_stopped_at_its_deadline(relay: RelayProcess) -> None:
    answer = relay.call("POST", "/jobs/patient", headers={"Relay-Deadline": "1", "Prefer": "heartbeat=0"})
    assert answer.status == 500
    assert answer.json()["state"] == "expired"
    assert answer.json()["error"]["status"] == 504


# -- keys --


def test_the_same_key_while_the_job_runs_attaches(relay: RelayProcess) -> None:
    with relay.connect() as first, relay.connect() as second:
        first.request("PUT", "/jobs/sleep/attaches", {"seconds": 1.5})
        relay.wait_until_held(1)
        second.request("POST", "/jobs/sleep", {"seconds": 1.5}, {"Idempotency-Key": '"attaches"'})
        one, other = first.response(), second.response()
    assert one.json()["id"] == other.json()["id"]
    assert one.json() == other.json()


def test_the_same_key_after_the_end_replays_the_outcome(relay: RelayProcess) -> None:
    first = relay.call("PUT", "/jobs/decline/replays")
    again = relay.call("PUT", "/jobs/decline/replays")
    assert again.status == first.status == 402
    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_keys_compare_arguments_not_bytes(relay: RelayProcess) -> None:
    first = relay.call("PUT", "/jobs/area/same", b'{"box": {"width": 2, "height": 3}, "scale": 1}')
    again = relay.call("PUT", "/jobs/area/same", b'{"scale":1,"box":{"height":3,"width":2}}')
    assert again.json() == first.json()
    other = relay.call("PUT", "/jobs/area/same", {"box": {"width": 2, "height": 4}})
    assert other.status == 422
    assert other.json()["type"] == "/problems/key-reused"


def test_a_key_belongs_to_one_job_name(relay: RelayProcess) -> None:
    one = relay.call("PUT", "/jobs/echo/shared", {"message": 1}).json()
    other = relay.call("PUT", "/jobs/whoami/shared").json()
    assert one["id"] != other["id"]


def test_a_refused_submission_leaves_no_key(relay: RelayProcess) -> None:
    assert relay.call("PUT", "/jobs/area/refused", {"box": 1}).status == 422
    assert relay.call("GET", "/jobs/area/refused").status == 404
    assert relay.call("PUT", "/jobs/area/refused", {"box": {"width": 1, "height": 1}}).status == 200


def test_a_job_is_found_by_its_key(relay: RelayProcess) -> None:
    put = relay.call("PUT", "/jobs/echo/looked-up", {"message": 7})
    assert relay.call("GET", "/jobs/echo/looked-up").json() == put.json()


@pytest.mark.parametrize("key", ["plain", '"with space"', r'"with \" and \\"'])
def test_keys_are_quoted_strings_or_tokens(relay: RelayProcess, key: str) -> None:
    first = relay.call("POST", "/jobs/echo", {"message": key}, {"Idempotency-Key": key})
    assert relay.call("POST", "/jobs/echo", {"message": key}, {"Idempotency-Key": key}).json() == first.json()


def test_two_submissions_with_one_key_in_the_same_moment_make_one_job(relay: RelayProcess) -> None:
    clients = [relay.connect() for _ in range(20)]
    for client in clients:
        client.request("PUT", "/jobs/sleep/moment", {"seconds": 0.2})
    answers = [client.response().json() for client in clients]
    for client in clients:
        client.close()
    assert len({answer["id"] for answer in answers}) == 1
    assert all(answer["complete"] for answer in answers)


# -- look, attach, cancel --


def test_a_look_is_200_whatever_the_outcome(relay: RelayProcess) -> None:
    failed = relay.call("POST", "/jobs/decline").json()
    assert relay.call("GET", f"/jobs/{failed['id']}").status == 200
    waited = relay.call("GET", f"/jobs/{failed['id']}", headers={"Prefer": "wait=5"})
    assert waited.status == 200
    assert waited.json() == failed


def test_a_second_client_attaches_to_a_running_job(relay: RelayProcess) -> None:
    begun = relay.call("POST", "/jobs/sleep", {"seconds": 1.5}, {"Prefer": "respond-async"})
    with relay.connect() as one, relay.connect() as other:
        for client in (one, other):
            client.request("GET", begun.headers["location"], headers={"Prefer": "wait=20"})
        answers = [one.response().json(), other.response().json()]
    assert answers[0] == answers[1]
    assert answers[0]["result"] == {"slept": 1.5}


def test_head_never_holds(relay: RelayProcess) -> None:
    begun = relay.call("POST", "/jobs/patient", headers={"Prefer": "respond-async"})
    answer = relay.call("HEAD", begun.headers["location"], headers={"Prefer": "wait=20"})
    assert answer.status == 200
    assert relay.call("DELETE", begun.headers["location"]).status in (
        200,
        202,
    )  # a worker may have it by then


def test_a_waiting_job_is_cancelled_at_once_and_again(relay: RelayProcess) -> None:
    begun = relay.call("POST", "/jobs/echo", headers={"Relay-Delay": "60"})
    for _ in range(2):
        answer = relay.call("DELETE", begun.headers["location"])
        assert answer.status == 200
        assert answer.json()["state"] == "cancelled"


def test_the_waiter_of_a_cancelled_job_is_told(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.request("PUT", "/jobs/patient/told", headers={"Prefer": "heartbeat=0"})
        relay.wait_until_held(1)
        id = relay.call("GET", "/jobs/patient/told").json()["id"]
        eventually(lambda: relay.call("GET", f"/jobs/{id}").json()["state"] == "running", "it runs")
        assert relay.call("DELETE", f"/jobs/{id}").status == 202
        answer = client.response()
    assert answer.status == 409
    assert answer.json()["state"] == "cancelled"
    assert answer.json()["error"]["type"] == "/problems/cancelled"


def test_a_job_that_ended_can_not_be_cancelled(relay: RelayProcess) -> None:
    done = relay.call("POST", "/jobs/echo")
    answer = relay.call("DELETE", done.headers["location"])
    assert answer.status == 409
    assert answer.json()["type"] == "/problems/already-complete"


def test_progress_is_shown(relay: RelayProcess) -> None:
    begun = relay.call("POST", "/jobs/reporting", headers={"Prefer": "respond-async"})
    known = eventually(
        lambda: (e := relay.call("GET", begun.headers["location"]).json()).get("progress") and e, "progress"
    )
    assert known["progress"] == {"fraction": 0.5, "message": "half of it"}
    assert relay.call("DELETE", begun.headers["location"]).status == 202


# -- many --


def test_a_thousand_requests_held_at_once_are_all_answered(relay: RelayProcess) -> None:
    clients = [relay.connect() for _ in range(1000)]
    for client in clients:
        client.request("POST", "/jobs/sleep", {"seconds": 3})
    relay.wait_until_held(1000)
    ids = set()
    for client in clients:
        answer = client.response().json()
        assert answer["result"] == {"slept": 3.0}
        ids.add(answer["id"])
        client.close()
    assert len(ids) == 1000
