"""Facebook's Graph API for handlers: calls with the operator's token, and a problem for each kind of error.

::

    from relay import Context, job
    from relay.graph import LIMIT, PROBLEMS, Graph

    @job(timeout=30, retries=3, limit=LIMIT, problems=PROBLEMS)
    async def likes(context: Context, post: str) -> int:
        found = await Graph(context).get(post, fields="reactions.summary(total_count)")
        return found["reactions"]["summary"]["total_count"]

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
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from relay.handlers.context import Context
from relay.model.limits import Limit
from relay.model.problems.base import JobError
from relay.model.problems.raised import NotConfigured
from relay.outbound import CallOptions

URL = "https://graph.facebook.com"
VERSION = "v24.0"
_LARGEST = 1 << 20  # bytes of an answer
_PIECE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")  # of a path: an id, or an edge
_LIMITED = {4, 17, 32, 341, 613, *range(80000, 80015)}
_PERMISSION = {3, 10, *range(200, 300)}
_TOKEN = {102, 190}
_NOT_JSON = 2  # Graph's own code of what is amiss with it for a while
_TRANSIENT = {1, _NOT_JSON}


class GraphError(JobError):
    """Graph refused a call; `code`, `subcode` and `trace` are Graph's own, and its support asks for `trace`."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        self.code = _code_of(error)
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


LIMIT = Limit(name="facebook")  # what Graph announces: jobs that declare it wait for it in Redis
PROBLEMS = (TokenRefused, NotPermitted, Unavailable, GraphRefused)


def refusal(status: int, error: Mapping[str, Any]) -> GraphError:
    """What an answer of Graph's that is an error means; `error` is the object that it has."""
    code = _code_of(error)
    if code in _TOKEN:
        return TokenRefused(status, error)
    if code in _PERMISSION:
        return NotPermitted(status, error)
    if code in _TRANSIENT or status >= 500:
        return Unavailable(status, error)
    return GraphRefused(status, error)


class Graph:
    """Calls of one job, with the operator's token unless another is given (a page's, say). Methods take a path of ids
    and edges (``me/photos``), and fields, and return Graph's answer. When Graph says that its limit is reached, a call
    waits in place. They raise `GraphError`, `UpstreamError`, and `JobError` for a path that has more in it than ids.

    Raises `NotConfigured` where there is no token.
    """

    def __init__(self, context: Context, token: str = "") -> None:
        self._http = context.http
        settings = context.settings
        token, secret = token or settings.get("facebook_token", ""), settings.get("facebook_app_secret", "")
        if not token:
            raise NotConfigured("no token is set: --set facebook_token=…")
        own = settings.get("facebook_url", "").rstrip("/")
        self._url = f"{own or URL}/{settings.get('facebook_version', VERSION)}"
        self._is_private = bool(own)
        self._credentials = {
            "access_token": token,
            **({"appsecret_proof": _proof(secret, token)} if secret else {}),
        }

    async def get(self, path: str, **fields: str) -> dict[str, Any]:
        """Read."""
        return await self._call("GET", path, {"params": {**fields, **self._credentials}})

    async def post(self, path: str, **fields: str) -> dict[str, Any]:
        """Publish, or change. Never sent twice, unless Graph said that the call exceeded a limit."""
        return await self._call("POST", path, {"data": {**fields, **self._credentials}})

    async def delete(self, path: str, **fields: str) -> dict[str, Any]:
        """Delete."""
        return await self._call("DELETE", path, {"params": {**fields, **self._credentials}})

    async def pages(self, path: str, **fields: str) -> AsyncGenerator[dict[str, Any]]:
        """What an edge has (``data``), one by one, page after page, until there is none that was not read."""
        after: dict[str, str] = {}
        seen: set[str] = set()
        while after.get("after", "") not in seen:
            seen.add(after.get("after", ""))
            page = await self.get(path, **{**fields, **after})
            for each in page.get("data", ()):
                yield each
            paging = page.get("paging") or {}
            if "next" not in paging:
                return
            after = {"after": str(paging["cursors"]["after"])}

    async def _call(self, method: str, path: str, sent: CallOptions) -> dict[str, Any]:
        if not all(_PIECE.fullmatch(piece) for piece in path.split("/")):
            raise JobError(
                f"{path[:200]!r} is not a path of the Graph API",
                status=422,
                type="bad-arguments",
                title="Bad arguments",
            )
        url = f"{self._url}/{path}"
        known = CallOptions(private=self._is_private, own=True, max_bytes=_LARGEST, allow_redirects=False)
        options: CallOptions = {**known, **sent}
        while True:
            response = await self._http.request(method, url, **options)
            answer = _object(await response.content())
            if response.code == 200 and answer is not None and "error" not in answer:
                return answer
            error = refusal(response.code, self._said(response.code, answer))
            if not error.limited:
                raise error
            await self._http.limited(url, own=True)

    def _said(self, status: int, answer: dict[str, Any] | None) -> dict[str, Any]:
        """The error of an answer. Graph names a token that is malformed, and clients are told its words."""
        if answer is None and status == 200:
            return {"message": "its answer is not a JSON object", "code": _NOT_JSON}
        said = (answer or {}).get("error")
        if not isinstance(said, dict):
            return {}
        if "message" not in said:
            return said
        return {**said, "message": str(said["message"]).replace(self._credentials["access_token"], "…")}


def _code_of(error: Mapping[str, Any]) -> int:
    code = error.get("code", 0)
    return code if isinstance(code, int) else 0


def _proof(secret: str, token: str) -> str:
    """https://developers.facebook.com/docs/graph-api/guides/secure-requests"""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
