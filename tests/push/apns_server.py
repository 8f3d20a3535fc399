"""A server that speaks Apple's API as its documentation has it: HTTP/2 over TLS, and tokens signed with ES256.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

TOPIC, TEAM, KEY_ID = "com.example.app", "TEAM123456", "KEY1234567"
DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
HOUR = 3600


@dataclass
class Taken:
    """A message that the server took."""

    device: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int


class Apns:
    """Takes messages; answers with what `trouble` has first: a status with a reason, or what is to be done."""

    def __init__(self, directory: Path, certificates: dict[str, Path], most_streams: int = 100) -> None:
        self.taken: queue.Queue[Taken] = queue.Queue()
        self.asked: list[dict[str, str]] = []
        self.trouble: deque[tuple[int, str] | str] = deque()
        self.tokens: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self.most_streams = most_streams
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.key_file = directory / "AuthKey.p8"
        self.key_file.write_bytes(
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates["server"])
        self._tls.set_alpn_protocols(["h2"])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def given(self) -> dict[str, str]:
        """The settings with which relay finds it."""
        who = {"apns_key_id": KEY_ID, "apns_team": TEAM, "apns_topic": TOPIC}
        return {"apns_url": self.url, "apns_key": str(self.key_file), **who}

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(accepted, self.connections), daemon=True).start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), self._tls.wrap_socket(accepted, server_side=True) as secure:
            assert secure.selected_alpn_protocol() == "h2"
            _Conversation(self, secure, number).run()

    def judge(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any] | None]:
        """The answer to a request."""
        self.asked.append(headers)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        self.tokens.append(token)
        try:
            said = jwt.decode(token, self._key.public_key(), ["ES256"], options={"verify_iat": False})
        except jwt.InvalidTokenError:
            return 403, {"reason": "InvalidProviderToken"}
        if (scheme.lower(), said["iss"], jwt.get_unverified_header(token)["kid"]) != ("bearer", TEAM, KEY_ID):
            return 403, {"reason": "InvalidProviderToken"}
        if not -HOUR < said["iat"] - time.time() <= 60:
            return 403, {"reason": "ExpiredProviderToken"}
        if self.trouble:
            status, reason = self.trouble.popleft()  # type: ignore[misc]
            more = {"timestamp": 1_795_000_000_000} if int(status) == 410 else {}
            return int(status), {"reason": reason, **more}
        return self._refused(headers, body) or (200, None)

    def _refused(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]] | None:
        if headers.get("apns-topic") != TOPIC:
            return 400, {"reason": "DeviceTokenNotForTopic"}
        if headers[":path"] != f"/3/device/{DEVICE}":
            return 400, {"reason": "BadDeviceToken"}
        if len(body) > 4096:
            return 413, {"reason": "PayloadTooLarge"}
        return None


class _Conversation:
    """One connection."""

    def __init__(self, apns: Apns, secure: ssl.SSLSocket, number: int) -> None:
        self._apns = apns
        self._secure = secure
        self._number = number
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}

    def run(self) -> None:
        said = {SettingCodes.MAX_CONCURRENT_STREAMS: self._apns.most_streams}
        self._h2.local_settings = Settings(client=False, initial_values=said)
        self._h2.initiate_connection()
        self._send()
        while data := self._secure.recv(65536):
            ended: list[int] = []
            for event in self._h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    self._asked[event.stream_id] = ({str(n): str(v) for n, v in event.headers}, bytearray())
                elif isinstance(event, DataReceived):
                    self._asked[event.stream_id][1].extend(event.data)
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    ended.append(event.stream_id)
                elif isinstance(event, StreamReset) and event.stream_id in ended:
                    ended.remove(event.stream_id)
            self._apns.most_at_once = max(self._apns.most_at_once, len(self._asked))
            if not all(map(self._answer, ended)):
                return
            self._send()

    def _answer(self, stream: int) -> bool:
        """Whether the connection goes on."""
        headers, body = self._asked.pop(stream)
        if self._apns.trouble and isinstance(self._apns.trouble[0], str):
            return self._do(str(self._apns.trouble.popleft()), stream)
        status, said = self._apns.judge(headers, bytes(body))
        head = [(":status", str(status)), ("apns-id", headers.get("apns-id", ""))]
        if status == 429:
            head.append(("retry-after", "1"))
        self._h2.send_headers(stream, head, end_stream=said is None)
        if said is not None:
            self._h2.send_data(stream, json.dumps(said).encode(), end_stream=True)
        if status == 200:
            device = headers[":path"].rpartition("/")[2]
            self._apns.taken.put(Taken(device, headers, json.loads(body), self._number))
        return True

    def _do(self, what: str, stream: int) -> bool:
        if what == "goodbye":  # the request was not looked at
            self._h2.close_connection(last_stream_id=stream - 2, additional_data=b'{"reason":"Shutdown"}')
            self._send()
            return False
        if what == "refuse":
            self._h2.reset_stream(stream, 7)
            self._send()
            return True
        assert what in ("cut", "silence"), what
        if what == "silence":
            self._secure.recv(65536)
        return False

    def _send(self) -> None:
        self._secure.sendall(self._h2.data_to_send())
