"""What a job leaves for its next attempts, as the store keeps it: its last checkpoint, and the results of its steps."""

from __future__ import annotations

from typing import Any

import msgspec

_WITH_STEPS = "~"  # in front of notes that have steps; a checkpoint alone is kept as its JSON
_encode = msgspec.json.Encoder().encode


class _Kept(msgspec.Struct):
    steps: dict[str, msgspec.Raw]
    last: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Notes:
    """Of one attempt. `kept` is what earlier ones have left; "" for nothing."""

    def __init__(self, kept: str = "") -> None:
        self._steps: dict[str, msgspec.Raw] = {}
        self._last = kept
        #: bytes of the names and results of all steps
        self.size_of_steps = 0
        if kept.startswith(_WITH_STEPS):
            read = msgspec.json.decode(kept[1:], type=_Kept)
            for name, result in read.steps.items():
                self.keep_step(name, bytes(result))
            self._last = bytes(read.last).decode() if isinstance(read.last, msgspec.Raw) else ""

    @property
    def last(self) -> Any:
        """What the last checkpoint said, decoded; None before the first."""
        return msgspec.json.decode(self._last) if self._last else None

    def checkpoint(self, said: str) -> None:
        """A checkpoint, as JSON, takes the place of the one before."""
        self._last = said

    def step(self, name: str) -> bytes | None:
        """The result of a step as JSON; None for one that was not done yet."""
        found = self._steps.get(name)
        return None if found is None else bytes(found)

    def keep_step(self, name: str, result: bytes) -> None:
        """A step is done."""
        self._steps[name] = msgspec.Raw(result)
        self.size_of_steps += len(name) + len(result)

    def written(self) -> str:
        """As the store keeps them."""
        if not self._steps:
            return self._last
        last = msgspec.Raw(self._last.encode()) if self._last else msgspec.UNSET
        return _WITH_STEPS + _encode(_Kept(self._steps, last)).decode()
