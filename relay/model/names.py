"""The form of names: of jobs, of queues, of limits."""

from __future__ import annotations

import re

JOB_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
QUEUE_NAME = JOB_NAME
LIMIT_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
#: the attribute of a function that is a handler, with what was declared of it
HANDLER_MARK = "__relay_job__"
