"""The APIs that the application calls, served by real sockets for a real relay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Desk(BaseHTTPRequestHandler):
    """Charges cards, declines those called "bad", and is away for the first call of each key."""

    protocol_version = "HTTP/1.1"
    seen: list[str]
    charged: list[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        self.seen.append(key)
        if body.get("card") == "bad":
            self._answer(402, {"reason": "no funds", "code": "funds"})
        elif self.seen.count(key) == 1:
            self._answer(503, {})
        else:
            self.charged.append(body["amount"])
            self._answer(200, {"id": f"ch_{body['amount']}"})

    def _answer(self, status: int, members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bank() -> Iterator[tuple[str, list[int]]]:
    """Its URL, and what it has charged."""
    charged: list[int] = []
    desk = type("OpenDesk", (Desk,), {"seen": [], "charged": charged})
    server = ThreadingHTTPServer(("127.0.0.1", 0), desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", charged
    finally:
        server.shutdown()
        server.server_close()
