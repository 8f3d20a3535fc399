"""What this front serves: for programs (OpenAPI), and as a page for people."""

from __future__ import annotations

from relay.front.caller import Takes
from relay.front.docs_page import DocsPage
from relay.front.openapi.document import OpenApi
from relay.front.routes.app import Routes, new_app
from relay.front.visible import VisibleJobs
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.serving.plain_answers import JSON


class DescriptionRoutes(Routes):
    """``/openapi.json``: the jobs that this caller may call."""

    app = new_app()

    def __init__(self, visible: VisibleJobs, describes: OpenApi) -> None:
        self._visible = visible
        self._describes = describes

    @app.route("/openapi.json", methods=["GET"])
    def describe(self, request: Request, caller: Caller) -> HttpAnswer:
        """What this caller may call, as OpenAPI."""
        return HttpAnswer(200, JSON, self._describes.document(self._visible.of(caller)))


class DocsRoutes(Routes):
    """``/docs``: a page, which shows nothing that its reader may not fetch. A browser has no credentials for it."""

    app = new_app()
    takes = Takes.READER

    def __init__(self, page: DocsPage) -> None:
        self._page = page

    @app.route("/docs", methods=["GET"])
    async def docs(self, request: Request, caller: Caller) -> HttpAnswer:
        """The page."""
        return await self._page.get()

    @app.route("/docs/<string:name>", methods=["GET"])
    async def file(self, request: Request, caller: Caller, name: str) -> HttpAnswer:
        """A file that it loads."""
        return await self._page.get(name)
