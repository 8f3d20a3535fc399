"""The file of callers' tokens: TOML, a table for each caller, with the hashes of its tokens and what they may do.

::

    [mobile-app]
    sha256 = ["<64 hex digits>", "<those of the one before>"]
    jobs = ["fetch", "s3_*"]        # left out: every job
    rate = "50/s"                   # this and the next three: see `Allowance`
    held = 2000
    queued = 10000
    body = 65536
    expires = 2027-01-01T00:00:00Z  # or a date, which is its beginning in UTC; left out: never
    trusted = true                  # may act for its users
    operator = "look"               # sees the whole relay at its admin listener; "act": may change it, too.
                                    # Without `jobs` it may then call no job

The file is no secret, because nobody finds a token by its hash. But who can write it can let in whom he likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from math import inf
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from relay.model.caller import Allowance, JobPatterns
from relay.model.limits import Rate
from relay.model.setting_types import CountOrNone
from relay.model.token_mistakes import explain, name_mistake
from relay.model.toml_lines import TomlError, line_of, read_toml
from relay.model.watched_file import read_file

Made = TypeVar("Made")
MOST_BYTES = 1 << 20  # of a file
TOKEN_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_NO_JOB = JobPatterns(())
_Hash = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")]
_Hashes = Annotated[tuple[_Hash, ...], Meta(min_length=1, max_length=2)]


class TokenFileError(Exception):
    """A file of tokens can't be used. The message is one line, with the file, the line and what is wrong."""


class TokenRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table as it stands in the file; None is what was left out. `sha256`: the latest first."""

    sha256: _Hashes
    jobs: tuple[str, ...] | None = None
    rate: str | None = None
    held: CountOrNone | None = None
    queued: CountOrNone | None = None
    body: CountOrNone | None = None
    expires: Any = None
    trusted: bool = False
    operator: Literal["look", "act"] | None = None


class TokenGrant(msgspec.Struct, frozen=True):
    """What the tokens of one caller are, and give. `expires`: seconds since 1970, from which on they are not valid."""

    name: str
    row: TokenRow
    digests: tuple[bytes, ...]
    jobs: JobPatterns | None
    allowance: Allowance
    expires: float


def load_tokens(path: str, defaults: Allowance) -> dict[str, TokenGrant]:
    """The callers of a file, by name; `defaults` is for what a table leaves out. Raises `TokenFileError`."""
    return parse_tokens(read_token_file(path), path, defaults)


def read_token_file(path: str) -> bytes:
    """What a file has, unchecked but for its size and who may write it. Raises `TokenFileError`."""
    try:
        return read_file(path, MOST_BYTES)
    except OSError as error:
        raise TokenFileError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise TokenFileError(f"{path}: {error}") from error


def parse_tokens(data: bytes, path: str, defaults: Allowance) -> dict[str, TokenGrant]:
    """The same of what such a file has; `path` is for the messages."""
    try:
        text = data.decode()
        grants = {grant.name: grant for grant in _grants(text, defaults)}
        _check_hashes(text, grants)
    except TomlError as error:
        raise TokenFileError(f"{path}, line {error.line}: {error}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TokenFileError(f"{path}, line {line}: this is not UTF-8") from error
    return grants


def _grants(text: str, defaults: Allowance) -> Iterator[TokenGrant]:
    for name, table in read_toml(text).items():
        if not TOKEN_NAME.fullmatch(name):
            raise TomlError(line_of(text, name), name_mistake(name))
        try:
            row = msgspec.convert(table, TokenRow)
        except msgspec.ValidationError as error:
            key, what = explain(error, name, table, TokenRow.__struct_fields__)
            raise TomlError(line_of(text, name, key), f"[{name}] {what}") from error
        yield _grant(text, name, row, defaults)


def _grant(text: str, name: str, row: TokenRow, defaults: Allowance) -> TokenGrant:
    """What a row gives. Raises `TomlError`."""

    def made(key: str, make: Callable[[Any], Made]) -> Made:
        try:
            return make(getattr(row, key))
        except ValueError as error:
            raise TomlError(line_of(text, name, key), f"[{name}] {key}: {error}") from error

    allowance = Allowance(
        defaults.rate if row.rate is None else made("rate", Rate.parse),
        defaults.held if row.held is None else row.held,
        defaults.queued if row.queued is None else row.queued,
        defaults.body if row.body is None else row.body,
    )
    jobs = made("jobs", JobPatterns.parse) if row.jobs is not None else _NO_JOB if row.operator else None
    digests = tuple(map(bytes.fromhex, row.sha256))
    return TokenGrant(name, row, digests, jobs, allowance, made("expires", moment))


def moment(expires: object) -> float:
    """Seconds since 1970 of a value of TOML; infinity for None. Raises `ValueError` for what is not a point in time."""
    if expires is None:
        return inf
    if isinstance(expires, datetime):
        if expires.tzinfo is None:
            raise ValueError(f"{expires.isoformat()} has no time zone: {expires.isoformat()}Z is UTC")
        return expires.timestamp()
    if isinstance(expires, date):
        return datetime.combine(expires, time(), UTC).timestamp()
    raise ValueError("expected a date, or a time such as 2027-01-01T00:00:00Z, without quotes")


def _check_hashes(text: str, grants: dict[str, TokenGrant]) -> None:
    """Raise `TomlError` where a token would be that of two callers, or one would be in its table twice."""
    known: dict[bytes, str] = {}
    for name, grant in grants.items():
        for digest in grant.digests:
            other = known.setdefault(digest, name)
            if other != name or grant.digests.count(digest) > 1:
                where = "twice" if other == name else f"in [{other}], too"
                raise TomlError(line_of(text, name, "sha256"), f"[{name}] sha256: a hash stands {where}")
