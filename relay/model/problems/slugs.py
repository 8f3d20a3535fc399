"""The slug of a problem, of what outcomes and dead jobs keep."""

from __future__ import annotations

import re

_TYPE = re.compile(r'"type":"([^"]*)"')


def slug_of(payload: str) -> str:
    """Of a problem as JSON, or a slug of relay's own. A type that is a whole URI stays one."""
    if not payload.startswith("{"):
        return payload[:100]
    found = _TYPE.search(payload)
    return found[1].removeprefix("/problems/") if found else ""
