"""Every type of problem by its slug: what ``/problems/{slug}`` says of it.

relay's own are found here. Those of handlers, Celery's included, are published by workers with the jobs that declare
them (``@job(problems=…)``), because fronts import no handlers.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache

import msgspec

from relay.model.problems import caller, job, raised, request
from relay.model.problems.base import JobError, RelayError
from relay.model.problems.upstream import PROBLEMS


class ProblemType(msgspec.Struct, frozen=True):
    """What a type of problem means, and what to do about it."""

    slug: str
    title: str
    status: int
    meaning: str


def describe(kind: type[RelayError]) -> ProblemType:
    """The type of problem that a class stands for, explained by its docstring."""
    meaning = inspect.cleandoc(vars(kind).get("__doc__") or "").replace("\n", " ")
    return ProblemType(kind.slug, kind.title, kind.status, meaning)


@cache
def catalogue() -> Mapping[str, type[RelayError]]:
    """Every problem that relay itself can answer with, by slug."""
    kinds = [
        kind
        for module in (request, caller, job, raised)
        for kind in vars(module).values()
        if isinstance(kind, type)
    ]
    return {
        kind.slug: kind
        for kind in kinds
        if issubclass(kind, RelayError) and kind not in (RelayError, JobError)
    }


@cache
def builtin() -> Mapping[str, ProblemType]:
    """relay's own types of problems, by slug."""
    of_apis = {
        slug: ProblemType(slug, title, status, meaning)
        for slug, (status, _, title, meaning) in PROBLEMS.items()
    }
    return {slug: describe(kind) for slug, kind in catalogue().items()} | of_apis


def misfit(kind: object) -> str:
    """Why a class can't be declared as a problem of a job; "" if it can."""
    if not (isinstance(kind, type) and issubclass(kind, JobError)):
        return f"{kind!r} is not a subclass of JobError"
    described = describe(kind)
    if "slug" not in vars(kind) or "title" not in vars(kind) or not described.meaning:
        return f"{kind.__name__} does not have a slug, a title and a docstring of its own"
    if described.slug in builtin():
        return f"{described.slug} is a problem of relay's"
    return ""
