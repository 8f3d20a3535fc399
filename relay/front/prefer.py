"""The Prefer header (RFC 7240), as far as relay supports it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from werkzeug.http import parse_list_header

_WHOLE = re.compile(r"\d{1,9}")


class Preferences(msgspec.Struct, frozen=True, gc=False):
    """Seconds, or None if the client did not say. Unknown and malformed preferences are ignored."""

    respond_async: bool = False
    wait: int | None = None
    heartbeat: int | None = None
    grace: int | None = None
    durable: bool = False
    change: bool = False

    @classmethod
    def parse(cls, fields: Iterable[str]) -> Preferences:
        """Read the values of all Prefer fields of a request; of a preference given twice, the first counts."""
        said: dict[str, str] = {}
        for field in fields:
            for preference in parse_list_header(field):
                name, _, value = preference.partition(";")[0].partition("=")
                said.setdefault(name.strip().lower(), value.strip().strip('"'))
        wait, heartbeat, grace = (_seconds(said.get(name)) for name in ("wait", "heartbeat", "grace"))
        return cls("respond-async" in said, wait, heartbeat, grace, "durable" in said, "change" in said)


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None
