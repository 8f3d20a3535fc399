"""Web pages of other origins (CORS): which may call, and read what they are answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.front import browsers
from relay.model.origins import PageOrigins, origin_of
from relay.model.settings import SettingError, Settings
from tests.front.scene import Answered, Scene, Visitor
from tests.front.test_access import DJANGO, access, asked, why_not

APP, LOCAL, PORT = "https://app.example.com", "http://[::1]:3000", "https://app.example.com:8443"
NEEDS_A_LOOK = "access-control-request-method"
ALLOW = "access-control-allow-origin"

#: none of these is `APP`, however much it looks like it
FOREIGN = [
    *(
        "null",
        "",
        "*",
        "https://",
        "app.example.com",
        "//app.example.com",
        "file://",
        "https://other.example.com",
    ),
    *(
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com:0",
        "https://app.example.com:",
    ),
    *(
        "https://app.example.com.",
        "https://app.example.com.evil.org",
        "https://evil.org#https://app.example.com",
    ),
    *(
        "https://sub.app.example.com",
        "https://example.com",
        "https://evilapp.example.com",
        "wss://app.example.com",
    ),
    *(
        "https://app.example.com@evil.org",
        "https://app.example.com:443@evil.org",
        "https://evil@app.example.com",
    ),
    *(
        "https://app.example.com/",
        "https://app.example.com/a",
        "https://app.example.com?a",
        "https://app.example.com\\a",
    ),
    *("https://app.example.com, https://app.example.com", "https://app.example.com https://app.example.com"),
    *(
        "https://app.example.com:99999",
        "https://app.example.com:٤٤٣",
        "https://app.example.com\xa0",
        "https://\x80",
    ),
    f"https://app.example.com:{'0' * 9_000}443",
    *("https://[::1", "https://[:::]", "https://[::g]", "https://" + "a" * 9_000, "https://app_example.com"),
]
LATIN = [text for text in FOREIGN if text.isascii() or all(ord(sign) < 256 for sign in text)]


@pytest.fixture
def scene() -> Scene:
    return Scene(cors=(APP, "http://[0:0:0::1]:3000", "HTTPS://App.example.com:8443"))


def preflight(scene: Scene, origin: str, path: str = "/jobs/echo", **headers: str) -> Answered:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return scene.call("OPTIONS", path, headers={"Origin": origin, NEEDS_A_LOOK: "POST", **given})


def cors_of(answer: Answered) -> list[str]:
    return sorted(name for name in answer.headers if name.startswith("access-control-"))


def is_shown(answer: Answered, origin: str = APP) -> bool:
    """Whether a browser shows the answer to a page of this origin, and its headers with it."""
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    if answer.headers.get(ALLOW) != origin:
        assert cors_of(answer) == []
        return False
    assert answer.headers["access-control-expose-headers"] == browsers.SHOWN
    return True


def send(scene: Scene, *requests: str) -> Visitor:
    """Send requests as they are, on one connection."""
    visitor, connection = Visitor(), scene.site.buildProtocol(None)
    visitor.protocol = connection
    connection.makeConnection(visitor)
    connection.dataReceived("".join(requests).encode("latin-1"))
    scene.clock.advance(0)
    return visitor


def request(path: str, *lines: str, method: str = "GET", body: str = "") -> str:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines, "", body]
    return "\r\n".join(head)


def whole(data: bytes) -> list[Answered]:
    """Several answers that came one after the other."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", "0"))
        found.append(Answered(int(first.split()[1]), headers, rest[:size]))
        data = rest[size:]
    return found


# -- origins --


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (APP, APP),
        ("HTTPS://App.Example.COM", APP),
        ("https://app.example.com:443", APP),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("https://app.example.com:08443", PORT),
        ("http://[0:0:0:0:0:0:0:1]:3000", LOCAL),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_has_one_form(written: str, sent: str) -> None:
    assert origin_of(written) == sent
    assert origin_of(sent) == sent
    assert PageOrigins([written]).match([sent]) == PageOrigins([sent]).match([written]) == sent


@pytest.mark.parametrize("text", FOREIGN)
def test_what_looks_like_an_origin_of_ours_is_none(text: str) -> None:
    assert PageOrigins([APP]).match([text]) == ""


def test_a_letter_that_becomes_another_one_in_lower_case_is_none() -> None:
    assert PageOrigins(["https://k.example"]).match(["https://\N{KELVIN SIGN}.example"]) == ""


def test_several_origins_are_none() -> None:
    assert PageOrigins([APP]).match([APP, APP]) == PageOrigins([APP]).match([]) == ""


@pytest.mark.parametrize(
    "text", ["https://app.example.com/", "https://app.example.com/a", "*", "null", "a.example", ""]
)
def test_a_setting_that_is_no_origin_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as told:
        Settings.read({"cors": (text,)}, {})
    assert str(told.value) == (
        f"--cors from the command line: {text!r} is not an origin: it has scheme, host and port alone, "
        "such as https://app.example.com"
    )


# -- answers --


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/jobs/echo", None, 405),
        ("GET", "/nowhere", None, 404),
        ("GET", "/jobs/echo/unknown", None, 404),
        ("GET", "/healthz", None, 200),
        ("HEAD", "/healthz", None, 200),
        ("GET", "/tickets/forged", None, 403),
        ("POST", "/jobs/echo", b"{", 400),
        ("POST", "/jobs/echo", b" " * ((1 << 20) + 1), 413),
        ("POST", "/jobs/unknown", {}, 404),
        ("PUT", "/jobs/echo/%2F", {}, 400),
        ("DELETE", "/jobs/0-of-another-store", None, 410),
        ("OPTIONS", "/jobs/echo", None, 405),
    ],
)
def test_each_answer_says_who_may_read_it(
    scene: Scene, method: str, path: str, body: Any, status: int
) -> None:
    answers = [scene.call(method, path, body, given) for given in ({"Origin": APP}, {}, {"Origin": "null"})]
    assert [answer.status for answer in answers] == [status] * 3
    assert [is_shown(answer) for answer in answers] == [True, False, False]


def test_a_submission_that_is_not_held_can_be_read(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", {}, {"Origin": APP, "Prefer": "respond-async"})
    assert answer.status == 202
    assert is_shown(answer)
    assert {name.lower() for name in ("Location", "Relay-Job-Id", "Retry-After")} <= answer.headers.keys()


def test_a_held_request_that_ends_in_its_grace_can_be_read(scene: Scene) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Origin": APP})
    scene.pass_time(2)
    assert visitor.answer() is None
    scene.end()
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 200
    assert is_shown(answer)


@pytest.mark.parametrize(("origin", "shown"), [(APP, True), ("https://app.example.com.evil.org", False)])
def test_a_committed_answer_can_be_read_from_its_head_on(scene: Scene, origin: str, shown: bool) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Origin": origin})
    scene.pass_time(6)
    head = visitor.answer()
    assert head is not None
    assert (head.status, head.headers["relay-outcome"]) == (200, "in-body")
    assert is_shown(head) is shown
    scene.end(payload="7")
    assert json.loads(visitor.value().split(b"\r\n")[1])["result"] == 7


def test_a_committed_hold_keeps_nothing_of_it(scene: Scene) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Origin": APP})
    scene.pass_time(6)
    hold: Any = visitor.protocol
    kept = [getattr(hold, name) for name in type(hold).__mro__[1].__slots__]
    assert hold.transport is visitor
    assert not any(APP in str(value) for value in kept)


def test_a_wait_that_runs_out_can_be_read(scene: Scene) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Origin": APP, "Prefer": "wait=3, heartbeat=0"})
    scene.pass_time(4)
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 202
    assert is_shown(answer)


def test_a_request_that_cannot_be_parsed_is_answered_so_that_its_page_can_read_it(scene: Scene) -> None:
    for origin, shown in ((APP, True), ("https://evil.example", False)):
        both = "Transfer-Encoding: chunked"
        visitor = send(scene, request("/jobs/echo", f"Origin: {origin}", both, method="POST", body="{}"))
        answer = visitor.answer()
        assert answer is not None
        assert answer.status == 400
        assert is_shown(answer) is shown


def test_each_pipelined_request_has_its_own_origin(scene: Scene) -> None:
    sent = [APP, "", LOCAL, "https://evil.example", PORT, APP]
    lines = [[f"Origin: {origin}"] if origin else [] for origin in sent]
    visitor = send(scene, *(request("/healthz", *each) for each in lines))
    found = whole(visitor.value())
    assert [answer.headers.get(ALLOW) for answer in found] == [APP, None, LOCAL, None, PORT, APP]
    assert all(answer.headers["vary"] == "Origin" for answer in found)


def test_what_waits_behind_a_held_request_does_not_change_who_may_read_its_answer(scene: Scene) -> None:
    held = request("/jobs/echo", f"Origin: {APP}", "Prefer: heartbeat=0", method="POST", body="{}")
    visitor = send(
        scene, held, request("/healthz", f"Origin: {LOCAL}"), request("/healthz"), "NONE OF IT\r\n\r\n"
    )
    assert visitor.value() == b""
    scene.end()
    found = whole(visitor.value())
    assert [answer.status for answer in found] == [200, 200, 200, 405]
    assert [answer.headers.get(ALLOW) for answer in found] == [APP, LOCAL, None, None]


def test_a_route_that_is_remembered_has_no_origin(scene: Scene) -> None:
    for origin in (APP, "", "https://evil.example", APP):
        given = {"Prefer": "respond-async", **({"Origin": origin} if origin else {})}
        answer = scene.call("POST", "/jobs/echo", {}, given)
        assert answer.status == 202
        assert is_shown(answer) is (origin == APP)


@pytest.mark.parametrize("origin", LATIN)
def test_an_odd_origin_is_served_and_not_shown(scene: Scene, origin: str) -> None:
    assert not is_shown(scene.call("GET", "/healthz", headers={"Origin": origin}))


@pytest.mark.parametrize("origin", ["HTTPS://APP.EXAMPLE.COM", "https://app.example.com:443"])
def test_an_origin_in_another_form_is_answered_in_ours(scene: Scene, origin: str) -> None:
    assert is_shown(scene.call("GET", "/healthz", headers={"Origin": origin}))


@pytest.mark.parametrize(
    "added", [f"Origin: {APP}\r\nOrigin: {APP}", f"Origin: {APP}\r\nORIGIN: https://evil.example"]
)
def test_two_origins_are_not_shown(scene: Scene, added: str) -> None:
    answer = send(scene, request("/healthz", added)).answer()
    assert answer is not None
    assert not is_shown(answer)


@pytest.mark.parametrize("between", ["\r\n", "\n", "\r", "\r\n\t", "\0"])
def test_no_line_break_of_a_client_gets_into_an_answer(scene: Scene, between: str) -> None:
    visitor = send(scene, request("/healthz", f"Origin: {APP}{between}X-Mine: 1"))
    assert b"X-Mine" not in visitor.value()
    for answer in whole(visitor.value()):
        assert answer.headers.get(ALLOW) in (APP, None)


# -- preflights --


def test_a_preflight_of_an_allowed_page_is_answered_before_anything_else(scene: Scene) -> None:
    answer = preflight(scene, APP)
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
    assert "content-type" not in answer.headers
    assert {name: answer.headers[name] for name in (*cors_of(answer), "vary")} == {
        ALLOW: APP,
        "access-control-allow-headers": browsers.SENT,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE",
        "access-control-max-age": "7200",
        "vary": "Origin",
    }


@pytest.mark.parametrize("path", ["/jobs/unknown", "/nowhere", "/%2F", "//", "*", "/tickets/forged"])
def test_a_preflight_has_no_route(scene: Scene, path: str) -> None:
    assert preflight(scene, APP, path).status == 204


@pytest.mark.parametrize("origin", LATIN)
def test_a_preflight_of_another_page_is_refused_without_a_word_to_it(scene: Scene, origin: str) -> None:
    answer = preflight(scene, origin, Access_Control_Request_Private_Network="true")
    assert answer.status == 403
    assert answer.json()["type"] == "/problems/forbidden"
    assert cors_of(answer) == []
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(("asked_for", "told"), [("true", "true"), ("false", None), ("", None)])
def test_a_page_of_the_internet_may_call_a_private_network_if_it_is_allowed(
    scene: Scene, asked_for: str, told: str | None
) -> None:
    answer = preflight(scene, APP, Access_Control_Request_Private_Network=asked_for)
    assert answer.headers.get("access-control-allow-private-network") == told


def test_a_connection_goes_on_after_a_preflight(scene: Scene) -> None:
    asking = request(
        "/jobs/echo", f"Origin: {APP}", f"{NEEDS_A_LOOK}: POST", method="OPTIONS", body="ignored"
    )
    submission = request("/jobs/echo", f"Origin: {APP}", "Prefer: respond-async", method="POST", body="{}")
    visitor = send(scene, asking, submission)
    assert [answer.status for answer in whole(visitor.value())] == [204, 202]


@pytest.mark.parametrize("lines", [[], [f"Origin: {APP}"], [f"{NEEDS_A_LOOK}: POST"]], ids=str)
def test_options_that_are_no_preflight_have_a_true_allow(scene: Scene, lines: list[str]) -> None:
    answer = send(scene, request("/jobs/echo", *lines, method="OPTIONS")).answer()
    assert answer is not None
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


# -- a relay that names no pages, and one that is closed --


def test_a_relay_that_names_no_pages_says_nothing_of_them() -> None:
    scene = Scene()
    for answer in (scene.call("GET", "/healthz", headers={"Origin": APP}), preflight(scene, APP)):
        assert cors_of(answer) == []
        assert "vary" not in answer.headers
    assert preflight(scene, APP).status == 405


@pytest.mark.parametrize("origin", [*LATIN, LOCAL.replace("[::1]", "10.0.0.9")])
def test_a_closed_relay_takes_requests_of_the_pages_that_are_named_alone(origin: str) -> None:
    closed = access(origins=(APP,))
    page = {"sec_fetch_site": "cross-site"}
    assert why_not(closed, asked(DJANGO, origin=APP, **page)) == ""
    assert why_not(closed, asked(DJANGO, origin=origin, **page)) != ""
    assert why_not(closed, asked(DJANGO, **page)) != ""
    assert (
        why_not(closed, asked(DJANGO, host="evil.example", origin=APP, **page)) == "the Host is evil.example"
    )
    assert why_not(access(), asked(DJANGO, origin=APP)) == f"the Origin is {APP}"
