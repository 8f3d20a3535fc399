"""Celery's messages, as its own client reads them."""

from __future__ import annotations

import json

import msgspec
import pytest

from relay.celery.wire import Task, TaskReply, queue_key, read_reply, revocation_channel, task_message


def test_a_task_without_an_id_is_never_made() -> None:
    with pytest.raises(ValueError, match="id"):
        task_message(Task("", "project.add", [], {}))


def test_a_task_has_what_workers_need() -> None:
    message = json.loads(task_message(Task("p.1", "project.add", [1], {"b": "é"}, expires=1_764_000_000.5)))
    assert json.loads(message["body"])[:2] == [[1], {"b": "é"}]
    assert (message["headers"]["id"], message["headers"]["task"]) == ("p.1", "project.add")
    assert message["headers"]["expires"] == "2025-11-24T16:00:00.500000+00:00"
    assert message["properties"]["delivery_info"] == {"exchange": "", "routing_key": "celery"}
    assert message["properties"]["delivery_tag"]
    assert "body_encoding" not in message["properties"]


@pytest.mark.parametrize(
    ("priority", "key"), [(0, "q"), (2, "q"), (3, "q\x06\x163"), (8, "q\x06\x166"), (9, "q\x06\x169")]
)
def test_a_priority_is_a_step_behind_the_queues_name(priority: int, key: str) -> None:
    assert queue_key("q", priority) == key
    assert queue_key("q", priority, "app:") == "app:" + key


def test_revocations_have_a_channel_of_their_broker() -> None:
    assert revocation_channel(3) == "/3.celery.pidbox"


def test_a_reply_is_read_without_kombus_extras() -> None:
    said = (
        b'{"task_id":"a","status":"SUCCESS","result":[{"__type__":"uuid","__value__":"u"}],"traceback":null}'
    )
    assert read_reply(said) == TaskReply("a", "SUCCESS", ["u"])


@pytest.mark.parametrize("message", [b"", b"no JSON", b"[]", b'{"status": 1, "task_id": "a"}', b"\xff"])
def test_what_is_no_reply_is_told_apart(message: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        read_reply(message)
