"""Who may look, and who may act."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address

from relay.admin.listener import MOST_CLIENTS, MOST_OF_ONE
from relay.admin.methods import LOOKS, names
from relay.http.doors import TurnedAway
from relay.serving.failures import MOST
from tests.admin.scene import Desk

ELSEWHERE = "192.0.2.7"


def test_without_operators_whoever_reaches_it_may_look_and_not_act(desk: Desk) -> None:
    assert desk.ask("overview").status == 200
    refused = desk.ask("fire", name="nightly")
    assert (refused.status, refused.json()["type"]) == (403, "/problems/forbidden")
    assert "relay tokens add" in refused.json()["detail"]
    said = desk.call("GET", "/session").json()
    assert (said["in"], said["name"], said["acts"], said["csrf"]) == (True, "", False, "")


PAGES_ELSEWHERE = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:9000"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
]


@pytest.mark.parametrize("headers", PAGES_ELSEWHERE)
def test_a_page_that_is_not_its_own_is_refused_even_with_a_token(
    guarded: Desk, headers: dict[str, str]
) -> None:
    assert guarded.call("POST", "/api/overview", {}, "act", **headers).status == 403
    assert guarded.call("POST", "/session", {"token": guarded.tokens["act"]}, **headers).status == 403


def test_a_page_elsewhere_that_tries_leaves_a_line_of_bounded_length(guarded: Desk, lines: list[str]) -> None:
    guarded.call("POST", "/api/cancel", {"id": "x"}, "act", Origin=f"http://evil.example/{'x' * 9000}")
    (line,) = lines
    assert line.startswith(
        "a web page elsewhere from 127.0.0.1 was refused: the Origin is http://evil.example/"
    )
    assert len(line) < 400


def test_one_address_does_not_take_all_connections(guarded: Desk) -> None:
    site = guarded.listener.site
    made = [site.buildProtocol(IPv4Address("TCP", ELSEWHERE, 5000)) for _ in range(MOST_CLIENTS)]
    assert sum(isinstance(each, TurnedAway) for each in made) == MOST_CLIENTS - MOST_OF_ONE
    assert guarded.call("GET", "/healthz").status == 200


def test_its_own_page_is_served(desk: Desk) -> None:
    own = {"Origin": "http://localhost:8081", "Sec_Fetch_Site": "same-origin"}
    assert desk.call("POST", "/api/overview", {}, **own).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "192.0.2.1"])
def test_without_operators_a_name_that_is_not_this_machines_is_refused(desk: Desk, host: str) -> None:
    assert desk.call("POST", "/api/overview", {}, Host=host).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "[::1]:8081", "relay.example"])
def test_names_of_this_machine_and_those_of_the_operator_are_taken(desk: Desk, host: str) -> None:
    assert desk.call("POST", "/api/overview", {}, Host=host).status == 200


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "Via"])
def test_without_operators_what_a_proxy_passes_on_is_refused(desk: Desk, header: str) -> None:
    assert desk.call("POST", "/api/overview", {}, **{header: "198.51.100.1"}).status == 403


def test_with_operators_a_token_is_needed(guarded: Desk) -> None:
    refused = guarded.ask("overview")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="relay"')
    assert guarded.call("GET", "/session").json()["in"] is False
    assert guarded.ask("overview", "look").status == guarded.ask("overview", "act").status == 200


def test_a_listener_that_others_reach_needs_a_token_even_when_the_last_one_is_gone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "look", is_wide=True)
    desk.write("look")
    desk.file.read()
    assert desk.ask("overview").status == 401


def test_where_the_last_operator_is_revoked_nobody_may_look_until_there_is_another(guarded: Desk) -> None:
    guarded.write("look", "act")
    guarded.file.read()
    assert guarded.ask("overview").status == 401
    assert guarded.call("GET", "/session").json()["in"] is False
    guarded.write("look")
    guarded.file.read()
    assert guarded.ask("overview", "act").status == 200


@pytest.mark.parametrize("token", ["app", "rly_nothing", "no token at all"])
def test_what_is_no_operators_token_opens_nothing(guarded: Desk, token: str) -> None:
    assert guarded.ask("overview", token).status == 401
    assert guarded.call("POST", "/session", {"token": guarded.tokens.get(token, token)}).status == 401


#: what each act needs
ACTS: dict[str, dict[str, object]] = {
    **{key: {"id": "x"} for key in ("cancel", "retry", "delete")},
    **{key: {"wanted": {}} for key in ("retry_some", "delete_some", "cancel_some")},
    **{key: {"name": "x", "on": True} for key in ("pause_name", "pause_schedule")},
    "erase_some": {"owner": "x"},
    "pause_queue": {"queue": "x", "on": True},
    "fire": {"name": "x"},
    "forget": {"scope": "x"},
    "quiet": {"process": "x", "on": True},
}


@pytest.mark.parametrize("name", sorted(set(names()) - LOOKS))
def test_who_may_only_look_changes_nothing(guarded: Desk, name: str) -> None:
    refused = guarded.ask(name, "look", **ACTS[name])
    assert (refused.status, refused.json()["type"]) == (403, "/problems/forbidden")


def test_a_token_that_has_expired_opens_nothing(guarded: Desk) -> None:
    guarded.write(expires="expires = 1970-01-12T13:46:41Z\n")  # a second from now
    guarded.file.read()
    assert guarded.ask("overview", "look").status == 200
    guarded.clock.advance(1)
    assert guarded.ask("overview", "look").status == 401


def test_attempts_that_fail_are_slowed_and_valid_tokens_are_not(guarded: Desk) -> None:
    answers = [
        guarded.call("POST", "/session", {"token": "rly_x"}, address=ELSEWHERE) for _ in range(MOST + 1)
    ]
    assert [answer.status for answer in answers] == [401] * MOST + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert guarded.call("POST", "/api/overview", {}, "rly_x", ELSEWHERE).status == 429
    assert guarded.call("POST", "/api/overview", {}, "look", ELSEWHERE).status == 200
    assert guarded.call("POST", "/session", {"token": "rly_x"}).status == 401  # from another address
    guarded.clock.advance(2)
    assert guarded.call("POST", "/session", {"token": "rly_x"}, address=ELSEWHERE).status == 401


def test_failed_attempts_are_logged_with_the_clients_address_and_without_the_token(
    guarded: Desk, lines: list[str]
) -> None:
    guarded.call("POST", "/session", {"token": "rly_x"}, address="10.0.0.1", X_Forwarded_For="198.51.100.1")
    (line,) = [line for line in lines if "refused" in line]
    assert "198.51.100.1" in line
    assert "rly_x" not in line
