"""Celery's tasks as jobs: nothing of the project is imported."""

from __future__ import annotations

import os
from typing import Any

from relay.celery import celery_job

WHERE: dict[str, Any] = {"broker": os.environ["BRIDGE_BROKER"], "backend": os.environ["BRIDGE_BACKEND"]}

add = celery_job("project.add", name="add", **WHERE)
when = celery_job("project.when", name="when", **WHERE)
fail = celery_job("project.fail", name="fail", **WHERE)
steps = celery_job("project.steps", name="steps", **WHERE)
again = celery_job("project.again", name="again", **WHERE)
mark = celery_job("project.mark", name="mark", **WHERE)
nowhere = celery_job("project.nowhere", name="nowhere", task_queue="nobody", timeout=1.5, **WHERE)
unknown = celery_job("project.unknown", name="unknown", **WHERE)
silent = celery_job("project.silent", name="silent", **WHERE)
later = celery_job("project.mark", name="later", task_queue="later", task_priority=7, **WHERE)
away = celery_job(
    "project.add", name="away", broker="redis://127.0.0.1:1/0", backend=WHERE["backend"], timeout=20
)
gated = celery_job("project.gated", name="gated", **WHERE)
gated_once = celery_job("project.gated", name="gated_once", once=True, **WHERE)
second = celery_job("project.second", name="second", retries=2, **WHERE)
short = celery_job("project.gated", name="short", timeout=3, retries=1, **WHERE)
