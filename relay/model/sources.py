"""Where settings are read from: a TOML file, and texts of the environment."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

PREFIX = "RELAY_"
_SECRET_NAME = re.compile(r"secret|token|password|key")


class SettingError(Exception):
    """A setting can't be used. The message is one line that names it and says why."""


def from_file(config: str | None) -> dict[str, Any]:
    """The settings in a TOML file, by name; none without a file. Raises `SettingError`, also for a file with secrets
    that all can read."""
    if config is None:
        return {}
    try:
        with open(config, "rb") as file:
            is_open = os.fstat(file.fileno()).st_mode & stat.S_IROTH
            values = {name.replace("-", "_"): value for name, value in tomllib.load(file).items()}
    except (OSError, ValueError, RecursionError) as error:  # no TOML, no UTF-8, a list in a list in a list …
        raise SettingError(f"--config {config}: {error}") from error
    secret = _with_secrets(values)
    if is_open and secret:
        raise SettingError(
            f"--config {config}: the file has secrets ({secret}) and everybody can read it: chmod o= {config}"
        )
    return values


def _with_secrets(values: Mapping[str, Any]) -> str:
    """The name of a setting that has a password, or what is named like one; "" if there is none."""
    if "@" in str(values.get("redis", "")):
        return "redis"
    given = values.get("set", ())
    names = [str(text).partition("=")[0] for text in (given if isinstance(given, list | tuple) else [given])]
    return next((name for name in names if _SECRET_NAME.search(name)), "")


def parts(text: str) -> Any:
    """``a;b``, or a JSON array where a part has a semicolon of its own."""
    if not text.startswith("["):
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def as_text(value: Any) -> str:
    """A setting as a text of the environment."""
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)
