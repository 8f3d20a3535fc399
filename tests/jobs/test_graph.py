"""Calls to Graph as such."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from relay import Context, JobError, job
from relay.graph import Graph, TokenRefused
from relay.model.problems.raised import NotConfigured
from relay.testing import Answer, run
from tests.jobs.graph_server import VERSION
from tests.jobs.graph_server import Graph as GraphServer
from tests.outbound.conftest import Scene, scene
from tests.processes import RelayProcess

__all__ = ["scene"]


def graph_of(scene: Scene, settings: dict[str, str], token: str = "") -> Graph:
    context: Any = SimpleNamespace(settings=settings, http=scene.job())
    return Graph(context, token)


@ensureDeferred
@pytest.mark.parametrize(
    "path", ["..", ".", "", "../x", "1/../2", "1//2", "1?x=1", "1#x", "%2e%2e", "1\\2", "1\n"]
)
async def test_a_path_is_of_ids_and_edges_only(scene: Scene, path: str) -> None:
    graph = graph_of(scene, {"facebook_token": "t", "facebook_url": scene.api.url})
    for call in (graph.get, graph.post, graph.delete):
        with pytest.raises(JobError) as caught:
            await call(path)
        assert (caught.value.type, caught.value.job_status) == ("bad-arguments", 422)
    assert scene.api.requests == []


@pytest.mark.processes
@pytest.mark.parametrize("id", ["..", ".", "../me", ".x", "a/b", "me?x", "me\n"])
def test_an_id_that_leads_elsewhere_is_refused(worked: RelayProcess, id: str) -> None:
    assert worked.call("POST", "/jobs/facebook_profile", {"id": id}).status == 422
    assert worked.call("POST", "/jobs/facebook_publish", {"page": id, "message": "x"}).status == 422


# -- a client of a job --


@job
async def profile(context: Context) -> Any:
    return await Graph(context).get("me")


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (
            {"message": "Malformed access token s3cret", "code": 190},
            "facebook-token",
            "Malformed access token …",
        ),
        ({"message": {"odd": ["s3cret"]}, "code": {}}, "facebook-refused", "{'odd': ['…']}"),
        ("odd", "facebook-refused", "Graph answered 400"),
    ],
)
def test_no_refusal_tells_the_token(error: Any, kind: str, detail: str) -> None:
    answer = Answer(400, json={"error": error})
    ran = run(profile, settings={"facebook_token": "s3cret"}, api={"https://graph.facebook.com/*": answer})
    problem = ran.problem or {}
    assert (problem["type"], problem["detail"]) == (f"/problems/{kind}", detail)
    assert "s3cret" not in "".join(ran.log)


@pytest.mark.parametrize("body", ["[]", "<html>", ""])
def test_an_answer_that_is_no_object_is_no_success(body: str) -> None:
    api = {"https://graph.facebook.com/*": Answer(200, text=body)}
    problem = run(profile, settings={"facebook_token": "t"}, api=api).problem or {}
    assert (problem["type"], problem["detail"]) == (
        "/problems/facebook-unavailable",
        "its answer is not a JSON object",
    )


@job
async def comments(context: Context) -> list[Any]:
    return [each async for each in Graph(context).pages("1/comments")]


def test_a_page_that_leads_to_itself_is_read_once() -> None:
    page = {"data": [1], "paging": {"next": "…", "cursors": {"after": "a"}}}
    api = {"https://graph.facebook.com/*": Answer(json=page)}
    assert run(comments, settings={"facebook_token": "t"}, api=api).value() == [1, 1]


@ensureDeferred
async def test_an_edge_is_read_page_after_page(scene: Scene, graph: GraphServer) -> None:
    client = graph_of(scene, graph.given())
    found = [each["id"] async for each in client.pages("1234/comments", fields="id,message")]
    assert found == ["0", "1", "2", "3", "4"]


@ensureDeferred
async def test_what_is_deleted_is_named_by_its_path(scene: Scene, graph: GraphServer) -> None:
    assert await graph_of(scene, graph.given()).delete("1234") == {"success": True}
    assert graph.deleted[-1] == f"/{VERSION}/1234"


@ensureDeferred
async def test_a_token_of_another_is_used_in_place_of_the_operators(scene: Scene, graph: GraphServer) -> None:
    with pytest.raises(TokenRefused):
        await graph_of(scene, graph.given(), "another").get("me", fields="id")
    with pytest.raises(NotConfigured):
        graph_of(scene, {})
