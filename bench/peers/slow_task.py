"""A Celery task that waits for somebody else."""

from __future__ import annotations

import os
import time

from celery import Celery

celery = Celery("slow", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
celery.conf.update(redis_max_connections=5000)


@celery.task(name="slow")
def slow() -> str:
    time.sleep(2)
    return "done"
