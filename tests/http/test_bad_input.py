"""Bad input, over a real socket: a clear answer or a clean close, no traceback, no hold left behind."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from typing import Any

import pytest

from relay.model.problems.upstream import PROBLEMS
from tests.processes import Client, RelayProcess, Response, eventually


def is_problem(answer: Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["relay-source"] == "relay"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert problem["title"]
    return problem


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"{",
            b'{"a":}',
            b"[1]",
            b'"text"',
            b"null",
            b"\xff",
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b'{"a":"\\ud800"}',
        ),
        b"[" * 100_000,
        b'{"message": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_a_body_that_is_no_json_object_is_400(relay: RelayProcess, body: bytes) -> None:
    is_problem(relay.call("POST", "/jobs/echo", body), 400, "malformed-body")


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "application/x-www-form-urlencoded"),
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "application/json; charset=latin-1"}, "latin-1"),
        ({"Content-Encoding": "gzip"}, "gzip"),
    ],
)
def test_what_is_not_plain_json_is_415(relay: RelayProcess, headers: dict[str, str], detail: str) -> None:
    problem = is_problem(relay.call("POST", "/jobs/echo", {"message": 1}, headers), 415, "not-json")
    assert detail in problem["detail"]


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", ""])
def test_json_may_say_that_it_is_utf_8(relay: RelayProcess, kind: str) -> None:
    assert relay.call("POST", "/jobs/echo", {"message": 1}, {"Content-Type": kind}).status == 200


def test_every_argument_that_does_not_fit_is_named(relay: RelayProcess) -> None:
    body = {"box": {"width": "2", "height": 3}, "scale": 0, "colour": "red"}
    problem = is_problem(relay.call("POST", "/jobs/area", body), 422, "bad-arguments")
    assert {error["at"] for error in problem["errors"]} == {"/colour", "/box/width", "/scale"}


def test_missing_arguments_are_named(relay: RelayProcess) -> None:
    problem = is_problem(relay.call("POST", "/jobs/area"), 422, "bad-arguments")
    assert "box" in problem["errors"][0]["detail"]


def test_an_unknown_job_is_404(relay: RelayProcess) -> None:
    is_problem(relay.call("POST", "/jobs/ech0"), 404, "unknown-job")


@pytest.mark.parametrize("id", ["0-aaaaaaaa", "9-aaaaaaaa-bbbb", "0", "0-"])
def test_an_id_that_no_store_minted_is_no_job(relay: RelayProcess, id: str) -> None:
    answer = relay.call("GET", f"/jobs/{id}")
    assert answer.status in (404, 410)
    is_problem(answer, answer.status, "no-such-job" if answer.status == 404 else "store-reset")


def test_an_unknown_id_of_this_store_is_404(relay: RelayProcess) -> None:
    id = relay.call("POST", "/jobs/echo").json()["id"]
    other = id[:-1] + ("a" if id[-1] != "a" else "b")
    for method in ("GET", "DELETE"):
        is_problem(relay.call(method, f"/jobs/{other}"), 404, "no-such-job")
    is_problem(relay.call("GET", f"/jobs/{other}", headers={"Prefer": "wait=5"}), 404, "no-such-job")
    is_problem(relay.call("GET", "/jobs/echo/no-such-key"), 404, "no-such-job")


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/jobs/", "/jobs/Echo", "/jobs//echo", "/jobs/echo/", "/nothing"]
)
def test_an_address_that_does_not_exist_is_404(relay: RelayProcess, path: str) -> None:
    is_problem(relay.call("GET", path), 404, "no-such-page")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/jobs/echo", "POST"),
        ("PUT", "/jobs/echo", "POST"),
        ("POST", "/jobs/0-a-b", "DELETE, GET, HEAD"),
        ("DELETE", "/jobs/echo/key", "GET, HEAD, PUT"),
        ("BREW", "/jobs/echo", "DELETE, GET, HEAD, POST, PUT"),
    ],
)
def test_a_method_that_is_not_for_this_address_is_405(
    relay: RelayProcess, method: str, path: str, allowed: str
) -> None:
    answer = relay.call(method, path)
    is_problem(answer, 405, "method-refused")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/jobs/%ff", "/%c3%28"])
def test_a_path_that_is_not_utf_8_is_400(relay: RelayProcess, path: str) -> None:
    is_problem(relay.call("GET", path), 400, "malformed")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Idempotency-Key": '"open'}, "Idempotency-Key"),
        ({"Idempotency-Key": '""'}, "Idempotency-Key"),
        ({"Idempotency-Key": "two words"}, "Idempotency-Key"),
        ({"Idempotency-Key": "x" * 256}, "256"),
        ({"Idempotency-Key": "\xe9"}, "Idempotency-Key"),
        ({"Relay-On-Disconnect": "explode"}, "Relay-On-Disconnect"),
        ({"Relay-Delay": "soon"}, "Relay-Delay"),
        ({"Relay-Delay": "-1"}, "Relay-Delay"),
        ({"Relay-Deadline": "1e"}, "Relay-Deadline"),
        ({"Relay-Deadline": "1e999"}, "Relay-Deadline"),
        ({"Relay-Deadline": "999999999"}, "Relay-Deadline"),
    ],
)
def test_a_malformed_header_of_relays_is_400(
    relay: RelayProcess, headers: dict[str, str], named: str
) -> None:
    problem = is_problem(relay.call("POST", "/jobs/echo", {}, headers), 400, "malformed")
    assert named in problem["detail"]


@pytest.mark.parametrize(
    "prefer", ["wait=soon", "wait", "wait=-1", "heartbeat=x", "fast", ";;;", '"', "wait=5.5", "\xe9"]
)
def test_a_malformed_preference_is_ignored(relay: RelayProcess, prefer: str) -> None:
    answer = relay.call("POST", "/jobs/echo", {}, {"Prefer": prefer})
    assert answer.status == 200
    assert "preference-applied" not in answer.headers


def test_a_malformed_header_of_an_attaching_client_leaves_nobody_waiting(relay: RelayProcess) -> None:
    begun = relay.call("POST", "/jobs/patient", headers={"Prefer": "respond-async"})
    headers = {"Prefer": "wait=9", "Relay-On-Disconnect": "explode"}
    is_problem(relay.call("GET", begun.headers["location"], headers=headers), 400, "malformed")
    assert relay.call("DELETE", begun.headers["location"]).status in (200, 202)  # it may not run yet


# -- too large --


def test_a_body_over_the_limit_is_413_before_it_was_sent(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.request("POST", "/jobs/echo", None, {"Content-Length": "200001"})
        problem = is_problem(client.response(), 413, "too-large")
        assert problem["limit"] == 200_000
        assert client.is_closed()


def test_a_client_that_goes_on_sending_still_reads_its_413(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.request("POST", "/jobs/echo", None, {"Content-Length": "8000000"})
        for _ in range(80):
            client.send(b"x" * 100_000)
        is_problem(client.response(), 413, "too-large")


def test_a_chunked_body_over_the_limit_is_413(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(30):
            client.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        is_problem(client.response(), 413, "too-large")


def test_no_100_continue_is_sent_before_a_413(relay: RelayProcess) -> None:
    with relay.connect() as client:
        headers = {"Content-Length": "900000", "Expect": "100-continue"}
        client.request("POST", "/jobs/echo", None, headers)
        is_problem(client.response(), 413, "too-large")


def test_a_body_of_the_limit_is_taken_also_in_chunks_and_after_a_100_continue(relay: RelayProcess) -> None:
    body = json.dumps({"message": "x" * 90_000}).encode()
    with relay.connect() as client:
        client.send(
            b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert client.head()[0] == 100
        client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert client.response().status == 200


def test_headers_over_the_limit_end_the_connection(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 40_000 + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            is_problem(client.response(), 431, "head-too-large")
            assert client.is_closed()


# -- who may call --


@pytest.mark.parametrize(
    "host", ["a b", "x" * 64 + ".test", "[::1", "localhost:port", "", "..", "localhost/x", "\xe9"]
)
def test_a_bad_host_is_400(relay: RelayProcess, host: str) -> None:
    is_problem(relay.call("GET", "/readyz", headers={"Host": host}), 400, "malformed")


def test_a_request_has_one_host(relay: RelayProcess) -> None:
    for lines in (b"", b"Host: localhost\r\nHost: localhost\r\n"):
        with relay.connect() as client:
            client.send(b"GET /readyz HTTP/1.1\r\n" + lines + b"\r\n")
            is_problem(client.response(), 400, "malformed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com"},
        {"Host": "10.0.0.1:8080"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://[\xe9"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"Forwarded": "for=1.2.3.4"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
    ],
)
def test_others_than_this_machine_are_403(relay: RelayProcess, headers: dict[str, str]) -> None:
    is_problem(relay.call("POST", "/jobs/echo", {}, headers), 403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:8080"])
def test_this_machine_has_many_names(relay: RelayProcess, host: str) -> None:
    headers = {"Host": host, "Origin": "http://localhost:3000"}
    assert relay.call("POST", "/jobs/echo", {}, headers).status == 200


# -- odd HTTP --


@pytest.mark.parametrize(
    "data",
    [
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /jobs/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nBad Header: 1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=lambda data: data[:14].decode("latin-1"),
)
def test_what_is_not_http_is_refused_and_closed(relay: RelayProcess, data: bytes) -> None:
    with relay.connect() as client:
        client.send(data)
        assert client.read_to_end().startswith((b"HTTP/1.1 400", b"HTTP/1.1 505", b""))


def test_pipelined_requests_are_answered_in_their_order(relay: RelayProcess) -> None:
    with relay.connect() as client:
        for number in range(5):
            client.request("POST", "/jobs/echo", {"message": number})
        for number in range(5):
            assert client.response().json()["result"] == number


def test_any_number_of_pipelined_requests_is_answered(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3000)
        for _ in range(3000):
            assert client.response().status == 200


@pytest.mark.parametrize("cut", [1, 2, 5, 20, 40])
def test_a_pipelined_request_may_arrive_in_pieces_while_another_is_served(
    relay: RelayProcess, cut: int
) -> None:
    behind = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with relay.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 0.2})
        client.send(behind[:cut])
        relay.wait_until_held(1)
        client.send(behind[cut:])
        assert client.response().json()["result"] == {"slept": 0.2}
        assert client.response().json()["ready"] is True


def test_an_upgrade_that_nobody_grants_is_a_request_like_any_other(relay: RelayProcess) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    with relay.connect() as client:
        client.request("POST", "/jobs/echo", {"message": 1}, offer)
        client.request("GET", "/readyz", None, offer)
        client.request("GET", "/readyz")
        assert client.response().json()["result"] == 1
        assert [client.response().status for _ in range(2)] == [200, 200]


def test_a_whole_url_is_a_target_too(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"GET http://localhost/readyz?x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.response().json()["ready"] is True


def test_requests_behind_a_committed_one_are_not_answered(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 1.5})
        client.request("POST", "/jobs/echo", {"message": "x" * 50_000})
        answer = client.response()
        assert answer.headers["connection"] == "close"
        assert answer.json()["result"] == {"slept": 1.5}
        assert client.is_closed()


def test_http_1_0_without_a_host_is_served_and_closed(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert client.response().json()["ready"] is True
        assert client.is_closed()


def test_options_star_is_answered(relay: RelayProcess) -> None:
    with relay.connect() as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.read_to_end().startswith(b"HTTP/1.1 ")


# -- clients that go away --


def hang_up(client: Client) -> None:
    """Close with a reset, as a phone that lost its network may."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [hang_up, Client.close], ids=["reset", "close"])
@pytest.mark.parametrize(
    "sent", [b"", b"POST /jo", b"POST /jobs/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_client_that_leaves_in_mid_request_leaves_nothing(
    relay: RelayProcess, sent: bytes, leave: Any
) -> None:
    client = relay.connect()
    client.send(sent)
    leave(client)


@pytest.mark.parametrize("leave", [hang_up, Client.close], ids=["reset", "close"])
def test_a_client_that_leaves_within_the_grace_leaves_its_job(relay: RelayProcess, leave: Any) -> None:
    key = f"left-{leave.__name__}"
    client = relay.connect()
    client.request("PUT", f"/jobs/sleep/{key}", {"seconds": 0.4})
    relay.wait_until_held(1)
    leave(client)
    relay.wait_until_nothing_is_held()
    eventually(lambda: relay.call("GET", f"/jobs/sleep/{key}").json()["state"] == "succeeded", "it ran")


@pytest.mark.parametrize("leave", [hang_up, Client.close], ids=["reset", "close"])
def test_a_client_that_leaves_after_the_commitment_leaves_no_hold(relay: RelayProcess, leave: Any) -> None:
    client = relay.connect()
    client.request("POST", "/jobs/patient")
    _, headers, _ = client.head()
    assert relay.held() == 1
    leave(client)
    relay.wait_until_nothing_is_held()
    assert relay.call("DELETE", headers["location"]).status == 202


def test_killing_a_client_that_holds_many_requests_leaves_no_hold(relay: RelayProcess) -> None:
    clients = [relay.connect() for _ in range(100)]
    for number, client in enumerate(clients):
        client.request("PUT", f"/jobs/sleep/killed-{number}", {"seconds": 2})
    relay.wait_until_held(100)
    for client in clients[:50]:
        hang_up(client)
    relay.wait_until_held(50)
    for client in clients[50:]:
        assert client.response().json()["complete"] is True
        client.close()


def test_a_client_that_leaves_before_its_submission_was_answered_leaves_nothing(relay: RelayProcess) -> None:
    for _ in range(50):
        client = relay.connect()
        client.request("POST", "/jobs/echo", {"message": 1})
        hang_up(client)


# -- about relay --


def test_every_problem_type_is_explained(relay: RelayProcess) -> None:
    for slug in ("no-such-job", "bad-arguments", "store-away", *PROBLEMS):
        answer = relay.call("GET", f"/problems/{slug}")
        assert answer.status == 200
        assert answer.json()["type"] == slug
        assert len(answer.json()["meaning"]) > 20
    is_problem(relay.call("GET", "/problems/card-declined"), 404, "no-such-page")
