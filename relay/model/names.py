"""The form of names: of jobs, of queues, of limits; and the name of a handler's job."""

from __future__ import annotations

import re
from typing import Any

JOB_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
QUEUE_NAME = JOB_NAME
LIMIT_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
#: the attribute of a function that is a handler, with what was declared of it
HANDLER_MARK = "__relay_job__"


def job_name_of(function: Any) -> str:
    """The name of the job that a handler does. Raises `TypeError` for what is no handler."""
    options = getattr(function, HANDLER_MARK, None)
    if options is None:
        shown = getattr(function, "__qualname__", None) or f"a value of type {type(function).__name__}"
        raise TypeError(f"{shown} is not a job: give the function that has @job, or the job's name")
    name: str = options.name
    return name
