"""What these jobs fail with, beside what calls to APIs fail with."""

from __future__ import annotations

from relay import JobError


class NotConfigured(JobError):
    """The operator has not set what this job needs, or not as it has to be; `detail` names the setting. Tell the
    operator; sending the same again gives the same."""

    status, slug, title = 500, "not-configured", "Not configured"


class WebhookRefused(JobError):
    """The receiver of the webhook answered with an error, so the outcome was not delivered."""

    status, slug, title = 502, "webhook-refused", "The outcome was not taken"


class SourceRefused(JobError):
    """The URL to copy from answered with the status `source_status`. Look at the URL that was sent."""

    status, slug, title = 502, "source-refused", "The source can't be read"


class BucketRefused(JobError):
    """The bucket is not one of those that the operator lets this relay use. Name another one, or none."""

    status, slug, title = 403, "bucket-refused", "Bucket refused"
