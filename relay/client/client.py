"""Calls jobs of a relay, for synchronous code.

urllib3 does the sending: it is here already (`relay.handover` uses it), one pool serves all threads, and it sends
nothing a second time unless it is told to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from relay.client.asking import Asking, CallRequest, CallTerms
from relay.client.called import CalledJob
from relay.client.course import CallCourse, Patience
from relay.client.problems import CallFailed
from relay.client.reading import HeardEvent
from relay.client.typed import SyncCall, SyncSubmission

CONNECT = 10.0  # seconds
SILENCE = 20.0
KEEP = 3600.0
_PART = 1 << 16  # bytes that are read at once, at most
_ORDINARY = CallTerms()


class Client:
    """Calls jobs of the relay at `url`, as ``https://relay.example.com``.

    `token`: of ``--tokens``, or a JWT · `subject`: for whom all this is done, with a trusted token · `silence`: seconds
    without a byte after which an answer is given up and asked for again; longer than relay's ``--heartbeat`` (8) ·
    `keep`: relay's ``--keep``, in seconds, for which an outcome is asked for again and again · `on_trouble`: is called
    with the reason each time before the same is sent again because there was no whole answer; what it raises ends the
    call. One client serves all threads of a process. Raises `ValueError` for what can't be an address, a token, or a
    subject.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        subject: str = "",
        silence: float = SILENCE,
        keep: float = KEEP,
        on_trouble: Callable[[str], object] | None = None,
    ) -> None:
        self._asking = Asking(url, token, subject)
        self._patience = Patience(keep, on_trouble)
        timeout = Timeout(connect=CONNECT, read=silence)
        self._pool = urllib3.PoolManager(maxsize=10, retries=False, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is connected."""
        self._pool.clear()

    @property
    def call(self) -> SyncCall:
        """Submit a job, and return its result once it is there::

            small = client.call(resize, url=url, width=100)

        The job is given by its handler, a function with ``@job``, or by its name. Raises `CallFailed` if it did not
        succeed, `CallRefused`, `OutcomeUnknown`; `TypeError`, `ValueError` for arguments that can't be sent.
        """
        return self._calls(_ORDINARY)

    def calling(
        self,
        key: str = "",
        delay: float = 0.0,
        deadline: float = 0.0,
        heard: Callable[[HeardEvent], object] | None = None,
        notify: str = "",
    ) -> SyncCall:
        """A `call` on other terms. `key`: stored by the caller before, so that the same call after a crash finds the
        same job; one is made where it is "" · `delay`: seconds after which the job begins · `deadline`: seconds from
        now after which it is ended as expired · `heard`: is called with each event while the job runs, in their order,
        with none twice; what it raises ends the call, and the job goes on · `notify`: whom, if nobody collects the
        outcome, such as the token of a device; the job's `then` is told."""
        return self._calls(CallTerms(key, delay, deadline, heard, notify))

    @property
    def submit(self) -> SyncSubmission:
        """Submit a job and return its id: nobody waits. Raises what `call` raises, but for `CallFailed`."""
        return self._submits(_ORDINARY)

    def submitting(
        self, key: str = "", delay: float = 0.0, deadline: float = 0.0, notify: str = ""
    ) -> SyncSubmission:
        """A `submit` on other terms, which are those of `calling`."""
        return self._submits(CallTerms(key, delay, deadline, notify=notify))

    def look(self, id: str) -> dict[str, Any]:
        """The envelope of a job, at once. Raises `CallRefused`, with 404 for a job that is not, or no longer, known."""
        return self._asked("GET", id)

    def wait(self, id: str) -> dict[str, Any]:
        """The envelope of a job once it is complete, whatever its state. Raises `CallRefused`, `OutcomeUnknown`."""
        request = self._asking.of_job("GET", id, waits=True)
        return self._follow(CallCourse(self._asking, request, _ORDINARY, self._patience))

    def cancel(self, id: str) -> dict[str, Any]:
        """Cancel a job and return its envelope, complete unless its worker is still stopping it. Raises `CallRefused`,
        with 409 for a job that has ended otherwise."""
        return self._asked("DELETE", id)

    def outcome(
        self, job: str, arguments: bytes | Mapping[str, Any], terms: CallTerms = _ORDINARY
    ) -> dict[str, Any]:
        """The complete envelope of a job that is submitted now, whatever its state; `arguments` may be JSON."""
        called = CalledJob(job)
        body = arguments if isinstance(arguments, bytes) else called.arguments((), arguments)
        return self._waited(called, body, terms)

    # -- how --

    def _calls(self, terms: CallTerms) -> SyncCall:
        def call(handler: str | Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
            called = CalledJob(handler)
            envelope = self._waited(called, called.arguments(args, arguments), terms)
            if envelope["state"] != "succeeded":
                raise CallFailed(envelope)
            return called.result(envelope)

        return call

    def _submits(self, terms: CallTerms) -> SyncSubmission:
        def submit(handler: str | Callable[..., Any], /, *args: Any, **arguments: Any) -> str:
            called = CalledJob(handler)
            request = self._asking.job(called.name, called.arguments(args, arguments), terms, waits=False)
            return str(self._follow(CallCourse(self._asking, request, terms, self._patience, False))["id"])

        return submit

    def _waited(self, called: CalledJob, body: bytes, terms: CallTerms) -> dict[str, Any]:
        request = self._asking.job(called.name, body, terms, waits=True)
        return self._follow(CallCourse(self._asking, request, terms, self._patience))

    def _asked(self, method: str, id: str) -> dict[str, Any]:
        request = self._asking.of_job(method, id)
        return self._follow(CallCourse(self._asking, request, _ORDINARY, self._patience, False))

    def _follow(self, course: CallCourse) -> dict[str, Any]:
        while True:
            for event in self._events(course):
                course.tell(event)
            envelope = course.over()
            if envelope is not None:
                return envelope
            time.sleep(course.pause)

    def _events(self, course: CallCourse) -> Iterator[HeardEvent]:
        """Those of one answer, as they come; what is wrong with it is told to the course."""
        try:
            with closing(self._sent(course.request)) as answer:
                reader = course.begun(answer.status, answer.headers)
                while data := self._read(answer):
                    yield from reader.feed(data)
        except HTTPError as error:
            course.lost(error)

    def _sent(self, request: CallRequest) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            request.method,
            self._asking.origin + request.path,
            body=request.body or None,
            headers=request.headers,
            preload_content=False,
            redirect=False,
        )

    @staticmethod
    def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
        """What has come; b"" at the end."""
        return answer.read1(_PART, decode_content=False) or b""
