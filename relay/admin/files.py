"""The dashboard's files, read once: ``/``, ``/static/…``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from relay.admin.operators import AdminTakes, Operator
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.request import NoSuchPage
from relay.serving.routes import PageRoutes, klein_app

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HOME = Path(__file__).parent / "static"


def page_files(home: Path = _HOME) -> dict[str, HttpAnswer]:
    """What a folder has for browsers, by path."""
    return {
        path.relative_to(home).as_posix(): HttpAnswer(200, KINDS[path.suffix], path.read_bytes())
        for path in home.rglob("*")
        if path.suffix in KINDS
    }


class FileRoutes(PageRoutes):
    """The page, and what it loads."""

    app = klein_app({})
    takes = AdminTakes.ANYBODY

    def __init__(self, files: Mapping[str, HttpAnswer]) -> None:
        self._files = files

    @app.route("/", methods=["GET"])
    def page(self, request: Request, operator: Operator) -> HttpAnswer:
        """The dashboard."""
        return self._files["index.html"]

    @app.route("/static/<path:name>", methods=["GET"])
    def file(self, request: Request, operator: Operator, name: str) -> HttpAnswer:
        """One of its files. Raises `NoSuchPage`."""
        if name not in self._files:
            raise NoSuchPage
        return self._files[name]
