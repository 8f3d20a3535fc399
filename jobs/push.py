"""Jobs that tell a phone whose app is in the background that its job has ended.

Their settings are those of `relay.push`, and ``push_title`` and ``push_text``: what the phone shows. With neither, the
app is woken, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay import Context, job, on_start
from relay.push import PROBLEMS, Apns, Fcm, Pushed, PushMessage, apns_sender, fcm_sender


@job(timeout=60, retries=12, internal=True, problems=PROBLEMS)
async def push_fcm(context: Context, fcm: Fcm, outcome: dict[str, Any], notify: str = "") -> Pushed:
    """Tell the device of a registration token of Google's (FCM) that a job has ended: `job_id`, `job` and `state`."""
    return await fcm.send(context, notify, _message(context, outcome)) if notify else Pushed("")


@job(timeout=60, retries=12, internal=True, problems=PROBLEMS)
async def push_apns(context: Context, apns: Apns, outcome: dict[str, Any], notify: str = "") -> Pushed:
    """Tell the device of a token of Apple's (APNs) that a job has ended: `job_id`, `job` and `state`."""
    return await apns.send(context, notify, _message(context, outcome)) if notify else Pushed("")


@on_start
def check_push_settings(settings: Mapping[str, str]) -> None:
    """What is set of these has to be whole: a worker says so before it serves."""
    if settings.get("fcm_service_account"):
        fcm_sender(settings)
    if any(settings.get(name) for name in ("apns_key", "apns_key_id", "apns_team", "apns_topic")):
        for sender in apns_sender(settings):
            sender.close()


def _message(context: Context, outcome: Mapping[str, Any]) -> PushMessage:
    settings = context.settings
    return PushMessage.of_outcome(outcome, settings.get("push_title", ""), settings.get("push_text", ""))
