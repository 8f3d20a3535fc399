"""Makes text from handlers and clients safe to write: into logs, where it must not look like another event, and as
JSON. And what is said of names that are not known.

Handlers' text may hold parts of characters (surrogates); anybody's may hold characters that move a terminal's cursor,
colour what follows, or turn its direction round.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

#: control characters but tabs and line feeds, separators of lines, and marks of direction (Unicode's Bidi_Control)
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def printable(text: str) -> str:
    """Text that any log can be written in: characters that are not seen, and parts of characters, are shown by their
    numbers. Lines stay lines."""
    seen = _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
    return seen.encode("utf-8", "backslashreplace").decode()


def encodable(text: str) -> str:
    """Text that JSON can be written with: a question mark stands for each part of a character."""
    return text.encode("utf-8", "replace").decode()


def did_you_mean(name: str, known: Collection[str]) -> str:
    """What somebody may have meant by a name that is not among those that are known, else all of these."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
