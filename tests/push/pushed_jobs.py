"""Jobs whose outcomes are pushed to a phone, when nobody collects them."""

from __future__ import annotations

from typing import Any

from relay import Context, JobError, job
from relay.jobs.push import push_apns, push_fcm
from relay.push import PROBLEMS, Apns, PushMessage, TokenGone


@job(then=push_fcm)
async def paint(context: Context, text: str, seconds: float = 0) -> str:
    """Its outcome goes to Google's devices."""
    await context.sleep(seconds)
    if not text:
        raise JobError(type="nothing-to-paint")
    return text


@job(then=push_apns)
async def draw(text: str) -> str:
    """Its outcome goes to Apple's."""
    return text


@job(timeout=30, retries=3, internal=True, problems=PROBLEMS)
async def tell(context: Context, apns: Apns, outcome: dict[str, Any], notify: str = "") -> str:
    """As an app's own handler does it: a token that is gone is forgotten."""
    try:
        await apns.send(context, notify, PushMessage.of_outcome(outcome, text="It is there"))
    except TokenGone as gone:
        return f"forget {notify}: {gone.reason}"
    return "told"


@job(then=tell)
async def carve(text: str) -> str:
    """Its outcome goes to a handler of the app's."""
    return text
