"""Where a client finds things at a front, and what it can send: paths, keys, tokens."""

from __future__ import annotations

import re
from urllib.parse import quote

_TOKEN = re.compile(r"[\x21-\x7e]*")
_NOTIFY = re.compile(r"[\x21-\x7e]{1,1024}")
_IN_HEADER = re.compile(r"[\x20-\x7e]+")  # keys; others go into the path


def submission_address(job: str, key: str) -> tuple[str, str, dict[str, str]]:
    """Method, path and headers of a submission. The key arrives as it was given: a header has room for visible ASCII
    and spaces, a path for all but the slash."""
    if _IN_HEADER.fullmatch(key):
        quoted = re.sub(r'(["\\])', r"\\\1", key)
        return "POST", f"/jobs/{job}", {"Idempotency-Key": f'"{quoted}"'}
    return "PUT", f"/jobs/{job}/{segment(key)}", {}


def segment(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="", errors="surrogatepass")


def is_token(text: str) -> bool:
    """Whether a text can be sent as a bearer token; "" for none."""
    return _TOKEN.fullmatch(text) is not None


def is_notify(text: str) -> bool:
    """Whether a text can be sent as whom to notify (``Relay-Notify``)."""
    return _NOTIFY.fullmatch(text) is not None
