"""Others' text, and the lines of a log that it must not forge."""

from __future__ import annotations

import pytest
from twisted.logger import LogEvent, Logger, LogPublisher

from relay.model.text import encodable, printable
from relay.process import output, record


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 漢 😀\ttab", "plain ä 漢 😀\ttab"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\x07\r", "\\x1b[31mred\\x07\\r"),
        ("a\u202eb\u2066c\u200fd\u061ce", "a\\u202eb\\u2066c\\u200fd\\u061ce"),
        ("a\u2028b\u2029c\x85d\x0be", "a\\u2028b\\u2029c\\x85d\\x0be"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_what_is_not_seen_is_shown_by_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_has_a_mark_for_parts_of_characters() -> None:
    assert encodable("half \ud800") == "half ?"


def test_one_event_is_one_line_at_the_margin() -> None:
    said: list[LogEvent] = []
    Logger("job", observer=LogPublisher(said.append)).info(
        "{text}", text="x\nrelay: ready\n2026-11-25 [front] forged \x1b[31m\u202e\ny"
    )
    made = record.of(said[0], "worker")
    assert made is not None
    lines = record.as_text(made).split("\n")
    assert len(lines) == 4
    assert lines[0].endswith("[worker job#info] x")
    assert all(line.startswith("\t") for line in lines[1:])
    assert lines[2].endswith("forged \\x1b[31m\\u202e")
    for line in output.Lines().take(b"printed \x1b[2Jby a handler\n"):
        assert line == "printed \\x1b[2Jby a handler"
