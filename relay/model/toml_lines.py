"""Where something stands in a file of TOML: tomllib tells it of syntax alone, and not always."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_left

_SAID = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
#: comments and texts, so that what stands in them is not taken for a key; those of several lines are left out
_WORDS = re.compile(
    r"#[^\n]*"
    r'|(?P<long>"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\')'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_HEAD = re.compile(r"\s*\[[^]\[]*\]\s*(#|$)")  # of a table


class TomlError(ValueError):
    """A text is not TOML: the number of the `line`, from 1, and what is wrong."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def read_toml(text: str) -> dict[str, object]:
    """What a text of TOML says. Raises `TomlError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what = str(error)
        said = _SAID.search(what)
        line = int(said[1]) if said and said[1] else text.count("\n") + (not text.endswith("\n"))
        raise TomlError(line, _SAID.sub("", what)) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list in a list in a list …
        what = "this is nested too deeply" if isinstance(error, RecursionError) else "a value is too large"
        raise TomlError(_first_beyond(text), what) from None


def _first_beyond(text: str) -> int:
    """The number of the first line that is more than tomllib can read."""
    lines = text.split("\n")
    return (
        bisect_left(range(1, len(lines) + 1), True, key=lambda most: _is_beyond("\n".join(lines[:most]))) + 1
    )


def _is_beyond(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return False


def line_of(text: str, table: str, key: str = "") -> int:
    """The number of the line, from 1, of a key in a table at the top, or of the table where the key is not there. The
    text is known to be TOML."""
    lines = _WORDS.sub(lambda found: "\n" * found[0].count("\n") if found["long"] else found[0], text).split(
        "\n"
    )
    own, inner = _name(table), _name(key)
    head = re.compile(rf"\s*(\[{{1,2}}\s*)?{own}\s*[].=]")
    start = next((number for number, line in enumerate(lines) if head.match(line)), 0)
    within = re.compile(rf"\s*(?:{own}\s*\.\s*)?{inner}\s*[.=]|\s*\[\s*{own}\s*\.\s*{inner}\s*\]")
    for number in range(start, len(lines)):
        if key and within.match(lines[number]):
            return number + 1
        if number > start and _HEAD.match(lines[number]):
            break
    return start + 1


def _name(name: str) -> str:
    """How a key may be written."""
    bare = re.escape(name)
    return rf"(?:{bare}|'{bare}'|{re.escape(json.dumps(name, ensure_ascii=False))})"
