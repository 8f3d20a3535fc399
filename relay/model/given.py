"""What the operator gives to handlers with ``--set``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relay.model.problems.raised import NotConfigured


class SettingMissing(NotConfigured, KeyError):
    """The operator has not set what this job needs; `detail` names the setting. Tell the operator; sending the same
    again gives the same."""

    __str__ = NotConfigured.__str__


class Given(Mapping[str, str]):
    """The values by name. One that is not set raises `SettingMissing`, a `KeyError`, which says how to set it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise SettingMissing(f"--set {name}=… is missing") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._values)}>"  # values may be secrets
