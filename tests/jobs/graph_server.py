"""A server that speaks Facebook's Graph API as its documentation has it: tokens, proofs, errors, usage headers.

https://developers.facebook.com/docs/graph-api/guides/error-handling · …/overview/rate-limiting
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

TOKEN, SECRET, VERSION = "EAAB;token", "app-secret", "v25.0"
PROOF = hmac.new(SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()


def error(code: int, message: str = "", status: int = 400, **members: Any) -> tuple[int, dict[str, str], Any]:
    said = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC", **members}
    return status, {}, {"error": said}


def used_up(code: int, minutes: int) -> tuple[int, dict[str, str], Any]:
    usage = [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": minutes}]
    status, _, body = error(code, "request limit reached", status=403)
    return status, {"X-Business-Use-Case-Usage": json.dumps({"1234": usage})}, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        query = urlsplit(self.path).query
        self._answer({name: values[-1] for name, values in parse_qs(query).items()})

    do_DELETE = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(dict(parse_qsl(body)))

    def _answer(self, fields: dict[str, str]) -> None:
        status, headers, body = self.server.graph.answer(self.command, urlsplit(self.path).path, fields)
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class Graph:
    """Two nodes: me, and a page. What is in `trouble` is answered first."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.published: list[tuple[str, dict[str, str]]] = []
        self.deleted: list[str] = []
        self.trouble: deque[tuple[int, dict[str, str], Any]] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.graph = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def given(self) -> dict[str, str]:
        given = {"url": self.url, "token": TOKEN, "app_secret": SECRET, "version": VERSION}
        return {f"facebook_{name}": value for name, value in given.items()}

    def settings(self) -> list[str]:
        return [word for name, value in self.given().items() for word in ("--set", f"{name}={value}")]

    def answer(self, method: str, path: str, fields: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        self.calls.append((method, path))
        if fields.pop("access_token", "") != TOKEN:
            return error(190, "Invalid OAuth access token.", status=401)
        if fields.pop("appsecret_proof", "") != PROOF:
            return error(100, "Invalid appsecret_proof provided in the API argument")
        if self.trouble:
            return self.trouble.popleft()
        _, version, node, *edge = path.split("/")
        if version != VERSION or node not in ("me", "1234"):
            return error(803, "Some of the aliases you requested do not exist", status=404)
        if method == "GET" and edge == ["comments"]:
            return self._page(fields.get("after", "0"))
        if method == "DELETE":
            self.deleted.append(path)
            return 200, {}, {"success": True}
        if method == "GET" and fields["fields"].startswith("reactions."):
            return 200, {}, {"reactions": {"summary": {"total_count": 7}}}
        if method == "GET":
            person = {"id": "1234", "name": "Ada", "email": "ada@example.com"}
            return 200, {}, {name: person[name] for name in fields["fields"].split(",")}
        self.published.append((path, fields))
        return (
            200,
            {},
            {"id": f"1234_{len(self.published)}", **({"post_id": "1234_9"} if edge == ["photos"] else {})},
        )

    def _page(self, after: str) -> tuple[int, dict[str, str], Any]:
        """Two comments of five."""
        first = int(after)
        data = [{"id": str(n), "message": f"comment {n}"} for n in range(first, min(first + 2, 5))]
        paging = {"cursors": {"after": str(first + 2)}, **({"next": "…"} if first < 4 else {})}
        return 200, {}, {"data": data, "paging": paging}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
