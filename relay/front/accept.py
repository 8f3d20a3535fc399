"""The Accept header (RFC 9110, 12.5.1), as far as it says how a client wants to be told what happens to a job."""

from __future__ import annotations

from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from relay.front.hold.event_streams import EVENTS, LINES
from relay.http.request import Request

#: forms of events, and "" for a whole answer, by media types
_FORMS = {"text/event-stream": EVENTS, "application/x-ndjson": LINES}
_WHOLE = {"application/json": "", "application/*": "", "*/*": ""}
_LONGEST = 200  # characters of a header that is remembered


def stream_of(request: Request, otherwise: str = "") -> str:
    """The name of the form of events that a client likes best; `otherwise` for one that has nothing against a whole
    answer."""
    fields = request.headers.get("accept")
    if fields is None:
        return otherwise
    text = ",".join(fields)
    preferred = _remembered(text) if len(text) <= _LONGEST else _preferred(text)
    return preferred or otherwise


def _preferred(text: str) -> str:
    """Of two that are liked as much the one that is named first."""
    best, name = 0.0, ""
    for kind, quality in parse_accept_header(text, MIMEAccept):
        found = (_FORMS | _WHOLE).get(kind.partition(";")[0].strip().lower())
        if found is not None and quality > best:
            best, name = quality, found
    return name


_remembered = lru_cache(maxsize=100)(_preferred)
