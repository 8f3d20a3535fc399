"""Celery over Redis: one task."""

from __future__ import annotations

import os

from celery import Celery

celery = Celery("echo", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
celery.conf.update(worker_prefetch_multiplier=16, broker_pool_limit=100, redis_max_connections=1000)


@celery.task(name="echo")
def echo(message: object) -> object:
    return message
