"""The API: methods with their arguments, the log of acts, probes, and the headers of all answers."""

from __future__ import annotations

import json
import re

import pytest
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from relay.admin.api import ApiRoutes
from relay.admin.methods import method
from relay.admin.operators import Operator
from relay.admin.pages import POLICY
from relay.http.request import Request
from tests.admin.scene import Desk


def test_a_method_takes_its_arguments_and_answers_json(desk: Desk) -> None:
    seen = desk.ask("overview")
    assert (seen.status, seen.headers["content-type"]) == (200, "application/json")
    assert seen.json()["store"]["reached"] is True
    assert desk.ask("jobs", wanted={"state": "queued"}, most=5).json()["jobs"] == []


def test_what_no_form_of_another_page_can_send_is_needed(desk: Desk) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert desk.call("POST", "/api/overview", {}, Content_Type=kind).status == 415
        assert desk.call("POST", "/session", {"token": "x"}, Content_Type=kind).status == 415


@pytest.mark.parametrize(
    "arguments", [{"most": "many", "wanted": {}}, {"wanted": {}, "other": 1}, {}, [], {"wanted": {"x": []}}]
)
def test_arguments_that_do_not_fit_are_refused(desk: Desk, arguments: object) -> None:
    assert desk.call("POST", "/api/jobs", arguments).status == 422


@pytest.mark.parametrize("name", ["cancel_some", "retry_some", "delete_some"])
def test_a_filter_with_a_field_that_is_not_known_does_not_mean_every_job(guarded: Desk, name: str) -> None:
    guarded.add()
    answer = guarded.ask(name, "act", wanted={"nmae": "resize"})
    assert (answer.status, answer.json()["type"]) == (422, "/problems/bad-arguments")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/history", "/session"])
def test_what_is_nested_without_end_is_refused_and_leaves_no_traceback(guarded: Desk, path: str) -> None:
    for endless in ('{"wanted":{"name":', '{"since":', '{"token":', '{"other":', ""):
        assert guarded.call("POST", path, f"{endless}{'[' * 100_000}".encode(), "look").status == 422


def test_a_method_that_there_is_not_is_a_problem_of_its_own(desk: Desk) -> None:
    answer = desk.ask("reboot")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert desk.call("GET", "/api/overview").status == 405


def test_what_is_not_possible_is_a_conflict(guarded: Desk) -> None:
    answer = guarded.ask("cancel", "act", id="r0nothing")
    assert (answer.status, answer.json()["type"]) == (409, "/problems/not-possible")


def test_each_act_is_logged_with_who_where_what_and_its_result(guarded: Desk, lines: list[str]) -> None:
    id = guarded.add()
    assert guarded.ask("cancel", "act", id=id).json() == "cancelled"
    guarded.ask("cancel", "act", id="r0nothing")
    guarded.ask("cancel", "look", id=id)
    guarded.ask("overview", "look")
    done, failed, refused = [line for line in lines if line.startswith("operator ")]
    assert done == f'operator act at 127.0.0.1: cancel {{"id":"{id}"}}: done ("cancelled")'
    assert failed.startswith('operator act at 127.0.0.1: cancel {"id":"r0nothing"}: refused: ')
    assert refused.startswith(f'operator look at 127.0.0.1: cancel {{"id":"{id}"}}: refused: ')


def test_an_act_that_is_refused_for_its_form_is_logged_too(guarded: Desk, lines: list[str]) -> None:
    guarded.ask("cancel", "act", idd="x")
    guarded.call("POST", "/api/cancel", {"id": "x"}, "act", Content_Type="text/plain")
    guarded.ask("jobs", "act", idd="x")
    assert [line for line in lines if line.startswith("operator ")] == [
        "operator act at 127.0.0.1: cancel {?}: refused: Object contains unknown field `idd`",
        "operator act at 127.0.0.1: cancel {?}: refused: Content-Type is text/plain, not application/json",
    ]


def test_an_act_whose_answer_nobody_waited_for_is_logged(lines: list[str]) -> None:
    asked: Deferred[None] = Deferred()

    async def pause(name: str) -> None:
        await asked

    routes = ApiRoutes({"pause": method("pause", pause)})
    body = b'{"name":"x"}'
    request = Request("POST", b"/api/pause", "1.1", {"content-type": ["application/json"]}, body)
    answer = ensureDeferred(routes.call(request, Operator("ann", acts=True, address="192.0.2.1"), "pause"))
    answer.addErrback(lambda failure: failure.trap(CancelledError))
    answer.cancel()
    (line,) = lines
    assert line.startswith('operator ann at 192.0.2.1: pause {"name":"x"}: asked for, and left')


def test_what_is_logged_is_one_line_whatever_was_sent(guarded: Desk, lines: list[str]) -> None:
    guarded.ask("forget", "act", scope="a\noperator b: done\u202e" + "x" * 1000)
    (line,) = [line for line in lines if "forget" in line]
    assert "\n" not in line
    assert "\u202e" not in line
    assert len(line) < 1200


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/healthz", "/static/app.js", "/session", "/api/x", "/%2f"]
)
def test_each_answer_keeps_browsers_strict(guarded: Desk, path: str) -> None:
    answer = guarded.call("GET", path)
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "script-src 'self'" in POLICY
    assert "frame-ancestors 'none'" in POLICY
    strict = {name: answer.headers[name] for name in ("x-frame-options", "cache-control")}
    assert strict == {"x-frame-options": "DENY", "cache-control": "no-store"}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_probes_need_no_token_and_tell_whether_work_is_taken(guarded: Desk) -> None:
    assert guarded.call("GET", "/healthz", Host="10.1.2.3").json() == {"alive": True}
    assert guarded.call("GET", "/readyz", Host="10.1.2.3").json() == {"ready": True}
    guarded.why = "draining"
    answer = guarded.call("GET", "/readyz")
    assert (answer.status, answer.json()) == (503, {"ready": False, "why": "draining"})


def test_a_store_that_answered_lately_is_not_asked_again_and_one_that_is_away_is_told(desk: Desk) -> None:
    assert desk.call("GET", "/readyz").status == 200
    desk.away = True
    desk.clock.advance(1.9)
    assert desk.call("GET", "/readyz").status == 200
    desk.clock.advance(0.1)
    answer = desk.call("GET", "/readyz")
    assert (answer.status, answer.json()["why"]) == (503, "the store is away")
    assert desk.call("GET", "/healthz").status == 200


def test_the_page_and_all_that_it_names_are_served(guarded: Desk) -> None:
    wanted = {"/"}
    seen: dict[str, str] = {}
    while wanted:
        path = wanted.pop()
        answer = guarded.call("GET", path)
        assert answer.status == 200, path
        seen[path] = answer.headers["content-type"]
        text = answer.body.decode()
        folder = path.rpartition("/")[0]
        found = re.findall(r'(?:src|href)="(/static/[^"]+)"', text) if path == "/" else []
        found += [_joined(folder, name) for name in re.findall(r'^import .*?"(\.[^"]+)"', text, re.MULTILINE)]
        wanted |= set(found) - seen.keys()
    assert len(seen) > 15
    assert seen["/"].startswith("text/html")
    assert seen["/static/app.js"].startswith("text/javascript")
    assert guarded.call("GET", "/static/../pages.py").status == 404
    assert guarded.call("GET", "/static/vendor/uplot/LICENSE").status == 404


def _joined(folder: str, name: str) -> str:
    parts = folder.split("/")
    for part in name.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def test_the_page_parses_nothing_as_html() -> None:
    from relay.admin.files import page_files

    own = {path: answer for path, answer in page_files().items() if not path.startswith("vendor/")}
    for path, answer in own.items():
        text = answer.body.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
        ), path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
    page = own["index.html"].body.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|style=| on\w+=", page)


def test_an_argument_that_is_json_is_taken_as_it_is(guarded: Desk) -> None:
    answer = guarded.call("POST", "/api/fire", {"name": json.dumps({"a": 1})}, "act")
    assert answer.status == 409


def test_metrics_are_for_who_may_look(guarded: Desk) -> None:
    assert guarded.call("GET", "/metrics").status == 401
    answer = guarded.call("GET", "/metrics", token="look")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert b"relay_store_up 1.0" in answer.body
