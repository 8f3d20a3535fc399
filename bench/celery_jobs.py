"""The slow Celery task as a job."""

import os

from relay.celery import celery_job

slow = celery_job("slow", name="slow", broker=os.environ["REDIS"], backend=os.environ["REDIS"], timeout=300)
