"""A whole response, and how its bytes are put together."""

from __future__ import annotations

import time
from functools import lru_cache
from http import HTTPStatus
from typing import final

import msgspec

NO_CONTENT = 204  # such an answer has neither a body nor a length (RFC 9110, 8.6)


@final
class HttpAnswer(msgspec.Struct, frozen=True, gc=False):
    """A whole response; `head` has the header lines that are this one's own, each with its line break. For those who
    hear of the request's end `id` and `job` say which job it is about, and `problem` is the slug of what was refused,
    or of what the job failed with."""

    status: int
    kind: str
    body: bytes
    head: str = ""
    id: str = ""
    job: str = ""
    problem: str = ""

    def with_head(self, lines: str) -> HttpAnswer:
        """The same with more header lines."""
        if not lines:
            return self
        return HttpAnswer(
            self.status, self.kind, self.body, self.head + lines, self.id, self.job, self.problem
        )


def render(answer: HttpAnswer, closing: bool, bodyless: bool = False, more: str = "") -> bytes:
    """An answer as bytes; `bodyless` for HEAD, whose answer has the length nevertheless. `more`: further header
    lines."""
    status, body = answer.status, answer.body
    kind, length = f"Content-Type: {answer.kind}\r\n", f"Content-Length: {len(body)}\r\n"
    if status == NO_CONTENT:
        kind = length = ""
    written = (
        f"{_status_line(status)}Date: {date(int(time.time()))}\r\n{kind}{answer.head}{more}"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{length}"
        f"{'Connection: close' if closing else 'Connection: keep-alive'}\r\n\r\n"
    ).encode("latin-1")
    return written if bodyless else written + body


def head(status: int, lines: str) -> bytes:
    """The head of a response: the status line, header lines, each with its line break, and the empty line."""
    return f"{_status_line(status)}{lines}\r\n".encode("latin-1")


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@lru_cache(maxsize=100)
def _status_line(status: int) -> str:
    phrase = _PHRASES.get(status, "Problem")
    return f"HTTP/1.1 {status} {phrase}\r\n"


@lru_cache(maxsize=2)
def date(second: int) -> str:
    """A time in seconds since the epoch, in the form of HTTP (RFC 9110, 5.6.7)."""
    days, months = "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    at = time.gmtime(second)
    day, month = days.split()[at.tm_wday], months.split()[at.tm_mon - 1]
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
