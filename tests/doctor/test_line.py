"""What is heard over a connection, and when; and what that says."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from relay.doctor.edge import Edge
from relay.doctor.heard import Heard
from relay.doctor.line import Conversation, Line, converse
from relay.doctor.promised import Promised
from relay.doctor.seen import Beating, Seen, Streamed
from relay.doctor.target import Target, TargetError
from relay.doctor.time_checks import silence, total
from relay.doctor.way_checks import heartbeats
from relay.model.settings import Settings

HEAD = b"HTTP/1.1 200 OK\r\nRelay-Outcome: in-body\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b'8\r\n{"a": 1}\r\n0\r\n\r\n'
BEAT = b"1\r\n\n\r\n"
OWN = Promised.by(Settings())


class Other:
    """The other end of a connection."""

    def __init__(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.line = Line(Target.parse(f"http://127.0.0.1:{listening.getsockname()[1]}"))
        self.socket, _ = listening.accept()
        self.socket.settimeout(5)
        listening.close()

    def talk(self, request: bytes = b"GET / HTTP/1.1\r\n\r\n", later: bytes = b"") -> Conversation:
        return Conversation(self.line, request, later)


@pytest.fixture
def other() -> Iterator[Other]:
    other = Other()
    yield other
    other.line.close()
    other.socket.close()


def test_an_answer_is_heard_to_its_end(other: Other) -> None:
    talk = other.talk()
    converse([talk], 0.01)
    assert other.socket.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
    other.socket.sendall(HEAD + BEAT + END)
    converse([talk], 5)
    assert (talk.heard.status, talk.heard.json(), talk.heard.body[:1]) == (200, {"a": 1}, b"\n")
    assert (talk.heard.complete, talk.is_cut) == (True, False)


def test_an_answer_that_ends_early_is_cut(other: Other) -> None:
    talk = other.talk()
    other.socket.sendall(HEAD + BEAT)
    other.socket.shutdown(socket.SHUT_WR)
    converse([talk], 5)
    assert (talk.ended, talk.is_cut) == ("closed", True)


@pytest.mark.parametrize(("body", "cut"), [(b'{"a": 1}', False), (b'\n\n{"a"', True)])
def test_the_end_of_an_answer_without_a_length_is_known_by_its_json(
    other: Other, body: bytes, cut: bool
) -> None:
    talk = other.talk()
    other.socket.sendall(b"HTTP/1.0 200 OK\r\nRelay-Outcome: in-body\r\n\r\n" + body)
    other.socket.shutdown(socket.SHUT_WR)
    converse([talk], 5)
    assert talk.is_cut is cut


def test_a_reset_is_told_by_its_name(other: Other) -> None:
    talk = other.talk()
    other.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    other.socket.close()
    converse([talk], 5)
    assert talk.ended == "Connection reset by peer"


def test_a_body_is_sent_once_the_other_side_asks_for_it(other: Other) -> None:
    talk = other.talk(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", later=b"body")
    converse([talk], 0.01)
    assert other.socket.recv(1000).endswith(b"\r\n\r\n")
    other.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while not talk.heard.interim:
        converse([talk], 0.01)
    converse([talk], 0.01)
    assert other.socket.recv(1000) == b"body"
    other.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    converse([talk], 5)
    assert (talk.heard.interim, talk.heard.status, talk.heard.body) == ([100], 200, b"{}")


def test_an_answer_that_comes_while_a_large_body_is_sent_is_read(other: Other) -> None:
    talk = other.talk(b"POST / HTTP/1.1\r\n\r\n" + b" " * (32 << 20))
    other.socket.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
    converse([talk], 5)
    assert talk.heard.status == 413
    assert talk.taken < 32 << 20


def test_what_is_no_http_is_told() -> None:
    heard = Heard()
    heard.feed(b"SSH-2.0-OpenSSH\r\n", 0.1)
    assert heard.broken
    assert not heard.status


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://a:b@x", "https://x?y", "http://x:99999", "x"]
)
def test_what_names_no_target_is_refused(url: str) -> None:
    with pytest.raises(TargetError):
        Target.parse(url)


def test_a_target_keeps_its_prefix_and_shows_no_token() -> None:
    target = Target.parse("https://api.example.com/v1/", "rly_secret")
    assert target.shown == "https://api.example.com/v1"
    request = target.request("POST", "/jobs/-probe", {}, b"{}")
    assert request.startswith(b"POST /v1/jobs/-probe HTTP/1.1\r\nHost: api.example.com\r\n")
    assert b"Authorization: Bearer rly_secret\r\n" in request


# -- what times say --


def streamed(other: Other, plan: Beating, *heard: tuple[float, bytes], ended: float = 0.0) -> Streamed:
    """A probe of which this was heard at these times."""
    talk = other.talk()
    for at, data in heard:
        talk.heard.feed(data, at)
    if ended:
        talk.ended, talk.ended_at = "closed", ended
    return Streamed(plan, talk)


def seen(**parts: Streamed) -> Seen:
    return Seen(Target.parse("http://127.0.0.1:1"), Edge(), **parts)  # type: ignore[arg-type]


PLAN = Beating(seconds=3, grace=0.5, every=0.5)
TIMELY = [(0.5, HEAD + BEAT), (1.0, BEAT), (1.5, BEAT), (2.0, BEAT), (2.5, BEAT), (3.0, END)]


@pytest.mark.parametrize(
    ("heard", "severity", "said"),
    [
        (TIMELY, "ok", "5 came one by one"),
        ([(3.0, HEAD + BEAT * 5 + END)], "bad", "sent after 0.5 s came 2.5 s late, together with 4 others"),
        ([(0.5, HEAD), (3.0, END)], "bad", "5 heartbeats were sent, 0 came"),
        (
            [(0.5, HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")), (3.0, END)],
            "bad",
            "(gzip)",
        ),
    ],
)
def test_heartbeats_are_judged_by_when_they_come(
    other: Other, heard: list[tuple[float, bytes]], severity: str, said: str
) -> None:
    (told,) = heartbeats(seen(stream=streamed(other, PLAN, *heard)), OWN)
    assert told.severity == severity
    assert said in told.saw


def test_heartbeats_are_those_that_a_front_sends() -> None:
    assert PLAN.beats() == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert Beating(3, 0.5).beats() == [0.5]
    assert Beating(3, 3).beats() == []


LONG = Beating(100, 0.25, 1)
WHOLE = [(0.25, HEAD + BEAT), (100.0, END)]
GATEWAY = (60.0, b"HTTP/1.1 504 Gateway Time-out\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")


def judged(other: Other, quiet: Streamed, body: Streamed, beating: Streamed) -> dict[str, tuple[str, str]]:
    all_seen = seen(quiet=quiet, quiet_body=body, beating=beating)
    told = [*silence(all_seen, OWN), *total(all_seen, OWN)]
    return {each.check: (each.severity, each.saw) for each in told}


def test_a_cut_of_silence_that_is_longer_than_heartbeats_are_apart_does_no_harm(other: Other) -> None:
    cut = streamed(other, LONG, GATEWAY)
    told = judged(other, cut, cut, streamed(other, LONG, *WHOLE))
    assert told["silence"][0] == "ok"
    assert "was cut after 60.0 s" in told["silence"][1]
    assert told["total"][0] == "ok"


def test_a_cut_of_silence_that_is_shorter_is_bad(other: Other) -> None:
    whole = streamed(other, LONG, *WHOLE)
    told = judged(other, whole, streamed(other, LONG, (0.25, HEAD + BEAT), ended=5.25), whole)
    assert told["silence"] == ("bad", "an answer that was silent after its head was cut after 5.2 s")


def test_a_cut_of_everything_is_no_cut_of_silence(other: Other) -> None:
    cut = streamed(other, LONG, (0.25, HEAD + BEAT), ended=29.0)
    told = judged(other, streamed(other, LONG, ended=29.0), cut, cut)
    assert told["silence"][0] == "ok"
    assert told["total"] == ("bad", "an answer with a heartbeat each 1 s was cut after 29.0 s")


def test_what_was_not_tried_is_told() -> None:
    (told,) = silence(seen(), OWN)
    assert (told.severity, told.saw) == ("note", "it was not tried how long an answer may be silent")
