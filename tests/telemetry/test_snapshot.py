"""What a process tells of itself is read as it was written, or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot, decode, encode

INFO = ProcessInfo("w", "worker", "worker 1", "host", 7, "1.0", 1000)
WHOLE = Snapshot(INFO, {"relay_attempts_total": [Sample(("a", "failed"), 2.0)]}, 5)
#: not to be read: nested without end in a field that is not known, no UTF-8, cut off, nothing, no MessagePack
DAMAGED = [
    b"\x81\xa2zz" + b"\x91" * 100_000,
    encode(WHOLE).replace(b"host", b"\xff\xffst"),
    encode(WHOLE)[:-3],
    b"",
    b"\xc1",
    b"\xdf\xff\xff\xff\xff",
]


def test_a_snapshot_is_read_as_it_was_written_and_fields_of_a_later_version_are_passed_over() -> None:
    assert decode(encode(WHOLE)) == WHOLE
    later: dict[str, Any] = {**msgspec.to_builtins(WHOLE), "more": {"of": [1, None]}}
    assert decode(msgspec.msgpack.encode(later)) == WHOLE


@pytest.mark.parametrize("told", DAMAGED, ids=lambda told: told[:8].hex())
def test_what_is_damaged_is_not_read(told: bytes) -> None:
    assert decode(told) is None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_not_read_since_json_has_no_words_for_them(number: float) -> None:
    for info in ({"lag": number}, {"oldest_held": number}):
        assert decode(encode(Snapshot(msgspec.structs.replace(INFO, **info)))) is None
    for sample in (Sample((), number), Sample((), 0.0, [1], number)):
        assert decode(encode(Snapshot(INFO, {"relay_held_requests": [sample]}))) is None
