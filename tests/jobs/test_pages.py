"""The handlers in the pages on S3 and Graph, tried in a relay of their own."""

from __future__ import annotations

import base64
import os
import urllib.request
from collections.abc import Iterator

import pytest

from tests.jobs.graph_server import Graph
from tests.jobs.servers import OTHER, Moto
from tests.processes import ROOT, RelayProcess
from tests.test_docs import FENCE


@pytest.fixture(scope="module")
def relay_of_pages(
    tmp_path_factory: pytest.TempPathFactory, moto: Moto, graph: Graph
) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("pages")
    modules = []
    for page in ("s3", "graph"):
        text = (ROOT / "docs" / f"{page}.md").read_text()
        (code,) = [code for language, code in FENCE.findall(text) if language == "python"]
        (folder / f"{page}_jobs.py").write_text(code)
        modules += ["--jobs", f"{page}_jobs"]
    path = os.pathsep.join([str(ROOT), str(folder)])
    options = [*moto.settings(), *graph.settings(), "--allow-private", "--grace", "5", *modules]
    relay = RelayProcess(folder, "all", *options, environment={"PYTHONPATH": path})
    relay.start()
    yield relay
    relay.stop()


def result(relay: RelayProcess, name: str, **arguments: object) -> object:
    answer = relay.call("POST", f"/jobs/{name}", arguments)
    assert answer.status == 200, answer.body
    return answer.json()["result"]


def test_the_handlers_of_the_page_on_s3_do_what_they_say(relay_of_pages: RelayProcess, moto: Moto) -> None:
    relay, picture = relay_of_pages, b"\x89PNG"
    url = result(relay, "set_avatar", user=7, picture=base64.b64encode(picture).decode())
    with urllib.request.urlopen(str(url), timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (picture, "image/png")
    stored = result(relay, "archive", user=7)
    assert isinstance(stored, dict)
    assert (stored["bucket"], stored["size"]) == (OTHER, 4)
    assert moto.read("avatars/7", OTHER) == picture
    refused = relay.call("POST", "/jobs/archive", {"user": 8})
    assert (refused.status, refused.json()["error"]["user"]) == (422, 8)
    sizes = result(relay, "sizes")
    assert isinstance(sizes, dict)
    assert sizes["avatars/7"] == 4
    assert result(relay, "forget", user=7) == ["avatars/7"]


def test_the_handlers_of_the_page_on_graph_do_what_they_say(
    relay_of_pages: RelayProcess, graph: Graph
) -> None:
    relay = relay_of_pages
    assert result(relay, "name_of", id="me") == "Ada"
    published = result(relay, "announce", page="1234", text="hello")
    assert published == f"1234_{len(graph.published)}"
    assert graph.published[-1][1] == {"message": "hello"}
    comments = result(relay, "comments", post="1234")
    assert isinstance(comments, list)
    assert len(comments) == 5
