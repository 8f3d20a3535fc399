"""Firebase Cloud Messaging, by its HTTP v1 API: Android, web pages, and iOS through Firebase.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages ·
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from relay.handlers.context import Context
from relay.model.problems.raised import NotConfigured
from relay.outbound import Response
from relay.outbound.announced import retry_after
from relay.push.fcm_token import AccessToken, object_of
from relay.push.message import LONGEST_COLLAPSE_ID, Pushed, PushMessage
from relay.push.problems import CredentialsRefused, PushError, PushRefused, PushUnavailable, TokenGone
from relay.push.signing import ServiceAccount

URL = "https://fcm.googleapis.com"
LONGEST_TTL = 2_419_200  # seconds, four weeks
_LARGEST = 64 << 10  # bytes of an answer
_GONE = {"UNREGISTERED", "SENDER_ID_MISMATCH"}
_CREDENTIALS = {"UNAUTHENTICATED", "PERMISSION_DENIED", "THIRD_PARTY_AUTH_ERROR"}


class FcmSender:
    """Sends to devices, as one service account, whose access token all calls of a worker share; `url`: another server
    than Google's, which may have a private address."""

    def __init__(self, account: ServiceAccount, url: str = "") -> None:
        self._url = f"{url or URL}/v1/projects/{account.project}/messages:send"
        self._is_private = bool(url)
        self._access = AccessToken(account)

    async def send(self, context: Context, token: str, message: PushMessage) -> Pushed:
        """Send a message to the device of a registration token. Google has no id with which a second call is known for
        the same: after a call that was cut, the message may come twice. Raises `PushError` and `UpstreamError`."""
        body = msgspec.json.encode({"message": {"token": token, **_content(message)}})
        access = await self._access.get(context)
        response = await self._post(context, access, body)
        if response.code == 401:
            self._access.drop(access)
            response = await self._post(context, await self._access.get(context), body)
        answer = object_of(await response.content())
        if response.code != 200:
            error = refusal(response, answer)
            if isinstance(error, CredentialsRefused):
                context.log.error("Google refuses the credentials for FCM: {error}", error=error.detail)
            raise error
        return Pushed(str(answer.get("name", "")))

    async def _post(self, context: Context, access: str, body: bytes) -> Response:
        headers = {"Authorization": f"Bearer {access}", "Content-Type": "application/json"}
        return await context.http.post(
            self._url,
            headers=headers,
            data=body,
            private=self._is_private,
            max_bytes=_LARGEST,
            allow_redirects=False,
        )


def fcm_sender(settings: Mapping[str, str]) -> FcmSender:
    """As the operator's settings say. Raises `NotConfigured`."""
    path = settings.get("fcm_service_account") or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not path:
        raise NotConfigured("no service account is set: --set fcm_service_account=…")
    return FcmSender(ServiceAccount.read(path), settings.get("fcm_url", "").rstrip("/"))


def refusal(response: Response, answer: Mapping[str, Any]) -> PushError:
    """What an answer that is an error means."""
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    status, details = response.code, [each for each in error.get("details") or () if isinstance(each, dict)]
    codes = [str(each["errorCode"]) for each in details if "errorCode" in each]
    reason = codes[0] if codes else str(error.get("status", ""))
    detail = f"Google answered {status}: {error.get('message', '')}"[:500]
    if reason in _GONE or _is_about_token(details):
        return TokenGone(detail, reason)
    if status in (401, 403) or reason in _CREDENTIALS:
        return CredentialsRefused(detail, reason)
    if status >= 500 or status == 429:
        return PushUnavailable(detail, reason, retry_after(response.headers, time.time()) or 0.0)
    return PushRefused(detail, reason)


def _is_about_token(details: list[dict[str, Any]]) -> bool:
    """Whether what is wrong with the request is the token of the device (google.rpc.BadRequest)."""
    fields = [field for each in details for field in each.get("fieldViolations") or ()]
    return any(isinstance(field, dict) and field.get("field") == "message.token" for field in fields)


def _content(message: PushMessage) -> dict[str, Any]:
    """The message of each platform. A `tag` has Android show the last one about the same; a `collapse_key` would do so
    for messages that wait for the device, but of these there are four for each device."""
    left = min(LONGEST_TTL, max(0, int(message.until - time.time())))
    android: dict[str, Any] = {"priority": "HIGH", "ttl": f"{left}s"}
    apple = {"apns-expiration": str(int(message.until))}
    if message.about:
        apple["apns-collapse-id"] = message.about[-LONGEST_COLLAPSE_ID:]
    content: dict[str, Any] = {"data": dict(message.data), "android": android}
    if message.is_shown:
        content["notification"] = {"title": message.title, "body": message.text}
        android["notification"] = {"tag": message.about}
        content["apns"] = {"headers": {**apple, "apns-priority": "10"}}
    else:
        silent = {"apns-priority": "5", "apns-push-type": "background"}
        content["apns"] = {"headers": {**apple, **silent}, "payload": {"aps": {"content-available": 1}}}
    return content
