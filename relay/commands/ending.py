"""How commands end other than well."""

from __future__ import annotations


class Unreached(Exception):
    """What was asked for was not done. The message is one line."""
