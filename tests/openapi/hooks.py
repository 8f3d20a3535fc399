"""What schemathesis is told of relay that no description can say (``SCHEMATHESIS_HOOKS``): a key stands for one
submission, so each that it draws is used once; a job has to end before its deadline, or it fails; a ticket is signed,
so in place of those that it draws come those of the environment's ``TICKETS``."""

from __future__ import annotations

import os
from itertools import cycle
from typing import Any
from uuid import uuid4

import schemathesis

_TURNS = cycle([*os.environ["TICKETS"].split(), ""])


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give each valid submission a key of its own, and time enough; each request with a ticket the next one, then once
    the one that was drawn, which nobody has signed."""
    meta = case.meta
    if "ticket" in (case.path_parameters or {}):
        case.path_parameters["ticket"] = next(_TURNS) or case.path_parameters["ticket"]
    if meta is not None and meta.generation.mode.is_negative:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"k{uuid4()}"
    if case.headers and "Relay-Deadline" in case.headers:
        case.headers["Relay-Deadline"] = str(60 + float(case.headers["Relay-Deadline"]) % 1000)
    if case.method.upper() == "PUT" and "key" in (case.path_parameters or {}):
        case.path_parameters["key"] = f"{str(case.path_parameters['key'])[:200]}{uuid4()}"
