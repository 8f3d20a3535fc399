"""Sessions of browsers: a cookie for a token, and what a page sends with each change."""

from __future__ import annotations

from typing import Any

from relay.admin.sessions import LIFE, OperatorSessions
from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.model.caller import Caller
from relay.serving.known_tokens import KnownToken, KnownTokens
from tests.admin.scene import Desk


def log_in(desk: Desk, name: str = "act") -> tuple[str, dict[str, Any]]:
    """The cookie of a new session, and what its page is told."""
    answer = desk.call("POST", "/session", {"token": desk.tokens[name]})
    assert answer.status == 200
    cookie = answer.headers["set-cookie"].partition(";")[0]
    said: dict[str, Any] = answer.json()
    assert said == desk.call("GET", "/session", Cookie=cookie).json()
    return cookie, said


def test_a_token_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends(guarded: Desk) -> None:
    answer = guarded.call("POST", "/session", {"token": f" {guarded.tokens['look']}\n"})
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("relay_admin_8081=")
    assert guarded.tokens["look"] not in name
    assert attributes == [f"Max-Age={LIFE}", "Path=/", "HttpOnly", "SameSite=Strict"]
    assert guarded.tokens["look"] not in answer.body.decode()


def test_the_cookie_is_secure_where_a_trusted_proxy_says_that_the_browser_came_by_https(
    guarded: Desk,
) -> None:
    def attributes(address: str, said: str) -> list[str]:
        shown = {"token": guarded.tokens["look"]}
        answer = guarded.call("POST", "/session", shown, address=address, X_Forwarded_Proto=said)
        return answer.headers["set-cookie"].split("; ")

    assert "Secure" in attributes("10.0.0.1", "https")
    assert "Secure" in attributes("10.0.0.1", "HTTPS, http")
    assert "Secure" not in attributes("10.0.0.1", "http")
    assert "Secure" not in attributes("10.0.0.1", "")
    assert "Secure" not in attributes("192.0.2.7", "https")  # who is not trusted


def test_a_session_may_what_its_token_may(guarded: Desk) -> None:
    for name, acts in (("look", False), ("act", True)):
        cookie, said = log_in(guarded, name)
        assert (said["in"], said["name"], said["acts"]) == (True, name, acts)
        assert guarded.call("POST", "/api/overview", {}, Cookie=cookie).status == 200


def test_a_change_needs_what_belongs_to_the_session(guarded: Desk) -> None:
    cookie, said = log_in(guarded)
    _, of_another = log_in(guarded)
    change = "POST", "/api/cancel", {"id": guarded.add()}
    assert guarded.call(*change, Cookie=cookie).status == 403
    assert guarded.call(*change, Cookie=cookie, Relay_CSRF=of_another["csrf"]).status == 403
    assert guarded.call(*change, Cookie=cookie, Relay_CSRF="ü").status == 403
    assert guarded.call(*change, Cookie=cookie, Relay_CSRF=said["csrf"]).status == 200
    other = "POST", "/api/cancel", {"id": guarded.add()}
    assert guarded.call(*other, token="act").status == 200  # a program has no cookie that could be misused


def test_a_session_ends_after_twelve_hours(guarded: Desk) -> None:
    cookie, _ = log_in(guarded)
    guarded.clock.advance(LIFE - 1)
    assert guarded.call("POST", "/api/overview", {}, Cookie=cookie).status == 200
    guarded.clock.advance(1)
    assert guarded.call("POST", "/api/overview", {}, Cookie=cookie).status == 401


def test_a_session_ends_with_its_token(guarded: Desk) -> None:
    cookie, _ = log_in(guarded, "act")
    guarded.write("act")
    guarded.file.read()
    assert guarded.call("POST", "/api/overview", {}, Cookie=cookie).status == 401


def test_a_cookie_of_another_process_or_a_changed_one_is_none(guarded: Desk) -> None:
    cookie, _ = log_in(guarded)
    other = Desk(guarded.path.parent if guarded.path else None, "look")
    assert other.call("POST", "/api/overview", {}, Cookie=cookie).status == 401
    assert guarded.call("POST", "/api/overview", {}, Cookie=cookie[:-1]).status == 401
    assert guarded.call("POST", "/api/overview", {}, Cookie="relay_admin_8081=").status == 401
    assert guarded.call("POST", "/api/overview", {}, Cookie=f"a=b; {cookie}").status == 200
    odd = "".join(
        f"relay_admin_8081={value}; " for value in ("", "x", "ÿ", cookie)
    )  # another server's of this host
    assert guarded.call("POST", "/api/overview", {}, Cookie=f"{odd}{cookie}").status == 200


def test_by_https_a_cookie_is_taken_from_this_host_alone() -> None:
    grant = KnownToken(b"d" * 32, 1e12, trusted=False, caller=Caller("token:a"), operator="act")
    known = KnownTokens()
    sessions = OperatorSessions(lambda: known, lambda: 0.0, is_tls=True, proxies=Proxies())
    line, _ = sessions.open(Request("POST", b"/session", "1.1", {"host": ["relay.example"]}), grant)
    assert line.startswith("Set-Cookie: __Host-relay_admin=")
    assert line.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure\r\n")


def test_a_session_that_was_ended_is_one_for_nobody_else_who_has_its_cookie(guarded: Desk) -> None:
    cookie, said = log_in(guarded)
    other, _ = log_in(guarded)
    guarded.call("DELETE", "/session", Cookie=cookie)
    assert guarded.call("POST", "/api/overview", {}, Cookie=cookie).status == 401
    change = guarded.call("POST", "/api/cancel", {"id": "x"}, Cookie=cookie, Relay_CSRF=said["csrf"])
    assert change.status == 401
    assert guarded.call("GET", "/session", Cookie=cookie).json()["in"] is False
    assert guarded.call("POST", "/api/overview", {}, Cookie=other).status == 200


def test_who_logs_out_has_no_cookie_any_more(guarded: Desk) -> None:
    answer = guarded.call("DELETE", "/session")
    assert answer.headers["set-cookie"].startswith("relay_admin_8081=; Max-Age=0; ")
    assert answer.json()["in"] is False


def test_without_operators_there_is_nothing_to_log_in_with(desk: Desk) -> None:
    assert desk.call("POST", "/session", {"token": "rly_x"}).status == 403
