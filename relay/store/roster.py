"""The roster of a worker: the names of the jobs that it serves, each with its declaration.

What is only read (`JobDescription`) is no part of a mark, so an edited docstring does not keep jobs from the workers
that have the older one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from relay.store.declared import JobDescription
from relay.store.messages import JobDefinition


class Roster:
    """The jobs of one worker. A mark stands for a declaration; `words` are name and mark of each job, as scripts take
    them, and the `digest` stands for all of them."""

    def __init__(self, served: Iterable[JobDefinition]) -> None:
        self._declared = {
            job.name: (_mark(job), msgspec.json.encode(job, order="sorted"))
            for job in sorted(served, key=lambda job: job.name)
        }
        self.words = [f"{name}={mark}" for name, (mark, _) in self._declared.items()]
        self.digest = _digest(" ".join(self.words).encode())

    def __iter__(self) -> Iterator[tuple[str, str, bytes]]:
        """Name, mark and declaration (JSON of a `JobDefinition`) of each job."""
        for name, (mark, declaration) in self._declared.items():
            yield name, mark, declaration


def _mark(job: JobDefinition) -> str:
    counts = {
        name: value
        for name, value in msgspec.to_builtins(job).items()
        if name not in JobDescription.__struct_fields__
    }
    return _digest(msgspec.json.encode(_settled(counts), order="sorted"))


def _settled(value: Any) -> Any:
    """A declaration with its defaults in one order: that of a set differs from process to process."""
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if not isinstance(value, dict):
        return value
    settled = {key: _settled(item) for key, item in value.items()}
    if isinstance(settled.get("default"), list):
        settled["default"] = sorted(msgspec.json.encode(item, order="sorted") for item in settled["default"])
    return settled


def _digest(text: bytes) -> str:
    return base64.b32encode(hashlib.blake2b(text, digest_size=10).digest()).decode().lower()
