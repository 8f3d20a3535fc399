"""Celery's side, as it was before relay came."""

import os
import time

from celery import Celery

app = Celery(
    "shop",
    broker=os.environ.get("CELERY_BROKER", "redis://127.0.0.1:6379/0"),
    backend=os.environ.get("CELERY_BACKEND", "redis://127.0.0.1:6379/1"),
)


@app.task
def report(user: str, seconds: float = 5) -> str:
    """Stands for a long computation."""
    time.sleep(seconds)
    return f"the report of {user}"
