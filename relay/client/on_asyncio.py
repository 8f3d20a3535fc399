"""Calls jobs of a relay, for code on asyncio.

httpx2 does the sending (the extra ``client``): urllib3 would need a thread for each call that waits, and calls wait for
minutes. It is typed, sends nothing a second time by itself, and is the maintained successor of httpx.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from relay.client.asking import Asking, CallTerms
from relay.client.called import CalledJob
from relay.client.client import CONNECT, KEEP, SILENCE
from relay.client.course import CallCourse, Patience
from relay.client.problems import CallFailed
from relay.client.reading import HeardEvent
from relay.client.typed import AsyncCall, AsyncSubmission

_ORDINARY = CallTerms()
# held calls do not wait for each other
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)


class AsyncClient:
    """A `Client` for asyncio: the same arguments (`on_trouble` is a plain function), the same methods, to be awaited. A
    call that is cancelled waits no more; the job goes on, and the same key finds it again."""

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
        self._http = httpx2.AsyncClient(
            base_url=self._asking.origin,
            timeout=httpx2.Timeout(CONNECT, read=silence, write=silence, pool=None),
            limits=_LIMITS,
            verify=ssl.create_default_context(),  # what this machine trusts
            trust_env=False,
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what is connected."""
        await self._http.aclose()

    @property
    def call(self) -> AsyncCall:
        """As `Client.call`."""
        return self._calls(_ORDINARY)

    def calling(
        self,
        key: str = "",
        delay: float = 0.0,
        deadline: float = 0.0,
        heard: Callable[[HeardEvent], object] | None = None,
        notify: str = "",
    ) -> AsyncCall:
        """As `Client.calling`; `heard` is a plain function."""
        return self._calls(CallTerms(key, delay, deadline, heard, notify))

    @property
    def submit(self) -> AsyncSubmission:
        """As `Client.submit`."""
        return self._submits(_ORDINARY)

    def submitting(
        self, key: str = "", delay: float = 0.0, deadline: float = 0.0, notify: str = ""
    ) -> AsyncSubmission:
        """As `Client.submitting`."""
        return self._submits(CallTerms(key, delay, deadline, notify=notify))

    async def look(self, id: str) -> dict[str, Any]:
        """As `Client.look`."""
        return await self._asked("GET", id)

    async def wait(self, id: str) -> dict[str, Any]:
        """As `Client.wait`."""
        request = self._asking.of_job("GET", id, waits=True)
        return await self._follow(CallCourse(self._asking, request, _ORDINARY, self._patience))

    async def cancel(self, id: str) -> dict[str, Any]:
        """As `Client.cancel`."""
        return await self._asked("DELETE", id)

    # -- how --

    def _calls(self, terms: CallTerms) -> AsyncCall:
        async def call(handler: str | Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
            called = CalledJob(handler)
            request = self._asking.job(called.name, called.arguments(args, arguments), terms, waits=True)
            envelope = await self._follow(CallCourse(self._asking, request, terms, self._patience))
            if envelope["state"] != "succeeded":
                raise CallFailed(envelope)
            return called.result(envelope)

        return call

    def _submits(self, terms: CallTerms) -> AsyncSubmission:
        async def submit(handler: str | Callable[..., Any], /, *args: Any, **arguments: Any) -> str:
            called = CalledJob(handler)
            request = self._asking.job(called.name, called.arguments(args, arguments), terms, waits=False)
            envelope = await self._follow(CallCourse(self._asking, request, terms, self._patience, False))
            return str(envelope["id"])

        return submit

    async def _asked(self, method: str, id: str) -> dict[str, Any]:
        request = self._asking.of_job(method, id)
        return await self._follow(CallCourse(self._asking, request, _ORDINARY, self._patience, False))

    async def _follow(self, course: CallCourse) -> dict[str, Any]:
        while True:
            async with aclosing(self._events(course)) as events:
                async for event in events:
                    course.tell(event)
            envelope = course.over()
            if envelope is not None:
                return envelope
            await asyncio.sleep(course.pause)

    async def _events(self, course: CallCourse) -> AsyncGenerator[HeardEvent]:
        """Those of one answer, as they come; what is wrong with it is told to the course."""
        request = course.request
        try:
            async with self._http.stream(
                request.method, request.path, headers=_fields(request.headers), content=request.body or None
            ) as answer:
                reader = course.begun(answer.status_code, answer.headers)
                async for data in answer.aiter_raw():
                    for event in reader.feed(data):
                        yield event
        except httpx2.TransportError as error:
            course.lost(error)


def _fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As bytes: each character stands for one."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
