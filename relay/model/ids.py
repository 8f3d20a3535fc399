"""The ids of jobs, and the names of processes, sessions and data sets: random, in lower-case letters and digits.

A job's id is ``partition-epoch-random``: where it is kept, the data set for which it was minted, 80 random bits. It
begins with a digit, so it is never the name of a job. The id of a scheduled job says behind that which firing it is
for, in UTC: ``-20261126t120000z``. ``-then`` at the end makes the id of the job that is given its outcome
(``following.lua``).

Where callers are known the random part ends with a mark of the owner. So a front can refuse another owner's id as fast
as one that was never minted, without a look at the job: how long an answer takes does not tell that the job exists. The
mark is no proof: the store compares the owners themselves.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zlib import crc32

from relay.model.caller import ANONYMOUS, SCHEDULE

#: what is looked up as an id; one that was never minted is not found
JOB_ID = re.compile(r"[0-9][a-z0-9-]{0,99}")
_MINTED = re.compile(r"([0-9]+)-([a-z0-9]+)-([a-z0-9]+)(?:-[0-9]{8}t[0-9]{6}z)?(?:-then)?")
_FIRED = re.compile(r"-[0-9]{8}t[0-9]{6}z(?:-then)?$")
_SIZE = 10  # bytes
_LENGTH = _SIZE * 8 // 5  # characters of that
_MARK, _BITS = 5, 0xFFFFF  # characters, which are 20 bits


class JobId(NamedTuple):
    """The parts of an id."""

    partition: int
    epoch: str
    random: str


def mint(partition: int, epoch: str) -> str:
    """A new id."""
    return f"{partition}-{epoch}-{next(_names)}"


def marked(id: str, owner: str) -> str:
    """An id, as it was minted, with the mark of its owner; none where callers are not known."""
    return id if owner == ANONYMOUS else f"{id}{crc32((id + owner).encode()) & _BITS:05x}"


def scheduled(id: str, at: int) -> str:
    """An id, as it was minted, of the job for a firing at this time (ms)."""
    return f"{id}-{datetime.fromtimestamp(at / 1000, UTC):%Y%m%dt%H%M%Sz}"


def may_belong(id: str, owner: str) -> bool:
    """Whether an id may be that of a job of this owner; always for one without a mark, but for those of schedules."""
    if _FIRED.search(id):
        return owner == SCHEDULE
    minted = id.removesuffix("-then")
    if len(minted) - minted.rfind("-") - 1 != _LENGTH + _MARK:
        return True
    return minted == marked(minted[:-_MARK], owner)


def parse(id: str) -> JobId | None:
    """The parts of an id; None for a text that was never minted as one."""
    parts = _MINTED.fullmatch(id)
    return None if parts is None else JobId(int(parts[1]), parts[2], parts[3])


def partition_of(id: str) -> int:
    """The partition that an id names: 0 for a text that names none."""
    number, dash, _ = id.partition("-")
    return int(number) if dash and number.isascii() and number.isdigit() else 0


def process_name(role: str) -> str:
    """A name for a process of this role, of which it has the first letter."""
    return role[0] + random_name(_SIZE)


def random_name(size: int) -> str:
    """`size` random bytes as text."""
    return base64.b32encode(os.urandom(size)).decode().lower()


def _random_names(size: int) -> Iterator[str]:
    """`random_name` after `random_name`; the system is asked for many at once, and each byte makes a character."""
    length = size * 8 // 5
    while True:
        many = os.urandom(length * 256).translate(_LETTERS).decode()
        yield from [many[first : first + length] for first in range(0, len(many), length)]


#: one of the 32 characters of `random_name` for each byte, each for as many
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8
_names = _random_names(_SIZE)
