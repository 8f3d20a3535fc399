"""Facebook's Graph API: calls with the operator's token, and a problem for each kind of error.

Settings (``--set NAME=VALUE``):

=======================  ==========================================================================================
``facebook_token``       the access token that calls are made with
``facebook_app_secret``  calls carry a proof of it; without it none, which apps can be set to refuse
``facebook_version``     of the API, ``v24.0`` unless given
``facebook_url``         ``https://graph.facebook.com`` unless given; it may have a private address
=======================  ==========================================================================================

Errors: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from relay import JobError
from relay.jobs.problems import NotConfigured
from relay.outbound import CallOptions, Http

URL = "https://graph.facebook.com"
VERSION = "v24.0"
_LARGEST = 1 << 20  # bytes of an answer
_PIECE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")  # of a path: an id, or an edge
_LIMITED = {4, 17, 32, 341, 613, *range(80000, 80015)}
_PERMISSION = {3, 10, *range(200, 300)}
_TOKEN = {102, 190}
_TRANSIENT = {1, 2}


class GraphError(JobError):
    """Graph refused a call; `code`, `subcode` and `trace` are Graph's own, and its support asks for `trace`."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        self.code = error.get("code", 0)
        super().__init__(
            str(error.get("message", f"Graph answered {status}")),
            retryable=isinstance(self, Unavailable),
            code=self.code,
            subcode=error.get("error_subcode", 0),
            trace=error.get("fbtrace_id", ""),
        )

    @property
    def limited(self) -> bool:
        """Whether the call exceeded a limit, and may succeed later."""
        return self.code in _LIMITED


class TokenRefused(GraphError):
    """The access token that relay has for Facebook has expired, or is not valid. Tell the operator."""

    status, slug, title = 502, "facebook-token", "The token has expired or is not valid"


class NotPermitted(GraphError):
    """The access token that relay has for Facebook does not permit this. Tell the operator."""

    status, slug, title = 403, "facebook-permission", "The token does not permit this"


class Unavailable(GraphError):
    """Facebook's Graph API failed, for now. Send the same again later, under a new key."""

    status, slug, title = 502, "facebook-unavailable", "Graph failed for now"


class GraphRefused(GraphError):
    """Facebook's Graph API refused; `code` and `subcode` are its own and say why."""

    status, slug, title = 502, "facebook-refused", "Graph refused"


PROBLEMS = (NotConfigured, TokenRefused, NotPermitted, Unavailable, GraphRefused)


def refusal(status: int, error: Mapping[str, Any]) -> GraphError:
    """What an answer of Graph's that is an error means; `error` is the object that it has."""
    code = error.get("code", 0)
    if code in _TOKEN:
        return TokenRefused(status, error)
    if code in _PERMISSION:
        return NotPermitted(status, error)
    if code in _TRANSIENT or status >= 500:
        return Unavailable(status, error)
    return GraphRefused(status, error)


@dataclass(frozen=True, slots=True)
class Graph:
    """The API, and who calls it."""

    url: str
    private: bool
    credentials: Mapping[str, str]

    @classmethod
    def open(cls, settings: Mapping[str, str]) -> Graph:
        """Raises `JobError` where no token is set."""
        token, secret = settings.get("facebook_token", ""), settings.get("facebook_app_secret", "")
        if not token:
            raise NotConfigured("no token is set: --set facebook_token=…")
        own = settings.get("facebook_url", "").rstrip("/")
        credentials = {
            "access_token": token,
            **({"appsecret_proof": _proof(secret, token)} if secret else {}),
        }
        return cls(f"{own or URL}/{settings.get('facebook_version', VERSION)}", bool(own), credentials)

    async def get(self, http: Http, path: str, **fields: str) -> dict[str, Any]:
        """Read; raises `GraphError`, `UpstreamError`, and `JobError` for a path that has more in it than ids."""
        return await self._call(http, "GET", path, {"params": {**fields, **self.credentials}})

    async def post(self, http: Http, path: str, **fields: str) -> dict[str, Any]:
        """Publish. Never sent twice, unless Graph said that the call exceeded a limit. Raises what `get` raises."""
        return await self._call(http, "POST", path, {"data": {**fields, **self.credentials}})

    async def _call(self, http: Http, method: str, path: str, sent: CallOptions) -> dict[str, Any]:
        if not all(_PIECE.fullmatch(piece) for piece in path.split("/")):
            raise JobError(
                f"{path[:200]!r} is not a path of the Graph API",
                status=422,
                type="bad-arguments",
                title="Bad arguments",
            )
        url = f"{self.url}/{path}"
        known = CallOptions(private=self.private, own=True, max_bytes=_LARGEST, allow_redirects=False)
        options: CallOptions = {**known, **sent}
        while True:
            response = await http.request(method, url, **options)
            answer = _object(await response.content())
            if response.code == 200 and "error" not in answer:
                return answer
            said = answer.get("error")
            error = refusal(response.code, said if isinstance(said, dict) else {})
            if not error.limited:
                raise error
            await http.limited(url, own=True)


def _proof(secret: str, token: str) -> str:
    """https://developers.facebook.com/docs/graph-api/guides/secure-requests"""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
