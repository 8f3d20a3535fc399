"""The rights that the documentation tells operators to give are those that relay needs."""

from __future__ import annotations

import re
from pathlib import Path

#: what is sent by other than scripts
SENT = {"ping", "select", "info", "eval", "evalsha", "get", "xread", "xtrim"}


def test_the_rights_in_the_docs_are_those_that_are_needed(root: Path) -> None:
    docs = re.search(r"ACL SETUSER relay .*?```", (root / "docs/running.md").read_text(), re.DOTALL)
    shipped = re.search(r"^user relay .*$", (root / "deploy/redis.conf").read_text(), re.MULTILINE)
    scripts = "".join(path.read_text() for path in (root / "relay/store/lua").glob("*.lua"))
    called = {word.lower() for word in re.findall(r"redis\.p?call\('(\w+)'", scripts)}
    for told in (docs, shipped):
        assert told is not None
        assert set(re.findall(r"\+(\w+)", told[0])) == called | SENT
