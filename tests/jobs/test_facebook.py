"""The Facebook jobs through all of relay, against a server that speaks Graph's errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.graph_server import TOKEN, VERSION, Graph, error, used_up
from tests.processes import RelayProcess, eventually

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def no_trouble_left(graph: Graph) -> Iterator[None]:
    graph.calls.clear()
    graph.published.clear()
    yield
    assert not graph.trouble


def test_a_profile_is_read(worked: RelayProcess, graph: Graph) -> None:
    assert worked.call("POST", "/jobs/facebook_profile").json()["result"] == {"id": "1234", "name": "Ada"}
    asked = {"id": "1234", "fields": ["email"]}
    assert worked.call("POST", "/jobs/facebook_profile", asked).json()["result"] == {
        "email": "ada@example.com"
    }
    assert graph.calls == [("GET", f"/{VERSION}/me"), ("GET", f"/{VERSION}/1234")]


def test_a_text_and_a_photo_are_published(worked: RelayProcess, graph: Graph) -> None:
    text = worked.call("POST", "/jobs/facebook_publish", {"message": "grüße & more", "page": "1234"})
    assert text.json()["result"] == {"id": "1234_1"}
    asked = {"message": "below", "photo": "https://example.com/a.jpg"}
    photo = worked.call("POST", "/jobs/facebook_publish", asked)
    assert photo.json()["result"] == {"id": "1234_2", "post_id": "1234_9"}
    assert graph.published == [
        (f"/{VERSION}/1234/feed", {"message": "grüße & more"}),
        (f"/{VERSION}/me/photos", {"url": "https://example.com/a.jpg", "caption": "below"}),
    ]


def test_nothing_to_publish_is_refused(worked: RelayProcess, graph: Graph) -> None:
    assert worked.call("POST", "/jobs/facebook_publish", {}).status == 422
    assert graph.calls == []


FOR_GOOD = [
    (
        error(190, "Error validating access token: Session has expired", error_subcode=463),
        "facebook-token",
        502,
    ),
    (error(102, "Session key invalid"), "facebook-token", 502),
    (error(10, "Application does not have permission", status=403), "facebook-permission", 403),
    (error(200, "Requires pages_manage_posts", status=403), "facebook-permission", 403),
    (error(100, "Unsupported get request"), "facebook-refused", 502),
    ((400, {}, ["what is this"]), "facebook-refused", 502),
]


@pytest.mark.parametrize(("said", "type", "status"), FOR_GOOD)
def test_what_stays_wrong_is_told_apart_and_not_tried_again(
    worked: RelayProcess, graph: Graph, said: tuple, type: str, status: int
) -> None:
    graph.trouble.append(said)
    failed = worked.call("POST", "/jobs/facebook_profile")
    problem = failed.json()["error"]
    assert (problem["status"], problem["type"], problem["retryable"]) == (status, f"/problems/{type}", False)
    assert len(graph.calls) == 1
    assert TOKEN.encode() not in failed.body
    if isinstance(said[2], dict):
        told = said[2]["error"]
        assert (problem["code"], problem["subcode"]) == (told["code"], told.get("error_subcode", 0))
        assert (problem["detail"], problem["trace"]) == (told["message"], "AbC")


@pytest.mark.parametrize("code", [1, 2])
def test_what_passes_is_tried_again_where_nothing_is_published(
    worked: RelayProcess, graph: Graph, code: int
) -> None:
    graph.trouble.append(error(code, "An unexpected error has occurred", status=500))
    done = worked.call("POST", "/jobs/facebook_profile").json()
    assert (done["state"], done["attempts"]) == ("succeeded", 2)


@pytest.mark.parametrize("code", [1, 2])
def test_nothing_is_published_twice(worked: RelayProcess, graph: Graph, code: int) -> None:
    graph.trouble.append(error(code, "An unexpected error has occurred", status=500))
    failed = worked.call("POST", "/jobs/facebook_publish", {"message": "once"}).json()
    assert (failed["error"]["type"], failed["error"]["retryable"]) == ("/problems/facebook-unavailable", True)
    assert len(graph.calls) == 1


@pytest.mark.parametrize("code", [4, 17, 32, 613])
@pytest.mark.parametrize("job", ["facebook_profile", "facebook_publish"])
def test_one_call_too_many_waits_in_place(worked: RelayProcess, graph: Graph, code: int, job: str) -> None:
    graph.trouble.append(error(code, "request limit reached", status=403))
    done = worked.call("POST", f"/jobs/{job}", {"message": "x"} if job == "facebook_publish" else {}).json()
    assert (done["state"], done["attempts"], len(graph.calls)) == ("succeeded", 1, 2)


@pytest.mark.parametrize("code", [4, *(pytest.param(code, marks=pytest.mark.long) for code in (17, 32))])
def test_usage_headers_keep_everybody_away_and_use_up_no_attempt(tmp_path: Path, code: int) -> None:
    graph = Graph()
    relay = RelayProcess(
        tmp_path, "all", "--workers", "2", "--jobs", "relay.jobs", *graph.settings(), "--allow-private"
    )
    relay.start()
    graph.trouble.append(used_up(code, minutes=5))

    def submit() -> dict:
        return relay.call("POST", "/jobs/facebook_profile", {}, {"Prefer": "respond-async"}).json()

    def waits(id: str) -> tuple[str, int]:
        known = relay.call("GET", f"/jobs/{id}").json()
        return known["state"], known["attempts"]

    first = submit()["id"]
    eventually(lambda: waits(first) == ("scheduled", 0), "the first is put off")
    others = [submit()["id"] for _ in range(6)]
    done = relay.call("POST", "/jobs/echo", {"message": "other jobs go on"})
    assert done.status == 200
    assert {waits(id) for id in others} == {("queued", 0)}
    assert len(graph.calls) == 1
    relay.stop()
    graph.stop()
