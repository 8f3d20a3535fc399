"""What a worker serves: the names of its jobs, each with its declaration."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from relay.store.messages import Served


class Roster:
    """The jobs of one worker. A mark stands for a declaration; `words` are name and mark of each job, as scripts take
    them, and the `digest` stands for all of them."""

    def __init__(self, served: Iterable[Served]) -> None:
        declared = {job.name: msgspec.json.encode(job, order="sorted") for job in served}
        self._declared = {name: (_digest(text), text) for name, text in sorted(declared.items())}
        self.words = [f"{name}={mark}" for name, (mark, _) in self._declared.items()]
        self.digest = _digest(" ".join(self.words).encode())

    @property
    def names(self) -> list[str]:
        return list(self._declared)

    def __iter__(self) -> Iterator[tuple[str, str, bytes]]:
        """Name, mark and declaration (JSON of a `Served`) of each job."""
        for name, (mark, declaration) in self._declared.items():
            yield name, mark, declaration


def _digest(text: bytes) -> str:
    return base64.b32encode(hashlib.blake2b(text, digest_size=10).digest()).decode().lower()
