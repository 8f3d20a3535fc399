"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a diagnosis is, the worst last."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one check found. `saw`: what it looked at, and what is so, as a sentence or two · `why`: what follows from
    that · `remedy`: what to do, a line for each way · `see`: a page of relay's docs."""

    check: str
    severity: Severity
    saw: str
    why: str = ""
    remedy: tuple[str, ...] = ()
    see: str = ""


class Area(msgspec.Struct, frozen=True):
    """The diagnoses about one thing. `failed`: why there was no looking at it, "" where there was."""

    name: str
    at: str
    diagnoses: list[Diagnosis]
    failed: str = ""


def fine(check: str, saw: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(check=check, severity=Severity.OK, saw=saw)


def note(check: str, saw: str, why: str = "", *remedy: str, see: str = "") -> Diagnosis:
    """Something that is good to know."""
    return Diagnosis(check=check, severity=Severity.NOTE, saw=saw, why=why, remedy=remedy, see=see)


def warn(check: str, saw: str, why: str, *remedy: str, see: str = "") -> Diagnosis:
    """Something that will hurt under load, in trouble, or some clients."""
    return Diagnosis(check=check, severity=Severity.WARN, saw=saw, why=why, remedy=remedy, see=see)


def bad(check: str, saw: str, why: str, *remedy: str, see: str = "") -> Diagnosis:
    """Something that breaks a promise of relay's."""
    return Diagnosis(check=check, severity=Severity.BAD, saw=saw, why=why, remedy=remedy, see=see)


def is_bad(areas: Iterable[Area]) -> bool:
    """Whether anything is."""
    return any(diagnosis.severity is Severity.BAD for area in areas for diagnosis in area.diagnoses)
