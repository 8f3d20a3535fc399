"""What these jobs fail with, beside what calls to APIs fail with."""

from __future__ import annotations

from relay import JobError


class WebhookRefused(JobError):
    """The receiver of the webhook answered with an error, so the outcome was not delivered."""

    status, slug, title = 502, "webhook-refused", "The outcome was not taken"


class SourceRefused(JobError):
    """The URL to copy from answered with the status `source_status`. Look at the URL that was sent."""

    status, slug, title = 502, "source-refused", "The source can't be read"
