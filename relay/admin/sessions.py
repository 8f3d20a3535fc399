"""Sessions: an operator's token, shown once, becomes a cookie of the browser.

The cookie is what itsdangerous makes of ``[digest of the token, until when, a random word]``, signed with a key that
this process made when it began, so that nothing has to be kept but the words of those that were ended. The sessions of
a token end with it, too: once it was revoked, or has expired.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from hmac import compare_digest
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.serving.known_tokens import KnownToken, KnownTokens

LIFE = 12 * 3600  # seconds
_MOST = 10  # cookies of one name that are looked at
_SIGNING = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


class OperatorSessions:
    """`known`: the tokens that are valid now · `now`: seconds since 1970 · `is_tls`: browsers reach this listener by
    https alone · `proxies`: those that are believed that a browser reaches them by https."""

    def __init__(
        self, known: Callable[[], KnownTokens], now: Callable[[], float], is_tls: bool, proxies: Proxies
    ) -> None:
        self._known = known
        self._now = now
        self._is_tls = is_tls
        self._proxies = proxies
        key = secrets.token_bytes(32)
        self._cookies = URLSafeSerializer(key, salt="relay.admin.session", signer_kwargs=_SIGNING)
        self._ended: dict[str, float] = {}  # words of sessions, and until when each would have been one
        self._csrf = URLSafeSerializer(key, salt="relay.admin.csrf", signer_kwargs=_SIGNING)

    def open(self, request: Request, token: KnownToken) -> tuple[str, str]:
        """The header line that gives a browser a session with a token, and what its page has to send with each
        change."""
        word = secrets.token_urlsafe(12)
        text = self._cookies.dumps([token.digest.hex(), self._now() + LIFE, word])
        return self._line(request, str(text), LIFE), self.csrf_of(word)

    def close(self, request: Request) -> str:
        """End a browser's session, for whoever else has its cookie, too; the header line that takes it away."""
        said, now = self._said(request), self._now()
        if said is not None:
            self._ended = {word: until for word, until in self._ended.items() if until > now}
            self._ended[said[2]] = said[1]
        return self._line(request, "", 0)

    def find(self, request: Request) -> tuple[KnownToken, str] | None:
        """The token that a browser's session is of, and what its page has to send with each change; None without a
        session that is good."""
        said = self._said(request)
        token = self._known().find_digest(bytes.fromhex(said[0])) if said is not None else None
        return (token, self.csrf_of(said[2])) if said is not None and token is not None else None

    def _said(self, request: Request) -> tuple[str, float, str] | None:
        """What the first cookie says that is good and has not ended; another server of this host may have set more."""
        for text in _values(request, self._name(request)):
            with suppress(BadData):
                said: Any = self._cookies.loads(text)
                if self._now() < said[1] and said[2] not in self._ended:
                    return said[0], said[1], said[2]
        return None

    def csrf_of(self, word: str) -> str:
        """What belongs to a session's random word, and only this process can make."""
        return str(self._csrf.dumps(word))

    def _line(self, request: Request, text: str, seconds: int) -> str:
        secure = "; Secure" if self._is_secure(request) else ""
        strict = f"Path=/; HttpOnly; SameSite=Strict{secure}"
        return f"Set-Cookie: {self._name(request)}={text}; Max-Age={seconds}; {strict}\r\n"

    def _is_secure(self, request: Request) -> bool:
        return self._is_tls or self._proxies.is_https(request)

    def _name(self, request: Request) -> str:
        """Of the cookie: browsers tell hosts apart by it, but not ports; one with ``__Host-`` they take from this host
        by https alone."""
        port = request.header("host").rpartition(":")[2]
        name = f"relay_admin_{port}" if port.isdigit() else "relay_admin"
        return f"__Host-{name}" if self._is_secure(request) else name


def is_same(sent: str, wanted: str) -> bool:
    """Whether a secret was sent, compared in constant time."""
    return compare_digest(sent.encode(), wanted.encode())


def _values(request: Request, name: str) -> list[str]:
    """What the cookies of this name say, the first `_MOST`."""
    parts = [part.strip() for field in request.values("cookie") for part in field.split(";")]
    return [part[len(name) + 1 :] for part in parts if part.startswith(f"{name}=")][:_MOST]
