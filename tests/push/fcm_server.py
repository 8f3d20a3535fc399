"""A server that speaks Google's API for messages, and the one that gives out access tokens.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send ·
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import functools
import json
import queue
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT, EMAIL, KEY_ID = "shop", "relay@shop.iam.gserviceaccount.com", "k1"
DEVICE = "fGzVx:APA91bH-device_token"
Answer = tuple[int, dict[str, str], Any]
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def error(status: int, canonical: str, code: str = "", field: str = "", **headers: str) -> Answer:
    details: list[dict[str, Any]] = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
    if field:
        bad = {"field": field, "description": "Invalid registration token"}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [bad]})
    said = {"code": status, "message": f"said {canonical}", "status": canonical, "details": details}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, {"error": said}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fcm: Fcm = self.server.fcm
        if self.path == "/token":
            status, headers, said = fcm.grant(body.decode())
        else:
            status, headers, said = fcm.take(self.path, self.headers.get("Authorization", ""), body)
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@functools.cache
def account_key() -> rsa.RSAPrivateKey:
    """Of the account, made once, because that takes a while."""
    return rsa.generate_private_key(65537, 2048)


class Fcm:
    """Takes messages; answers with what `trouble` has first, and for tokens with what `no_token` has first."""

    def __init__(self, directory: Path) -> None:
        self.taken: queue.Queue[dict[str, Any]] = queue.Queue()
        self.asked: list[str] = []
        self.trouble: deque[Answer] = deque()
        self.no_token: deque[Answer] = deque()
        self.granted = 0
        self.lifetime = 3600
        self.expired: set[str] = set()
        self._key = account_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.fcm = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.account_file = directory / "account.json"
        self.account_file.write_text(json.dumps(self._account()))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _account(self) -> dict[str, str]:
        plain = serialization.NoEncryption()
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        ).decode()
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": pem,
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }

    def given(self) -> dict[str, str]:
        """The settings with which relay finds it."""
        return {"fcm_url": self.url, "fcm_service_account": str(self.account_file)}

    def access(self) -> str:
        """The last access token that was given out."""
        return f"ya29.{self.granted}"

    def grant(self, body: str) -> Answer:
        """An access token for an assertion that its account signed."""
        form = {name: value for name, (value,) in parse_qs(body).items()}
        if self.no_token:
            return self.no_token.popleft()
        try:
            said = jwt.decode(
                form["assertion"], self._key.public_key(), ["RS256"], audience=f"{self.url}/token"
            )
        except jwt.InvalidTokenError as wrong:
            return 400, {}, {"error": "invalid_grant", "error_description": str(wrong)}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert (said["iss"], said["exp"] - said["iat"]) == (EMAIL, 3600)
        assert said["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert jwt.get_unverified_header(form["assertion"])["kid"] == KEY_ID
        self.granted += 1
        return (
            200,
            {},
            {"access_token": self.access(), "expires_in": self.lifetime, "token_type": "Bearer"},
        )

    def take(self, path: str, authorization: str, body: bytes) -> Answer:
        """A message."""
        self.asked.append(authorization)
        if authorization != f"Bearer {self.access()}" or self.access() in self.expired:
            return error(401, "UNAUTHENTICATED")
        if self.trouble:
            return self.trouble.popleft()
        if path != f"/v1/projects/{PROJECT}/messages:send":
            return error(404, "NOT_FOUND")
        message = json.loads(body)["message"]
        if not all(isinstance(value, str) for value in message.get("data", {}).values()):
            return error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        if message["token"] != DEVICE:
            return error(404, "NOT_FOUND", "UNREGISTERED")
        self.taken.put(message)
        return 200, {}, {"name": f"projects/{PROJECT}/messages/{len(self.asked)}"}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
