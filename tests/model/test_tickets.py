"""Tickets: who gets in with one, and who does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.model.tickets import Ticket, TicketError, _serializer, read, read_secrets, shown_path, sign

SECRET, OTHER = "s" * 16, "o" * 16
TICKET = Ticket("0-abc-def", 1000.0, "wait=5")


def test_a_ticket_is_read_as_it_was_signed() -> None:
    text = sign(SECRET, TICKET)
    assert read([SECRET], text, 999) == TICKET
    assert text.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_each_secret_lets_in_so_that_they_can_be_changed() -> None:
    for secret in (SECRET, OTHER):
        assert read([SECRET, OTHER], sign(secret, TICKET), 0) == TICKET


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", sign(OTHER, TICKET), sign(SECRET, TICKET)[:-1], "é", "a" * 9999]
)
def test_what_nobody_of_ours_signed_is_refused(text: str) -> None:
    with pytest.raises(TicketError, match="not signed"):
        read([SECRET], text, 0)


def test_no_byte_of_a_ticket_can_be_changed() -> None:
    text = sign(SECRET, TICKET)
    payload, signature = text.rsplit(".", 1)
    for at in range(len(payload)):
        forged = payload[:at] + ("A" if payload[at] != "A" else "B") + payload[at + 1 :]
        with pytest.raises(TicketError, match="not signed"):
            read([SECRET], f"{forged}.{signature}", 0)


def test_a_ticket_expires_with_some_room_for_clocks_that_differ() -> None:
    text = sign(SECRET, TICKET)
    assert read([SECRET], text, 1004) == TICKET
    with pytest.raises(TicketError, match="expired"):
        read([SECRET], text, 1006)


def test_a_ticket_may_say_that_its_outcome_was_there_before() -> None:
    replayed = Ticket("0-abc-def", 1000.0, "", True)
    assert read([SECRET], sign(SECRET, replayed), 999) == replayed
    before = _serializer([SECRET]).dumps(["0-abc-def", 1000.0, ""])  # of an earlier version
    assert read([SECRET], before, 999) == Ticket("0-abc-def", 1000.0, "")


@pytest.mark.parametrize(
    "said",
    [
        *(None, 7, "0-abc", {}, [], ["0-abc"], ["0-abc", 1000], ["0-abc", 1000, "", False, 1]),
        *(["0-abc", "soon", ""], ["0-abc", None, ""], ["0-abc", True, ""], ["0-abc", [1000], ""]),
        *(["0-abc", float("nan"), ""], ["0-abc", float("inf"), ""]),
        *(
            [1, 1000, ""],
            ["../../x", 1000, ""],
            ["", 1000, ""],
            ["0-\u00e9", 1000, ""],
            ["0-" + "a" * 200, 1000, ""],
        ),
        *(["0-abc", 1000, 7], ["0-abc", 1000, None], ["0-abc", 1000, "", "yes"]),
    ],
)
def test_what_is_signed_but_odd_is_no_ticket(said: Any) -> None:
    with pytest.raises(TicketError, match="is signed, but it is not a ticket"):
        read([SECRET], _serializer([SECRET]).dumps(said), 999)


def test_without_secrets_no_ticket_is_taken() -> None:
    with pytest.raises(TicketError, match="--ticket-secrets"):
        read([], sign(SECRET, TICKET), 0)


def test_secrets_are_lines_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.touch(0o640)
    file.write_text(f"{SECRET}\n\n  {OTHER} \n")
    assert read_secrets(str(file)) == [SECRET, OTHER]
    for text in ("", "\n", f"{SECRET}\nshort\n"):
        file.write_text(text)
        with pytest.raises(ValueError, match="16 characters"):
            read_secrets(str(file))


def test_secrets_that_everybody_can_read_are_none(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(ValueError, match="can be read by everybody: chmod o="):
        read_secrets(str(file))


PATHS = {
    "/jobs/echo": "/jobs/echo",
    "/jobs/echo?token=secret": "/jobs/echo",
    "/tickets/secret": "/tickets/…",
    "/v1/tickets/secret?wait=secret": "/v1/tickets/…",
    "/%74ickets%2fsecret": "/tickets/…",
    "https://api.example/tickets/secret": "https://api.example/tickets/…",
    "/jobs/a%20b": "/jobs/a%20b",
    "*": "*",
}


@pytest.mark.parametrize("target", PATHS)
def test_neither_a_query_nor_a_ticket_is_shown(target: str) -> None:
    assert shown_path(target.encode()) == PATHS[target]
