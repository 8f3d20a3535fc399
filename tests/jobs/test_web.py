"""Pages through the job that fetches them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from relay.jobs.web import fetch
from tests.outbound.conftest import Scene, scene
from tests.outbound.hostile import OK, Hostile

__all__ = ["scene"]
PAGES = {
    "text/html; charset=windows-1252": ("h\xe9".encode("latin-1"), "hé"),
    "text/html": ("hé".encode(), "hé"),
    "text/html; charset=utf-8": (b"h\xff", "h\ufffd"),
    "text/plain; charset=punycode": (b"e28h", "e28h"),
}


@ensureDeferred
@pytest.mark.parametrize("kind", PAGES)
async def test_a_page_is_read_as_the_text_that_it_is(scene: Scene, kind: str) -> None:
    server = Hostile(scene.reactor)
    body, text = PAGES[kind]
    url = server.answer(OK + b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    context: Any = SimpleNamespace(http=scene.job())
    page = await fetch(context, url)
    assert (page.status, page.url, page.size, page.type) == (200, url, len(body), kind.partition(";")[0])
    assert page.text == text
    await server.stop()
