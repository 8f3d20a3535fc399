"""What a held request is sent: readable by a JSON reader whatever was sent before."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from relay.front.hold.json_stream import in_json


def unchunk(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if size == b"0":
            assert data == b"\r\n"
            return body
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


@given(st.integers(0, 20), st.dictionaries(st.text(max_size=5), st.integers()), st.booleans())
def test_heartbeats_and_an_envelope_are_one_json_document(
    beats: int, value: dict[str, int], chunked: bool
) -> None:
    stream = in_json(chunked)
    head = stream.head("Date: now\r\n")
    body = head.partition(b"\r\n\r\n")[2] + stream.beat * beats + stream.end(json.dumps(value).encode())
    assert json.loads(unchunk(body) if chunked else body) == value
    assert (b"Transfer-Encoding: chunked\r\n" in head) is chunked
