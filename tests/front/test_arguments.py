"""Arguments, from a client to a handler."""

from __future__ import annotations

from tests.processes import RelayProcess


def test_numbers_may_be_written_in_either_way_and_a_key_does_not_mind(relay: RelayProcess) -> None:
    body = b'{"box": {"width": 2.0, "height": 3}}'
    assert relay.call("PUT", "/jobs/area/written-as-floats", body).json()["result"] == 6
    again = {"scale": 1, "box": {"height": 3, "width": 2}}
    answer = relay.call("PUT", "/jobs/area/written-as-floats", again)
    assert answer.headers["idempotency-replayed"] == "true"
    other = relay.call("PUT", "/jobs/area/written-as-floats", {**again, "scale": 2})
    assert (other.status, other.json()["type"]) == (422, "/problems/key-reused")


def test_arguments_that_a_worker_would_not_decode_leave_the_key_free(relay: RelayProcess) -> None:
    refused = relay.call("PUT", "/jobs/area/refused-once", {"box": {"width": 2.5, "height": 3}})
    assert (refused.status, refused.json()["type"]) == (422, "/problems/bad-arguments")
    taken = relay.call("PUT", "/jobs/area/refused-once", {"box": {"width": 2, "height": 3}})
    assert taken.json()["result"] == 6
    assert "idempotency-replayed" not in taken.headers


def test_the_depth_of_a_body_has_a_limit(relay: RelayProcess) -> None:
    for depth, status in ((99, 200), (100, 400), (900, 400)):
        answer = relay.call("POST", "/jobs/echo", b'{"message": %b1%b}' % (b"[" * depth, b"]" * depth))
        assert answer.status == status
    assert answer.json()["type"] == "/problems/malformed-body"
