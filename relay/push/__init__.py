"""Push services for handlers: Google's (FCM) and Apple's (APNs), which wake an app that nobody looks at.

::

    from relay import Context, job
    from relay.push import PROBLEMS, Apns, PushMessage, TokenGone

    @job(timeout=30, retries=10, internal=True, problems=PROBLEMS)
    async def tell(context: Context, apns: Apns, outcome: dict, notify: str = "") -> None:
        try:
            await apns.send(context, notify, PushMessage.of_outcome(outcome, text="Your picture is ready"))
        except TokenGone:
            await forget(notify)

=============  ======================================================================================================
`message`      what is sent, and what came of it
`fcm`          Google: messages, errors; its access token: `fcm_token`
`apns`         Apple: messages, errors
`signing`      who relay is to either: tokens that PyJWT signs
`channel`      a connection to a server that speaks HTTP/2, made again when it is gone
`http2`        what is said on one such connection; `goodbye`: that the server is about to close it
`problems`     what a push fails with
=============  ======================================================================================================

Settings (``--set NAME=VALUE``):

========================  =============================================================================================
``fcm_service_account``   the JSON file of a service account; ``GOOGLE_APPLICATION_CREDENTIALS``
``fcm_url``               ``https://fcm.googleapis.com`` unless given; it may have a private address
``apns_key``              the file of Apple's key, ``AuthKey_….p8``; with ``apns_key_id`` and ``apns_team``
``apns_topic``            the app's bundle id
``apns_url``              ``https://api.push.apple.com`` unless given; for apps that Xcode installed
                          ``https://api.sandbox.push.apple.com``; it may have a private address
========================  =============================================================================================

Apple's needs the extra ``push`` (h2).
"""

from __future__ import annotations

from typing import Annotated

from relay.handlers.shared import Shared
from relay.push.apns import ApnsSender, apns_sender
from relay.push.fcm import FcmSender, fcm_sender
from relay.push.message import Pushed, PushMessage
from relay.push.problems import (
    PROBLEMS,
    CredentialsRefused,
    PushError,
    PushRefused,
    PushUnavailable,
    TokenGone,
)

#: a parameter with this annotation gets what sends to Google's devices, or to Apple's
Fcm = Annotated[FcmSender, Shared(fcm_sender)]
Apns = Annotated[ApnsSender, Shared(apns_sender)]

__all__ = [
    "PROBLEMS",
    "Apns",
    "ApnsSender",
    "CredentialsRefused",
    "Fcm",
    "FcmSender",
    "PushError",
    "PushMessage",
    "PushRefused",
    "PushUnavailable",
    "Pushed",
    "TokenGone",
    "apns_sender",
    "fcm_sender",
]
