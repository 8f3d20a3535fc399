"""Posts an outcome to another server, as https://www.standardwebhooks.com says.

Settings (``--set NAME=VALUE``):

==================  ===============================================================================================
``webhook_url``     where outcomes go; it may have a private address
``webhook_secret``  ``whsec_`` and Base64 of 24 to 64 bytes; while one is replaced by another, both, with a space
==================  ===============================================================================================
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from relay import Context, job
from relay.jobs.problems import WebhookRefused
from relay.model.problems.raised import NotConfigured

_PREFIX = "whsec_"


@job(timeout=30, retries=15, internal=True, problems=(WebhookRefused,))
async def webhook(context: Context, outcome: dict[str, Any]) -> int:
    """Post a job's outcome. Returns the status of the answer."""
    url, secrets = context.settings.get("webhook_url", ""), _secrets(context.settings)
    if not url or not secrets:
        raise NotConfigured("webhook_url and webhook_secret are not set")
    moment = time.time()
    message = {
        "type": f"job.{outcome['state']}",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
        "data": outcome,
    }
    body = msgspec.json.encode(message)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": context.idempotency_key,
        "webhook-timestamp": str(int(moment)),
        "webhook-signature": _signatures(secrets, context.idempotency_key, int(moment), body),
    }
    response = await context.http.post(url, data=body, headers=headers, allow_redirects=False, private=True)
    await response.content()
    if not 200 <= response.code < 300:
        raise WebhookRefused(
            f"the receiver answered {response.code}",
            retryable=response.code != 410,  # it wants no more of them
        )
    return int(response.code)


def _secrets(settings: Mapping[str, str]) -> list[bytes]:
    try:
        return [
            base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
            for secret in settings.get("webhook_secret", "").split()
        ]
    except binascii.Error as error:
        raise NotConfigured("webhook_secret is not Base64") from error


def _signatures(secrets: list[bytes], id: str, seconds: int, body: bytes) -> str:
    signed = f"{id}.{seconds}.".encode() + body
    digests = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
