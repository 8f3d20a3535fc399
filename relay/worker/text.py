"""Text of handlers, which may hold parts of characters (surrogates), made fit to be written."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that any log can be written in: parts of characters are shown by their numbers."""
    return text.encode("utf-8", "backslashreplace").decode()


def encodable(text: str) -> str:
    """Text that JSON can be written with: a question mark stands for each part of a character."""
    return text.encode("utf-8", "replace").decode()
