"""One call, from its first request to what became of it, without a socket: what is asked next, and after which pause.

The rule is that of docs/http.md: the body first, the status only where the body is no envelope.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from relay.client.asking import Asking, CallRequest, CallTerms
from relay.client.problems import CallRefused, OutcomeUnknown
from relay.client.reading import EVENTS, AnswerReader, HeardEvent
from relay.timing.backoff import Backoff

AGAIN = frozenset({429, 502, 503, 504})
_PAUSES = Backoff(first=1.0, limit=60.0, jitter=0.5)
_USUAL_RETRY = 2.0  # seconds after which a stream of events is asked for again
_LOST = 410  # relay lost the job with its data
_LONGEST_PAUSE = 3600.0  # seconds, whatever an answer says


class Patience(NamedTuple):
    """How long the same is sent again: until `keep` seconds after relay was last heard to have the job. `on_trouble` is
    called with the reason each time there was no whole answer."""

    keep: float
    on_trouble: Callable[[str], object] | None = None


class CallCourse:
    """`request` is what to send, `pause` after how many seconds. `until_complete`: whether the job's end is waited for,
    or any envelope will do."""

    def __init__(
        self,
        asking: Asking,
        request: CallRequest,
        terms: CallTerms,
        patience: Patience,
        until_complete: bool = True,
    ) -> None:
        self._asking = asking
        self._first = request
        self._terms = terms
        self._keep, self._on_trouble = patience
        self._until_complete = until_complete
        self._until = time.monotonic() + self._keep
        self._failures = 0
        self._last = ""  # id of the last event
        self._reader: AnswerReader | None = None
        self._status, self._headers = 0, dict[str, str]()
        self._wrong = ""
        self.request = request
        self.pause = 0.0

    def begun(self, status: int, headers: Mapping[str, str]) -> AnswerReader:
        """The head of an answer is there; what reads its body."""
        self._status, self._headers = status, {name.lower(): value for name, value in headers.items()}
        self._reader = AnswerReader(self._headers.get("content-type", ""))
        return self._reader

    def tell(self, event: HeardEvent) -> None:
        """An event was read; whoever wants to hear of it does so now."""
        if self._terms.heard is not None:
            self._terms.heard(event)

    def lost(self, error: BaseException) -> None:
        """There is no more of an answer, or there was none at all. `over` is still to be asked."""
        self._wrong = f"{type(error).__name__}: {error}"

    def over(self) -> dict[str, Any] | None:
        """The envelope that ends the call, or None: then `request` is to be sent after `pause`. To be asked when an
        answer has ended, or was lost. Raises `CallRefused`, `OutcomeUnknown`, and what `on_trouble` raises."""
        reader, self._reader = self._reader, None
        found = None
        if reader is not None:
            self._last = reader.last or self._last
            self._attach(reader)
            found = reader.whole
        if found is not None and "complete" in found and (found["complete"] or not self._until_complete):
            return found
        self._go_on(reader, found)
        if self._last:
            self.request = self.request._replace(
                headers={**self.request.headers, "Last-Event-ID": self._last}
            )
        return None

    def _attach(self, reader: AnswerReader) -> None:
        """Wait for the job at its address from now on. A head without a byte behind it may have been cut in the middle
        of the address: Python's http.client takes it for whole."""
        location = self._headers.get("location", "")
        if self._until_complete and 200 <= self._status < 300 and location and reader.has_begun:
            self.request = self._asking.at(location, self._terms)

    def _go_on(self, reader: AnswerReader | None, found: dict[str, Any] | None) -> None:
        if found is not None and "complete" in found:
            self._alive(0.0)
        elif (
            reader is not None and reader.retry is not None and not self._wrong
        ):  # a stream that ended in order
            self._alive(reader.retry)
        elif found is not None and self._status == _LOST and self.request is not self._first:
            self.request, self._last = self._first, ""
            self._again("relay lost the job")
        elif found is not None and self._status >= 400 and self._status not in AGAIN:
            raise CallRefused(self._status, found)
        else:
            self._again(self._wrong or f"an answer of status {self._status} that is no envelope")
        self._wrong, self._status = "", 0

    def _alive(self, pause: float) -> None:
        """relay has the job."""
        self._failures = 0
        self._until = time.monotonic() + self._keep
        self.pause = max(pause, self._retry_after())

    def _again(self, wrong: str) -> None:
        self._failures += 1
        self.pause = max(_PAUSES.pause(self._failures), self._retry_after())
        if time.monotonic() + self.pause > self._until:
            raise OutcomeUnknown(wrong)
        if self._on_trouble is not None:
            self._on_trouble(wrong)

    def _retry_after(self) -> float:
        said = self._headers.pop("retry-after", "")
        return min(float(said), _LONGEST_PAUSE) if said.isascii() and said.isdecimal() else 0.0


__all__ = ["AGAIN", "EVENTS", "CallCourse"]
