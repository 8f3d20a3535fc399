"""A receiver of webhooks, which checks them with the library that receivers use."""

from __future__ import annotations

import queue
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_POST(self) -> None:
        status = self.server.receiver.take(
            self.rfile.read(int(self.headers["Content-Length"])),
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Receiver:
    """Takes what is signed with either secret; answers with the statuses of `trouble` first."""

    def __init__(self) -> None:
        self.taken: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.asked: list[str] = []
        self.trouble: deque[int] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.receiver = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settings(self) -> list[str]:
        return ["--set", f"webhook_url={self.url}", "--set", f"webhook_secret={OLD} {NEW}"]

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        self.asked.append(headers["webhook-id"])
        try:
            told = [Webhook(secret).verify(body, headers) for secret in (OLD, NEW)]
        except WebhookVerificationError:
            return 401
        if self.trouble:
            return self.trouble.popleft()
        self.taken.put((headers["webhook-id"], told[0]))
        return 204

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
