"""What a part of a script has for itself."""

from __future__ import annotations

from relay.store.hiding import hidden
from relay.store.scripts import parts, read, script
from tests.processes import RedisProcess

PRELUDE = "local now, then_ = 7, 8\nlocal waits\nlocal function own() return now end\n"
PART = "local secret = 1\nlocal function told(n)\n  local now_then = own() + secret\n  return now_then + n\nend\n"
VERB = "waits = waits == nil\nreturn {told(2), then_, waits and 1 or 0, secret == nil and 1 or 0}\n"


def test_a_part_shows_what_others_name_and_nothing_else(redis: RedisProcess) -> None:
    prelude, part, verb = hidden(
        {"prelude": PRELUDE, "part": PART.replace("secret", "private"), "verb": VERB}
    )
    assert prelude.startswith("local own, now, then_, waits do ")
    assert part.startswith("local told do local private = 1\n")
    assert verb == VERB
    text = prelude + part + verb.replace("secret == nil", "rawget(_G, 'private') == nil")
    assert redis.client.eval(f"#!lua\n{text}", 0) == [10, 8, 1, 1]


def test_lines_stay_where_they_were() -> None:
    text = {name: read(name) for name in parts("turn", read)}
    assert [each.count("\n") for each in hidden(text)] == [each.count("\n") for each in text.values()]


def test_the_longest_script_has_room_for_more() -> None:
    shown = [line for line in script("turn").text.decode().splitlines() if line.startswith("local ")]
    names = sum(line.partition(" do ")[0].count(",") + 1 for line in shown if " do " in line)
    assert 100 < names < 170
