"""What a push fails with. All have a `reason`: the word of the push service, "" where it gave none."""

from __future__ import annotations

from typing import Any

from relay.model.problems.base import LONGEST_RETRY_AFTER, JobError


class PushError(JobError):
    """A push service did not take a message; `reason` is its own word."""

    def __init__(self, detail: str, reason: str = "", **members: Any) -> None:
        self.reason = reason
        super().__init__(detail, reason=reason, **members)


class TokenGone(PushError):
    """The push service does not know the token of the device, or not any more: the app was removed, or has another
    token by now. Forget the token; the app sends its new one."""

    status, slug, title = 410, "push-token-gone", "The token of the device is not valid any more"


class CredentialsRefused(PushError):
    """The push service refused the credentials that relay has for it. Tell the operator."""

    status, slug, title = 502, "push-credentials", "The push service refused the credentials"


class PushRefused(PushError):
    """The push service refused the message; `reason` says why. The same message is refused again."""

    status, slug, title = 502, "push-refused", "The push service refused the message"


class PushUnavailable(PushError):
    """The push service failed for now, or takes no more messages for a while."""

    status, slug, title = 503, "push-unavailable", "The push service takes no message for now"

    def __init__(self, detail: str, reason: str = "", after: float = 0.0) -> None:
        super().__init__(detail, reason, retryable=True, retry_after=min(after, LONGEST_RETRY_AFTER))


PROBLEMS = (TokenGone, CredentialsRefused, PushRefused, PushUnavailable)
