"""Hand-over: another server submits, and signs a ticket for its client, who waits at a front."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from relay.handover import Handover, HandoverError
from relay.model.proofs import ProofError, Signed, check
from relay.model.tickets import Ticket, read, sign
from tests.processes import RelayProcess, Response, eventually, free_port
from tests.stack.conftest import SECRET, Fronts

ACCEPTED = b'HTTP/1.1 202 Accepted\r\nRelay-Source: job\r\nContent-Length: 14\r\n\r\n{"id":"0-a-b"}'
BOX = {"box": {"width": 2, "height": 3}}
KEYS = ["anna 1", 'a "quoted" \\ key', "%41", "schlüssel 1", "ключ?", "x" * 255]


@pytest.fixture
def server(fronts: Fronts) -> Handover:
    """Another server, next to the first front."""
    return Handover(f"http://127.0.0.1:{fronts.one.port}/", SECRET)


def go(
    front: RelayProcess, headers: dict[str, str], method: str = "GET", sent: dict[str, str] | None = None
) -> Response:
    """Where the client goes with the headers that the other server answered."""
    return front.call(method, headers["X-Accel-Redirect"], headers=sent)


def test_the_client_gets_what_a_submission_of_its_own_would_get(server: Handover, fronts: Fronts) -> None:
    answer = go(fronts.other, server.submit("area", BOX))
    assert (answer.status, answer.json()["result"]) == (200, 6)
    assert answer.headers["relay-job-id"] == answer.json()["id"]
    failed = go(fronts.other, server.submit("decline"))
    assert (failed.status, failed.json()["error"]["type"]) == (402, "/problems/card-declined")


def test_it_is_held_with_heartbeats(server: Handover, fronts: Fronts) -> None:
    with fronts.other.connect() as client:
        client.request("GET", server.submit("patient")["X-Accel-Redirect"])
        assert client.head()[0] == 200
        assert [client.chunk(), client.chunk()] == [b"\n", b"\n"]
        fronts.end_all()
        assert json.loads(b"".join(client.chunks()))["state"] == "cancelled"


def test_what_the_client_prefers_comes_along_in_the_ticket(server: Handover, fronts: Fronts) -> None:
    for prefer in ("wait=0", "respond-async"):
        answer = go(fronts.other, server.submit("patient", prefer=prefer), sent={"Prefer": "wait=20"})
        assert (answer.status, answer.json()["complete"]) == (202, False)
    answer = go(fronts.other, server.submit("patient", prefer="wait=1, heartbeat=0"))
    assert (answer.status, answer.headers["preference-applied"]) == (202, "wait=1, heartbeat=0")
    answer = go(
        fronts.other, server.submit("patient"), sent={"Prefer": "wait=0"}
    )  # its own counts where none is
    assert answer.status == 202
    assert go(fronts.other, server.submit("patient"), "HEAD").status == 200


def test_a_key_makes_sending_again_safe(server: Handover, fronts: Fronts) -> None:
    for key in KEYS:
        ids = {go(fronts.one, server.submit("area", BOX, key=key)).json()["id"] for _ in range(2)}
        assert len(ids) == 1, key
    assert server.enqueue("area", BOX) != server.enqueue("area", BOX)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_as_it_was_given(server: Handover, fronts: Fronts, key: str) -> None:
    """By its path, and by the submission of a client that knows it."""
    id = server.enqueue("area", BOX, key=key)
    path = f"/jobs/area/{quote(key, safe='')}"
    assert fronts.other.call("GET", path).json()["id"] == id
    assert fronts.other.call("PUT", path, BOX).json()["id"] == id


@pytest.mark.parametrize(
    ("key", "said"),
    [("x" * 256, "the key has 256 characters"), ("ü" * 256, "the key has 256"), ("ü/1", "an encoded slash")],
)
def test_a_key_that_relay_does_not_take_is_refused_and_not_changed(
    server: Handover, fronts: Fronts, key: str, said: str
) -> None:
    with pytest.raises(HandoverError, match=said) as refused:
        server.enqueue("area", BOX, key=key)
    assert (refused.value.status, refused.value.problem["type"]) == (400, "/problems/malformed")


def test_a_key_with_a_slash_is_one_that_a_client_can_send(server: Handover, fronts: Fronts) -> None:
    id = server.enqueue("area", BOX, key="anna/1")
    again = fronts.other.call("POST", "/jobs/area", BOX, {"Idempotency-Key": '"anna/1"'})
    assert again.json()["id"] == id


def test_a_job_can_be_looked_at_and_cancelled(server: Handover, fronts: Fronts) -> None:
    id = server.enqueue("patient")
    assert server.look(id)["complete"] is False
    server.cancel(id)
    eventually(lambda: server.look(id)["complete"], "it is cancelled")
    assert server.cancel(id)["state"] == "cancelled"


def test_what_can_not_be_looked_at_or_cancelled_is_told_as_relay_says_it(
    server: Handover, fronts: Fronts
) -> None:
    done = go(fronts.one, server.submit("area", BOX)).json()["id"]
    with pytest.raises(HandoverError) as late:
        server.cancel(done)
    assert (late.value.status, late.value.problem["type"]) == (409, "/problems/already-complete")
    for ask in (server.look, server.cancel):
        with pytest.raises(HandoverError) as unknown:
            ask(done[:-3] + "aaa")
        assert unknown.value.status == 404
        with pytest.raises(HandoverError) as odd:
            ask("0-no/id")
        assert odd.value.status == 400


def test_an_outcome_that_is_known_already_is_handed_over_too(server: Handover, fronts: Fronts) -> None:
    """Also one that failed, with whose status the submission is answered; and it is said that it was there before."""
    for replayed in (None, "true"):
        answer = go(fronts.other, server.submit("decline", key="known"))
        assert (answer.status, answer.headers.get("idempotency-replayed")) == (402, replayed)


@pytest.mark.parametrize(
    ("prefer", "kept"),
    [
        ("wait=5, heartbeat=0", "wait=5, heartbeat=0"),
        ("Respond-Async; x=1, note=1, WAIT=5, wait=6, grace=2", "respond-async, wait=5, grace=2"),
        ("x" * 6000 + ", wait=5", "wait=5"),
        ("note=" + "x" * 6000, ""),
        ("await=5, wait=5s, wait=, heartbeat", ""),
    ],
)
def test_a_ticket_has_only_what_relay_reads(server: Handover, prefer: str, kept: str) -> None:
    ticket = server.headers("0-a-b", prefer)["X-Accel-Redirect"].rpartition("/")[2]
    assert read([SECRET], ticket, time.time()).prefer == kept
    assert len(ticket) < 300


def test_what_relay_refuses_is_told_as_relay_says_it(server: Handover, fronts: Fronts) -> None:
    with pytest.raises(HandoverError) as refused:
        server.submit("area", {"box": 1})
    assert (refused.value.status, refused.value.problem["type"]) == (422, "/problems/bad-arguments")
    assert refused.value.retry_after == 0
    with pytest.raises(HandoverError) as unknown:
        server.submit("nonsense")
    assert unknown.value.status == 404
    server.submit("area", {**BOX, "scale": 1}, key="reused")
    with pytest.raises(HandoverError) as reused:
        server.submit("area", {**BOX, "scale": 2}, key="reused")
    assert reused.value.status == 422


@pytest.mark.processes
def test_a_relay_that_is_away_is_a_503(fronts: Fronts) -> None:
    with pytest.raises(HandoverError) as away:
        Handover(f"http://127.0.0.1:{free_port()}", SECRET).submit("area", BOX)
    assert (away.value.status, away.value.retry_after) == (503, 1)
    assert away.value.problem["title"] == "relay can't be reached"


@pytest.mark.processes
def test_relay_is_reached_over_a_unix_socket(fronts: Fronts, tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    front = RelayProcess(tmp_path, "front", "--redis", fronts.redis.url, "--listen", f"unix:{path}")
    with pytest.raises(HandoverError) as away:
        Handover(f"unix:{path}", SECRET).submit("area", BOX)
    assert (away.value.status, away.value.retry_after) == (503, 1)
    front.start()
    server = Handover(f"unix:{path}", SECRET)
    answer = go(fronts.other, server.submit("area", BOX))
    assert (answer.status, answer.json()["result"]) == (200, 6)
    with pytest.raises(HandoverError) as refused:
        server.submit("area", {"box": 1})
    assert refused.value.status == 422
    front.kill()
    front.start()
    server.enqueue("area", BOX)  # the connection that was kept is dead
    front.stop()


def test_a_token_may_come_from_a_file_with_its_line_break() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked: list[bytes] = []
        serving = threading.Thread(target=answer_once, args=(listening, ACCEPTED, asked), daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        Handover(url, SECRET, token="rly_x\n", subject="zoë").enqueue("area", BOX, "a b")
        serving.join()
    head = asked[0].partition(b"\r\n\r\n")[0]
    assert b"Authorization: Bearer rly_x" in head.splitlines()
    assert "Relay-Subject: zoë".encode() in head
    assert b"Relay-Proof" not in head
    with pytest.raises(ValueError, match="token"):
        Handover(url, SECRET, token="rly_x rly_y")


def test_each_submission_has_a_proof_that_its_sender_knows_the_secret() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked: list[bytes] = []
        serving = threading.Thread(target=answer_once, args=(listening, ACCEPTED, asked), daemon=True)
        serving.start()
        Handover(f"http://127.0.0.1:{listening.getsockname()[1]}/mounted", SECRET).enqueue("area", BOX, "a b")
        serving.join()
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /mounted/jobs/area HTTP/1.1\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    key = headers["Idempotency-Key"]
    check([SECRET], headers["Relay-Proof"], Signed("POST", "/jobs/area", key, body), time.time())
    with pytest.raises(ProofError):
        check([SECRET], headers["Relay-Proof"], Signed("POST", "/jobs/area", "", body), time.time())


def test_a_front_that_came_back_is_found_again(server: Handover, fronts: Fronts) -> None:
    server.enqueue("area", BOX)
    fronts.one.kill()
    fronts.one.start()
    server.enqueue("area", BOX)  # the connection that was kept is dead


def test_where_no_answer_came_the_same_is_sent_again_under_its_key() -> None:
    asked: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        for answer in (b"", ACCEPTED):
            connected, _ = listening.accept()
            with connected:
                asked.append(connected.recv(65536))
                connected.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,), daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert Handover(url, SECRET).enqueue("area", BOX) == "0-a-b"
        serving.join()
    first, second = (re.search(rb"Idempotency-Key: (.*)\r\n", request) for request in asked)
    assert first is not None
    assert second is not None
    assert first[1] == second[1]


def test_a_relay_that_says_later_is_not_waited_for() -> None:
    later = b'{"type": "/problems/queue-full", "title": "The queue is full", "status": 503}'
    head = (
        f"HTTP/1.1 503 Later\r\nRelay-Source: relay\r\nRetry-After: 5\r\nContent-Length: {len(later)}\r\n\r\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=answer_once, args=(listening, head.encode() + later), daemon=True)
        serving.start()
        with pytest.raises(HandoverError) as full:
            Handover(f"http://127.0.0.1:{listening.getsockname()[1]}", SECRET).enqueue("area", BOX)
        serving.join()
    assert (full.value.status, full.value.retry_after) == (503, 5)


def answer_once(listening: socket.socket, answer: bytes, asked: list[bytes] | None = None) -> None:
    connected, _ = listening.accept()
    with connected:
        request = connected.recv(65536)
        while not request.endswith(b"}"):
            request += connected.recv(65536)
        if asked is not None:
            asked.append(request)
        connected.sendall(answer)
    listening.close()  # whoever asks again is refused, and known by that


def test_a_process_that_was_forked_has_connections_of_its_own(server: Handover, fronts: Fronts) -> None:
    server.enqueue("area", BOX)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, "".join(server.enqueue("area", BOX) for _ in range(20)).encode())
        os._exit(0)
    mine = [server.enqueue("area", BOX) for _ in range(20)]
    os.waitpid(child, 0)
    theirs = os.read(reading, 65536).decode()
    assert len(set(mine)) == 20
    assert not any(id in theirs for id in mine)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("secret", "good_for", "said"),
    [("another secret, of somebody else", 30, "not signed"), (SECRET, -10, "expired")],
)
def test_a_forged_or_expired_ticket_is_refused(
    fronts: Fronts, secret: str, good_for: float, said: str
) -> None:
    accept = Handover(f"http://127.0.0.1:{fronts.one.port}", secret, good_for=good_for).submit("patient")
    answer = go(fronts.one, accept)
    assert (answer.status, answer.json()["type"]) == (403, "/problems/forbidden")
    assert said in answer.json()["detail"]


def test_a_ticket_is_good_for_its_own_job_only(server: Handover, fronts: Fronts) -> None:
    one, other = (server.headers(server.enqueue("patient"))["X-Accel-Redirect"] for _ in range(2))
    payload, signature = one.rpartition(".")[0], other.rpartition(".")[2]
    assert fronts.one.call("GET", f"{payload}.{signature}").status == 403
    assert fronts.one.call("DELETE", one).status == 405
    assert fronts.one.call("GET", f"{one}/more").status == 404


@pytest.mark.processes
def test_a_job_that_is_gone_is_a_404(fronts: Fronts) -> None:
    epoch = fronts.one.call("POST", "/jobs/area", BOX).json()["id"].split("-")[1]
    ticket = sign(SECRET, Ticket(f"0-{epoch}-aaaaaaaaaaaaaaaa", time.time() + 30, ""))
    assert fronts.one.call("GET", f"/tickets/{ticket}").status == 404


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        Handover("http://127.0.0.1", "short")
