"""Tokens that were checked, so that the next request with one costs no check."""

from __future__ import annotations

import hashlib
from collections import deque

import msgspec

from relay.model.caller import Caller

MOST = 10_000
MOST_OF_OWNER = 20


class CheckedToken(msgspec.Struct, frozen=True, gc=False):
    """`until`: when it ends · `mark`: of the key that has signed it."""

    caller: Caller
    until: float
    mark: bytes


class CheckedTokens:
    """At most `most`, each by the SHA-256 of its text. One owner's new tokens take the place of its own oldest, and all
    new ones that of those that were used the longest time ago: whoever has many tokens drops few of others."""

    def __init__(self, most: int = MOST, of_owner: int = MOST_OF_OWNER) -> None:
        self._most = most
        self._most_of_owner = of_owner
        self._tokens: dict[bytes, CheckedToken] = {}  # that was used last is last
        self._of_owner: dict[str, deque[bytes]] = {}  # the newest last

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, token: str) -> CheckedToken | None:
        """What is known of a token, whether or not it has ended."""
        name = _name(token)
        found = self._tokens.pop(name, None)
        if found is not None:
            self._tokens[name] = found
        return found

    def add(self, token: str, checked: CheckedToken) -> None:
        """Remember a token."""
        name = _name(token)
        self._drop(name)
        own = self._of_owner.get(checked.caller.owner)
        if own and len(own) >= self._most_of_owner:
            self._drop(own[0])
        if len(self._tokens) >= self._most:
            self._drop(next(iter(self._tokens)))
        self._tokens[name] = checked
        self._of_owner.setdefault(checked.caller.owner, deque()).append(name)

    def drop(self, token: str) -> None:
        """Forget a token."""
        self._drop(_name(token))

    def _drop(self, name: bytes) -> None:
        dropped = self._tokens.pop(name, None)
        if dropped is None:
            return
        own = self._of_owner[dropped.caller.owner]
        own.remove(name)
        if not own:
            del self._of_owner[dropped.caller.owner]


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
