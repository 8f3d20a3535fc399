"""A Celery project as there are many: it knows nothing of relay."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

from celery import Celery

app = Celery("project", broker=os.environ["CELERY_BROKER"], backend=os.environ["CELERY_BACKEND"])
app.conf.update(broker_connection_retry_on_startup=True, task_track_started=True)


@app.task(name="project.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@app.task(name="project.when")
def when() -> dict[str, Any]:
    return {"at": datetime(2026, 11, 25, tzinfo=UTC), "list": [1, None]}


@app.task(name="project.fail")
def fail(word: str) -> None:
    raise LookupError(word, 7)


@app.task(name="project.steps", bind=True)
def steps(self: Any, gate: str) -> str:
    self.update_state(state="PROGRESS", meta={"current": 1, "total": 4})
    while not os.path.exists(gate):
        time.sleep(0.02)  # the gate is a file, which has no event for us
    return "done"


@app.task(name="project.again", bind=True, max_retries=2)
def again(self: Any) -> int:
    if self.request.retries < 1:
        raise self.retry(countdown=0)
    return int(self.request.retries)


@app.task(name="project.mark")
def mark(path: str) -> None:
    with open(path, "a") as file:
        file.write("x")


@app.task(name="project.silent", ignore_result=True)
def silent() -> int:
    return 1


@app.task(name="project.gated", bind=True)
def gated(self: Any, path: str, gate: str) -> str:
    """Says when it begins and ends, so that a test sees how often it ran."""
    with open(path, "a") as file:
        file.write(f"begin {self.request.id}\n")
    while not os.path.exists(gate):
        time.sleep(0.02)  # as above
    with open(path, "a") as file:
        file.write(f"end {self.request.id}\n")
    return "done"


@app.task(name="project.second", bind=True)
def second(self: Any, path: str) -> str:
    """Fails for the first task of a job."""
    with open(path, "a") as file:
        file.write(f"begin {self.request.id}\n")
    if self.request.id.endswith(".1"):
        raise LookupError("not yet")
    return "done"
