"""relay's side: a caller is whoever Django's session cookie belongs to. Started with ``--callers callers:sessions``.

A browser sends a cookie on its own, also for a page of somebody else's. Three things keep such pages out:

- relay refuses requests that show a cookie and come from a page of another origin (`Origin`, `Sec-Fetch-Site`), except
  those that the operator names with ``--cors``.
- `DjangoSessions` takes what changes something only with `X-Requested-With`. A page elsewhere can't send that without
  asking first, and relay allows it to nobody, not even to pages of ``--cors``.
- Django's session cookie is `SameSite=Lax`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any

import treq
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.web.client import ResponseFailed

from relay.callers import Caller, CallersAway, Forbidden, RequestHead, Unauthorized, owner_of_subject

SAFE = ("GET", "HEAD")
LONGEST = 4096  # characters of a cookie


class DjangoSessions:
    """Asks a view of Django's (`whoami`) whose a session is.

    `remembered`: seconds for which its answer counts; for as long somebody who has logged out can still call. `most`:
    sessions that are remembered; those that were asked for first are forgotten first.
    """

    schemes = ()  # of `Authorization`: none

    def __init__(
        self,
        whoami: str,
        *,
        cookie: str = "sessionid",
        remembered: float = 5,
        most: int = 10_000,
        timeout: float = 2,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._whoami = whoami
        self._cookie = cookie
        self._remembered = remembered
        self._most = most
        self._timeout = timeout
        self._now = now
        self._known: dict[bytes, tuple[Caller, float]] = {}  # by the SHA-256 of a session, and until when

    def recall(self, request: RequestHead) -> Caller | None:
        """Who has a session that Django was asked about a moment ago."""
        sessions = self._sessions(request)
        if len(sessions) != 1 or not is_meant(request):
            return None
        caller, until = self._known.get(digest(sessions.pop()), (None, 0.0))
        return caller if self._now() < until else None

    async def identify(self, request: RequestHead) -> Caller | None:
        """Whose the session is. Raises `Unauthorized`, `Forbidden`, and `CallersAway` if Django does not answer."""
        sessions = self._sessions(request)
        if not sessions:
            return None
        if not is_meant(request):
            raise Forbidden("with a cookie, send the header X-Requested-With as well")
        if len(sessions) > 1:
            raise Unauthorized("there are two sessions")
        session = sessions.pop()
        if len(session) > LONGEST:
            raise Unauthorized("the session is too long")
        owner = owner_of_subject(await self._ask(session))
        caller = Caller(owner, name=owner)
        self._remember(digest(session), caller)
        return caller

    def _sessions(self, request: RequestHead) -> set[str]:
        """What the session cookie says; there can be several, from several paths or domains."""
        parts = [part.strip() for field in request.values("cookie") for part in field.split(";")]
        return {part.partition("=")[2] for part in parts if part.partition("=")[0] == self._cookie}

    async def _ask(self, session: str) -> str:
        from twisted.internet import reactor

        asked = Deferred.fromCoroutine(self._get(session)).addTimeout(self._timeout, reactor)
        try:
            status, said = await asked
        except (ConnectError, ConnectingCancelledError, ResponseFailed, TimeoutError, ValueError) as error:
            raise CallersAway from error
        if status in (401, 403):
            raise Unauthorized("the session has ended")
        if not isinstance(said, dict) or not isinstance(said.get("user"), str):
            raise CallersAway
        return str(said["user"])

    async def _get(self, session: str) -> tuple[int, Any]:
        """The status of the answer, and what it says."""
        headers = {"Cookie": f"{self._cookie}={session}", "Accept": "application/json"}
        answer = await treq.get(self._whoami, headers=headers, allow_redirects=False)
        return answer.code, await answer.json() if answer.code == 200 else None

    def _remember(self, session: bytes, caller: Caller) -> None:
        self._known.pop(session, None)
        while len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[session] = caller, self._now() + self._remembered


def is_meant(request: RequestHead) -> bool:
    """Whether no page elsewhere can have had a browser send it."""
    return request.method in SAFE or bool(request.values("x-requested-with"))


def digest(session: str) -> bytes:
    """What a session is remembered by: whoever reads it can't use it."""
    return hashlib.sha256(session.encode("latin-1", "replace")).digest()


sessions = DjangoSessions(os.environ.get("DJANGO_WHOAMI", "http://127.0.0.1:8001/whoami"))
