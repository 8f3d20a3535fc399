"""How large a body may be on the way to relay, and what becomes of larger ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from relay.doctor.line import Conversation
from relay.doctor.seen import Seen, echo_of

SMALL = (1 << 10, 16 << 10, 128 << 10)  # bytes that are tried first
CLOSE = 0.1  # of a limit: it is found to that part of it
MOST_HALVINGS = 12
MOST_LARGE = 32 << 20  # bytes that are sent at most
_KIND = {"Content-Type": "application/json"}


class MakesProbe(Protocol):
    """Makes a request: a plan, headers, a body, and the size that it says if that is not the body's."""

    def __call__(
        self, query: str, headers: dict[str, str], body: bytes = b"", size: int | None = None
    ) -> bytes: ...


class Sizes:
    """Sends bodies up to relay's own limit, and one above it."""

    def __init__(
        self, ask: Callable[[bytes, bytes], Conversation], probe: MakesProbe, body_limit: int
    ) -> None:
        self._ask = ask
        self._probe = probe
        self._limit = body_limit

    def run(self, seen: Seen) -> None:
        """Note the largest that came through, and what was said of the others."""
        for size in [*(size for size in SMALL if size < self._limit), self._limit]:
            if not self._passes(seen, size):
                self._halve(seen)
                break
        if 2 * self._limit <= MOST_LARGE:
            seen.large = self._send(2 * self._limit)
        seen.expecting = self._ask(self._probe("", {**_KIND, "Expect": "100-continue"}, size=2), b"{}")

    def _passes(self, seen: Seen, size: int) -> bool:
        talk = self._send(size)
        echo = echo_of(talk)
        if echo is not None and echo.body == size:
            seen.most_body = size
            return True
        seen.least_refused, seen.refusal = size, talk
        return False

    def _halve(self, seen: Seen) -> None:
        for _ in range(MOST_HALVINGS):
            if seen.least_refused - seen.most_body <= CLOSE * seen.least_refused:
                return
            self._passes(seen, (seen.least_refused + seen.most_body) // 2)

    def _send(self, size: int) -> Conversation:
        return self._ask(self._probe("", _KIND, b" " * size), b"")
