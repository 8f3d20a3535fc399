"""Celery's messages: tasks, revocations, results. Protocol 2 over Kombu's Redis transport, as Celery 5 speaks it.

https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

SUCCESS, FAILURE, REVOKED, RETRY, STARTED = "SUCCESS", "FAILURE", "REVOKED", "RETRY", "STARTED"
TERMINAL = frozenset({SUCCESS, FAILURE, REVOKED})
RESULT_PREFIX = "celery-task-meta-"
_SEPARATOR, _STEPS = "\x06\x16", (0, 3, 6, 9)  # of a queue's name and its priority
_REVOKED_FOR = 3600.0  # seconds that a revocation is worth hearing
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is queued. `priority` is 0…9, 0 first; `expires` is in seconds since the epoch, 0 for never."""

    id: str
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    queue: str = "celery"
    priority: int = 0
    expires: float = 0.0
    origin: str = "relay"


def task_message(task: Task) -> bytes:
    """What is pushed onto the queue's list."""
    if not task.id:  # a worker that reads a task without an id starts its connection anew, for ever
        raise ValueError("a task needs an id")
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    headers = {
        "lang": "py",
        "task": task.name,
        "id": task.id,
        "root_id": task.id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": _moment(task.expires),
        "timelimit": [None, None],
        "argsrepr": repr(task.args),
        "kwargsrepr": repr(task.kwargs),
        "origin": task.origin,
        "ignore_result": False,
    }
    properties = {
        "correlation_id": task.id,
        "delivery_mode": 2,
        "priority": task.priority,
        "delivery_info": {"exchange": "", "routing_key": task.queue},
        "delivery_tag": str(uuid.uuid4()),
    }
    body = _encode([task.args, task.kwargs, embed]).decode()
    return _envelope(body, headers, properties)


def queue_key(queue: str, priority: int, prefix: str = "") -> str:
    """The list that a task of this priority is pushed onto."""
    step = max(step for step in _STEPS if step <= priority)
    return f"{prefix}{queue}{_SEPARATOR}{step}" if step else f"{prefix}{queue}"


def revocation(id: str) -> bytes:
    """What is published for all workers, so that none begins this task."""
    body = {
        "method": "revoke",
        "arguments": {"task_id": id, "terminate": False, "signal": "SIGTERM"},
        "destination": None,
        "pattern": None,
        "matcher": None,
    }
    properties = {
        "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
        "delivery_tag": str(uuid.uuid4()),
    }
    headers = {"clock": 1, "expires": time.time() + _REVOKED_FOR}
    return _envelope(_encode(body).decode(), headers, properties)


def revocation_channel(database: int, prefix: str = "") -> str:
    """The channel on which Celery's workers hear commands (kombu's pidbox)."""
    return f"{prefix}/{database}.celery.pidbox"


def _envelope(body: str, headers: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes:
    return _encode(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


class TaskReply(msgspec.Struct, frozen=True):
    """A state that a task has reached, as its worker published it."""

    task_id: str
    status: str
    result: Any = None


_decode_reply = msgspec.json.Decoder(TaskReply).decode


def read_reply(message: bytes) -> TaskReply:
    """Raises `msgspec.MsgspecError` for what is no reply."""
    reply = _decode_reply(message)
    return msgspec.structs.replace(reply, result=_plain(reply.result))


def _plain(value: Any) -> Any:
    """JSON without Kombu's extras: a date, a UUID and the like are the text that they are written as."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        if value.keys() == {"__type__", "__value__"}:
            return value["__value__"]
        return {name: _plain(each) for name, each in value.items()}
    return value
