"""The access token of a service account: asked for once, and kept until shortly before its end."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from twisted.internet.defer import DeferredLock

from relay.handlers.context import Context
from relay.outbound.announced import retry_after
from relay.push.problems import CredentialsRefused, PushUnavailable
from relay.push.signing import ServiceAccount

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LARGEST = 64 << 10  # bytes of an answer
_EARLY = 300.0  # seconds before its end at which a token counts as too old
_AGAIN = (408, 429)


class AccessToken:
    """The access token of an account."""

    def __init__(self, account: ServiceAccount) -> None:
        self._account = account
        self._token = ""
        self._until = 0.0
        self._asking = DeferredLock()  # one asks, for all who wait

    async def get(self, context: Context) -> str:
        """The token that there is, or another, over the job's own client. Raises `PushError` and `UpstreamError`."""
        async with self._asking:
            if time.time() >= self._until:
                self._token, seconds = await self._ask(context)
                self._until = time.time() + max(0.0, seconds - _EARLY)
            return self._token

    def drop(self, token: str) -> None:
        """This token was refused: whoever comes next asks for another."""
        if token == self._token:
            self._until = 0.0

    async def _ask(self, context: Context) -> tuple[str, float]:
        form = {"grant_type": _GRANT, "assertion": self._account.assertion()}
        response = await context.http.post(
            self._account.token_url,
            data=form,
            private=True,  # the operator's own file names it
            idempotent=True,
            max_bytes=_LARGEST,
            allow_redirects=False,
        )
        answer = object_of(await response.content())
        if response.code >= 500 or response.code in _AGAIN:
            after = retry_after(response.headers, time.time()) or 0.0
            raise PushUnavailable(f"Google's token server answered {response.code}", after=after)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if response.code != 200 or not isinstance(token, str) or not isinstance(seconds, int | float):
            reason = str(answer.get("error", ""))
            said = f"{reason} {answer.get('error_description', '')}"[:500]
            context.log.error(
                "Google gives no access token: {status} {said}", status=response.code, said=said
            )
            raise CredentialsRefused(f"Google's token server answered {response.code}: {said}", reason)
        return token, float(seconds)


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; an empty one where it is something else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
