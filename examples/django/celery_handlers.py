"""relay's side: jobs that Celery's workers run."""

import os

from relay.celery import celery_job

report = celery_job(
    "shop.tasks.report",
    name="report",
    broker=os.environ.get("BRIDGE_BROKER", "redis://127.0.0.1:6379/0"),
    backend=os.environ.get("BRIDGE_BACKEND", "redis://127.0.0.1:6379/1"),
    timeout=120,
)
