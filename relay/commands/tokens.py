"""The command ``relay tokens``: makes callers' tokens, and keeps their file (``--tokens``).

A new token is written to standard output, alone and once; all remarks go to standard error. It ends with one line and
with status 1 if the file is not as the command needs it, 2 for a mistake on its command line or in its environment.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from relay.commands.token_list import as_json, lines
from relay.model.caller import FREE
from relay.model.settings import PREFIX, SettingError, config_path
from relay.model.sources import from_file
from relay.model.token import digest_of, make_token
from relay.model.tokens import TokenFileError, TokenRow, load_tokens, moment

if TYPE_CHECKING:
    from relay.commands.token_editor import TokenText

_USUAL = "tokens.toml"
_AT_ONCE = 2  # tokens of one caller that are valid


def run(asked: Namespace) -> None:
    """Do what the command line asks for."""
    try:
        path = asked.file or usual_file(os.environ)
    except SettingError as error:
        _say(f"relay: {error}")
        sys.exit(2)
    try:
        _ACTIONS[asked.action](path, asked)
        if not asked.file and asked.action == "add" and _is_unread(os.environ):
            _say(
                f"{config_path({}, os.environ)} has no `tokens`: relay reads {path} once it has, and is restarted"
            )
    except TokenFileError as error:
        sys.exit(f"relay: {error}")
    except OSError as error:
        name = "" if asked.file else ": name the file with --file, RELAY_TOKENS or RELAY_CONFIG"
        missing = name if isinstance(error, FileNotFoundError) else ""
        sys.exit(f"relay: {error.filename or path}: {error.strerror}{missing}")


def usual_file(environment: Mapping[str, str]) -> str:
    """The file that the fronts started here would read. Raises `SettingError`."""
    given = environment.get(f"{PREFIX}TOKENS") or from_file(config_path({}, environment)).get("tokens")
    return str(given or _USUAL)


def _is_unread(environment: Mapping[str, str]) -> bool:
    """Whether there are settings, and they name no file of tokens."""
    config = config_path({}, environment)
    return bool(config) and f"{PREFIX}TOKENS" not in environment and not from_file(config).get("tokens")


def _add(path: str, asked: Namespace) -> None:
    token = make_token()
    limits = {key: getattr(asked, key) for key in ("jobs", "rate", "held", "queued", "body", "expires")}
    row = TokenRow(sha256=(digest_of(token).hex(),), trusted=asked.trusted, operator=asked.operator, **limits)

    def change(before: TokenText) -> TokenText:
        if asked.name in before.rows:
            remedy = "rotate or revoke it, or edit the file to change what it may do"
            raise TokenFileError(f"{path}: there is a [{asked.name}] already: {remedy}")
        return before.add(asked.name, row)

    _edit(path, change, create=True)
    _show(token, f"{path} has the hash of this new token of {asked.name}; the token is shown only now")


def _rotate(path: str, asked: Namespace) -> None:
    token, dropped = make_token(), list[str]()

    def change(before: TokenText) -> TokenText:
        row = _row(path, before.rows, asked.name)
        dropped[:] = row.sha256[_AT_ONCE - 1 :]
        if moment(row.expires) <= time.time():
            raise TokenFileError(f"{path}: [{asked.name}] has expired: change its `expires` first")
        return before.set_hashes(asked.name, (digest_of(token).hex(), *row.sha256)[:_AT_ONCE])

    _edit(path, change)
    _show(
        token,
        f"{path} has the hash of this new token of {asked.name}; the one before is valid until revoke --old"
        + (", and the one before that is revoked" if dropped else ""),
    )


def _revoke(path: str, asked: Namespace) -> None:
    def change(before: TokenText) -> TokenText:
        row = _row(path, before.rows, asked.name)
        if not asked.old:
            return before.remove(asked.name)
        if len(row.sha256) < _AT_ONCE:
            raise TokenFileError(f"{path}: [{asked.name}] has one token only")
        return before.set_hashes(asked.name, row.sha256[:1])

    _edit(path, change)
    _say(f"{asked.name}: {'the older token is' if asked.old else 'all its tokens are'} revoked in {path}")


def _list(path: str, asked: Namespace) -> None:
    grants, now = load_tokens(path, FREE).values(), time.time()
    shown = as_json(grants, now) if asked.json else "\n".join(lines(grants, now))
    sys.stdout.write(f"{shown}\n")


_ACTIONS: dict[str, Callable[[str, Namespace], None]] = {
    "add": _add,
    "list": _list,
    "revoke": _revoke,
    "rotate": _rotate,
}


def _edit(path: str, change: Callable[[TokenText], TokenText], create: bool = False) -> None:
    from relay.commands.token_editor import edit  # reload and restart need no tomlkit

    edit(path, change, create)


def _row(path: str, rows: Mapping[str, TokenRow], name: str) -> TokenRow:
    if name not in rows:
        raise TokenFileError(f"{path}: there is no [{name}]")
    return rows[name]


def _show(token: str, remark: str) -> None:
    """Write a token where it can be piped from, and a remark for whoever looks."""
    sys.stdout.write(f"{token}\n")
    sys.stdout.flush()
    _say(remark)


def _say(remark: str) -> None:
    sys.stderr.write(f"{remark}\n")
