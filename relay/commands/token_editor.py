"""Changes a file of tokens. Comments and order stay, two changes at once are made one after the other, and nothing is
written that a front would refuse."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import Table, Whitespace

from relay.commands.replacing import alone_in, replace_file
from relay.model.caller import FREE
from relay.model.tokens import MOST_BYTES, TokenFileError, TokenRow, parse_tokens, read_token_file

_HEAD = (
    "# Callers' tokens: a table for each caller, with the hashes of its tokens. See `relay tokens --help`.\n"
)


@dataclass(frozen=True, slots=True)
class TokenText:
    """The text of a file of tokens, and what it says, by name."""

    text: str
    rows: Mapping[str, TokenRow]

    @classmethod
    def read(cls, path: str) -> TokenText:
        """The text of a file. Raises `TokenFileError`."""
        data = read_token_file(path)
        rows = {name: grant.row for name, grant in parse_tokens(data, path, FREE).items()}
        return cls(data.decode(), rows)

    def add(self, name: str, row: TokenRow) -> TokenText:
        """With one more table, at the end."""
        table = tomlkit.table()
        for key in TokenRow.__struct_fields__:
            value = getattr(row, key)
            if value is not None and value is not False:
                table[key] = list(value) if isinstance(value, tuple) else value
        added = tomlkit.document()
        added[name] = table
        before = self.text if not self.text or self.text.endswith("\n") else f"{self.text}\n"
        return TokenText(f"{before}\n{added.as_string()}", {**self.rows, name: row})

    def set_hashes(self, name: str, hashes: tuple[str, ...]) -> TokenText:
        """With other hashes in a table: a new one before the others, or some at the end left out, or both."""
        document = tomlkit.parse(self.text)
        listed: Any = document[name]["sha256"]
        if listed[0] != hashes[0]:
            listed.insert(0, hashes[0])
        del listed[len(hashes) :]
        row = msgspec.structs.replace(self.rows[name], sha256=hashes)
        return TokenText(document.as_string(), {**self.rows, name: row})

    def remove(self, name: str) -> TokenText:
        """Without a table. The comments behind its last key stay, because they are about the next one."""
        document = tomlkit.parse(self.text)
        place = next(at for at, (key, _) in enumerate(document.body) if key is not None and key.key == name)
        behind = _behind(document[name])
        document.remove(name)
        if behind:
            document.body[place] = (None, Whitespace(behind))
        rows = {other: row for other, row in self.rows.items() if other != name}
        return TokenText(document.as_string(), rows)


def _behind(table: object) -> str:
    """What stands behind the last key of a table."""
    text = ""
    for key, item in reversed(table.value.body if isinstance(table, Table) else []):
        if key is not None:
            break
        text = item.as_string() + text
    return text


def edit(path: str, change: Callable[[TokenText], TokenText], create: bool = False) -> None:
    """Change a file of tokens; one that is not there is made if told so. Raises `OSError` and `TokenFileError`, and
    then the file is as it was."""
    real = os.path.realpath(path)  # a link to it stays one
    with alone_in(os.path.dirname(real)):
        before = TokenText(_HEAD, {}) if create and not os.path.exists(real) else TokenText.read(real)
        data = _checked(real, change(before))
        replace_file(real, data)


def _checked(path: str, new: TokenText) -> bytes:
    """What is to be written, if it says what it should."""
    data = new.text.encode()
    if len(data) > MOST_BYTES:
        raise TokenFileError(f"{path}: it would have {len(data)} bytes; {MOST_BYTES} are the most")
    rows = {name: grant.row for name, grant in parse_tokens(data, path, FREE).items()}
    if rows != new.rows:
        raise TokenFileError(f"{path}: it is written in a way that can only be changed by hand")
    return data
