"""Who calls, what they may call, and how much of relay they may take.

An owner is a text with its kind in front, so that a token's name is never the subject of a user:
``token:mobile-app``, ``sub:alice``. Those without a colon are relay's own: `ANONYMOUS` and `ANYONE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from relay.model.limits import NO_RATE, Rate
from relay.model.names import JOB_NAME

#: owns the jobs of a relay that does not ask who calls
ANONYMOUS = "anonymous"
#: owns the jobs of schedules, which no client sees
SCHEDULE = "schedule"
#: sees all jobs, whoever owns them
ANYONE = "*"
LONGEST_SUBJECT = 255  # characters
_PATTERN = re.compile(r"[a-z0-9_*?]{1,64}")


class JobPatterns(msgspec.Struct, frozen=True, gc=False):
    """Names of jobs, ``*`` in them standing for any characters and ``?`` for one."""

    texts: tuple[str, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> JobPatterns:
        """Raises `ValueError` for what is not a pattern."""
        known = tuple(texts)
        for text in known:
            if not isinstance(text, str) or not _PATTERN.fullmatch(text):
                raise ValueError(f"{text!r} is not a job's name, or a pattern of names such as s3_*")
        return cls(known)

    def __contains__(self, name: str) -> bool:
        return any(name == text or _matches(text, name) for text in self.texts)


def _matches(pattern: str, name: str) -> bool:
    """Never slow: `fnmatch` does not try a star again once what follows it was found."""
    return JOB_NAME.fullmatch(name) is not None and fnmatchcase(name, pattern)


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What one caller may take; 0 is no limit.

    `rate`: new jobs in a time · `held`: requests of it that one front holds at once · `queued`: jobs of it that are
    queued, scheduled or running at once · `body`: bytes of a submission.
    """

    rate: Rate = NO_RATE
    held: int = 0
    queued: int = 0
    body: int = 0


FREE = Allowance()


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who calls. `owner`: whose the jobs are · `local`: it is known to be a program on this machine · `name`: under
    what the allowance is counted, "" where nothing is · `jobs`: what it may call, None for every job."""

    owner: str
    local: bool = False
    name: str = ""
    jobs: JobPatterns | None = None
    allowance: Allowance = FREE

    def may_call(self, job: str) -> bool:
        """Whether it may submit jobs of this name."""
        return self.jobs is None or job in self.jobs


def owner_of_token(name: str) -> str:
    """The owner of jobs that were submitted with a token of this name."""
    return f"token:{name}"


def owner_in_header(value: str) -> str:
    """The owner that a header names by its subject: UTF-8, which was read as Latin-1. Raises `ValueError`."""
    try:
        subject = value if value.isascii() else value.encode("latin-1").decode()
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None
    return owner_of_subject(subject)


def owner_of_subject(subject: str) -> str:
    """The owner of jobs that were submitted by or for a user. Raises `ValueError`, also for a subject with a space at
    its ends: in a header it would lose that, and be another user."""
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise ValueError(f"a subject has 1 to {LONGEST_SUBJECT} printable characters")
    if subject != subject.strip(" "):
        raise ValueError("a subject does not begin or end with a space")
    return f"sub:{subject}"
