"""A job as a caller names it: by its handler, or by its name; its arguments and its result as JSON.

What is known of handlers is imported once one is given: its module has imported that already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from relay.model.arguments.foreign import written
from relay.model.names import JOB_NAME, job_name_of

_write = msgspec.json.Encoder(enc_hook=written).encode


class CalledJob:
    """Raises `TypeError` for a function that is no handler, `ValueError` for a text that is no name of a job."""

    def __init__(self, wanted: str | Callable[..., Any]) -> None:
        self._handler = None if isinstance(wanted, str) else wanted
        self.name = wanted if isinstance(wanted, str) else job_name_of(wanted)
        if not JOB_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not the name of a job")

    def arguments(self, given: Sequence[Any], named: Mapping[str, Any]) -> bytes:
        """The arguments of a call as JSON. Raises `TypeError` as a function would, and for what JSON can't say."""
        if not given:
            return _write(dict(named))
        if self._handler is None:
            raise TypeError(f"job {self.name} is called by its name, so its arguments are given by name, too")
        names = _names_of(self._handler, self.name)
        if len(given) > len(names):
            raise TypeError(f"job {self.name} takes {len(names)} arguments, not {len(given)}")
        by_place = dict(zip(names, given, strict=False))
        if twice := sorted(by_place.keys() & named.keys()):
            raise TypeError(f"job {self.name} got two values for argument {twice[0]}")
        return _write({**by_place, **named})

    def result(self, envelope: Mapping[str, Any]) -> Any:
        """The result in an envelope, of the type that the handler declares. Raises `msgspec.ValidationError` where the
        worker's handler is another version and returned another type."""
        result = envelope.get("result")
        if self._handler is None:
            return result
        from relay.handlers.returned import declared_result

        declared = declared_result(self._handler)
        return result if declared is Any else msgspec.json.decode(msgspec.json.encode(result), type=declared)


def _names_of(function: Callable[..., Any], name: str) -> tuple[str, ...]:
    from relay.handlers.signature import read

    return read(function, name).arguments.__struct_fields__
