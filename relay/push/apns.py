"""Apple's push notification service (APNs), by HTTP/2 and a provider's token.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns ·
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec

from relay.handlers.context import Context
from relay.model.problems.raised import NotConfigured
from relay.outbound import Http
from relay.push.fcm_token import object_of
from relay.push.message import LONGEST_COLLAPSE_ID, Pushed, PushMessage
from relay.push.problems import CredentialsRefused, PushError, PushRefused, PushUnavailable, TokenGone
from relay.push.signing import AppleKey

if TYPE_CHECKING:
    from relay.push.http2 import Http2Answer

URL = "https://api.push.apple.com"
MOST = 4096  # bytes of a message
TOO_OFTEN = 60.0  # seconds until a message follows on one too many, where Apple names no time
_DEVICES = "/3/device"  # what follows is the device's own, and nobody else's to read
_TOKEN = re.compile(r"[0-9A-Fa-f]{8,400}")
_NEEDED = ("apns_key", "apns_key_id", "apns_team", "apns_topic")
_GONE = {"Unregistered", "ExpiredToken", "BadDeviceToken", "DeviceTokenNotForTopic"}
_CREDENTIALS = {"TopicDisallowed", "BadTopic", "MissingTopic"}
_PASSING = {"IdleTimeout"}


class PostChannel(Protocol):
    """A channel to Apple, at `origin`."""

    origin: str

    async def post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> Http2Answer: ...

    def close(self) -> None: ...


class ApnsSender:
    """Sends to devices that have the app `topic` (its bundle id), over one connection of a worker."""

    def __init__(self, channel: PostChannel, key: AppleKey, topic: str) -> None:
        self._channel = channel
        self._key = key
        self._topic = topic

    async def send(self, context: Context, token: str, message: PushMessage) -> Pushed:
        """Send a message to the device of a token. Each attempt of a job gives the message the same ``apns-id``. Raises
        `PushError` and `UpstreamError`."""
        if not _TOKEN.fullmatch(token):
            raise TokenGone("the token of the device is not hexadecimal", "BadDeviceToken")
        body = msgspec.json.encode(_payload(message))
        if len(body) > MOST:
            raise PushRefused(f"the message has {len(body)} bytes, more than {MOST}", "PayloadTooLarge")
        id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{context.idempotency_key} {token}"))
        headers = [*self._headers(message), ("apns-id", id)]
        answer = await self._post(context.http, f"{_DEVICES}/{token}", headers, body)
        if answer.status != 200:
            error = refusal(answer)
            if isinstance(error, CredentialsRefused):
                context.log.error("Apple refuses the credentials for APNs: {error}", error=error.detail)
            raise error
        return Pushed(answer.headers.get("apns-id", id))

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    async def _post(self, http: Http, path: str, headers: list[tuple[str, str]], body: bytes) -> Http2Answer:
        """Post, and once more with a new token where the first was too old."""

        def post() -> Awaitable[Http2Answer]:
            return self._channel.post(path, [*headers, ("authorization", f"bearer {shown}")], body)

        watched, shown = f"{self._channel.origin}{_DEVICES}", self._key.token()
        answer = await http.watch("POST", watched, post)
        if _reason(answer) == "ExpiredProviderToken" and self._key.renew(shown):
            shown = self._key.token()
            answer = await http.watch("POST", watched, post)
        return answer

    def _headers(self, message: PushMessage) -> list[tuple[str, str]]:
        shown = message.is_shown
        headers = [
            ("apns-topic", self._topic),
            ("apns-push-type", "alert" if shown else "background"),
            ("apns-priority", "10" if shown else "5"),
            ("apns-expiration", str(int(message.until))),
        ]
        return (
            [*headers, ("apns-collapse-id", message.about[-LONGEST_COLLAPSE_ID:])]
            if message.about
            else headers
        )


def apns_sender(settings: Mapping[str, str]) -> Iterator[ApnsSender]:
    """As the operator's settings say. Raises `NotConfigured`."""
    missing = [name for name in _NEEDED if not settings.get(name)]
    if missing:
        raise NotConfigured(f"{', '.join(missing)}: not set (--set {missing[0]}=…)")
    url = settings.get("apns_url", "")
    if url and not (url.startswith("https://") and urlsplit(url).hostname):
        raise NotConfigured(f"apns_url is not https://…: {url}")
    key = AppleKey(*(settings[name] for name in _NEEDED[:3]))
    try:
        from relay.push.channel import Channel
    except ImportError as error:
        raise NotConfigured(f"Apple's push service needs HTTP/2: install relay[push] ({error})") from error
    from twisted.internet import reactor

    sender = ApnsSender(Channel(reactor, url or URL, bool(url)), key, settings["apns_topic"])
    try:
        yield sender
    finally:
        sender.close()


def refusal(answer: Http2Answer) -> PushError:
    """What an answer that is an error means."""
    status, reason = answer.status, _reason(answer)
    detail = f"Apple answered {status}: {reason}"
    if status == 410 or reason in _GONE:
        return TokenGone(detail, reason, **_since(answer))
    if status in (401, 403) or reason in _CREDENTIALS:
        return CredentialsRefused(detail, reason)
    if status >= 500 or status == 429 or reason in _PASSING:
        said = answer.headers.get("retry-after", "")
        named = float(said) if re.fullmatch(r"\d{1,7}", said) else 0.0
        return PushUnavailable(detail, reason, named or (TOO_OFTEN if status == 429 else 0.0))
    return PushRefused(detail, reason)


def _reason(answer: Http2Answer) -> str:
    return "" if answer.status == 200 else str(object_of(answer.body).get("reason", ""))[:100]


def _since(answer: Http2Answer) -> dict[str, Any]:
    """Since when the token is not valid, of an app that is not there any more: one that it sent later is another."""
    since = object_of(answer.body).get("timestamp")
    if not isinstance(since, int) or not 0 <= since < 1 << 43:
        return {}
    return {"since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since / 1000))}


def _payload(message: PushMessage) -> dict[str, Any]:
    alert = {"alert": {"title": message.title, "body": message.text}}
    return {**message.data, "aps": alert if message.is_shown else {"content-available": 1}}
