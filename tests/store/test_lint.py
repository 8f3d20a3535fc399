"""The Lua of the store: its parts, their needs, the keys that they use."""

from __future__ import annotations

import re

import pytest

from relay.store import keys, scripts
from tests.store.lint import FOLDER, Source, faults_of

#: a part and a verb that are as they should be
PRELUDE = "-- What every script starts with.\nlocal now = redis.call('TIME')\n"
JOBS = "-- Jobs.\n-- needs: prelude\nlocal function age(t) return now - t end\n"
VERB = """\
-- old: how old it is
-- arguments: tag, epoch, id
-- answer:    a number
-- needs: prelude, jobs
return age(redis.call('HGET', K.job, ARG.id)) + now
"""

FAULTS = {
    "a record that is not there": (
        "ARG.id)) + now",
        "ARG.id)) + now, Dead{id = 1, Letter = 2}",
        "there is no field 'Letter'",
    ),
    "an undefined name": ("+ now", "+ then_", "'then_' is not defined"),
    "a name of a part that is not needed": (
        "prelude, jobs",
        "prelude",
        "uses 'age' of jobs.lua, which is not among",
    ),
    "a part that is not used": (
        "return age(redis.call('HGET', K.job, ARG.id)) + now",
        "return age(1)",
        "need 'prelude'",
    ),
    "an unused variable": ("return", "local x = 1\nreturn", "nobody uses 'x'"),
    "a parameter that is not used": (
        "return age",
        "local function f(a) return now end\nreturn f(1) + age",
        "uses 'a'",
    ),
    "a variable that is only set": ("return", "local x = 1\nx = 2\nreturn", "nobody uses 'x'"),
    "a name of a part that is hidden": (
        "return",
        "local function f(now) return now end\nreturn f(1) +",
        "'now' hides",
    ),
    "a variable that is hidden": ("return", "local x = 1\nfor x = 1, x do f(x) end\nreturn", "'x' hides"),
    "a name of another part": ("return", "local age = 1\nreturn age +", "'age' is jobs.lua's, too"),
    "a global that is set": ("return", "ARGV = 1\nreturn", "sets the global 'ARGV'"),
    "a global function": ("return", "function f() return 1 end\nreturn", "a function that is not local"),
    "a key that is not declared": ("K.job", "K.jobs", "there is no key 'jobs'"),
    "a family that is not declared": ("K.job", "named('jobs', ARG.id)", "there is no family of keys 'jobs'"),
    "a family that is made when it runs": ("K.job", "named(ARG.id, 'x')", "there is no family of keys None"),
    "a key that is written out": ("K.job", "'{r0}:job'", "the key of HGET is neither K's nor named(…)"),
    "a key that is put together": (
        "K.job",
        "ARG.tag .. 'job'",
        "the key of HGET is neither K's nor named(…)",
    ),
    "a key that is an argument": ("K.job", "ARG.id", "the key of HGET is neither K's nor named(…)"),
    "the tag, to make a key of": ("K.job", "(TAG .. 'job')", "'TAG' is not defined"),
    "a command that is not written down": ("'HGET'", "ARG.id", "a command that is not written down"),
    "what does not parse": ("+ now", "+", "syntax"),
    "too many lines": ("return", "\n" * 90 + "return", "has 95 lines, 90 are enough"),
}


def faults(verb: str, jobs: str = JOBS) -> list[str]:
    return list(faults_of({"prelude": PRELUDE, "jobs": jobs, "old": verb}))


def test_the_lua_of_the_store_is_as_it_should_be() -> None:
    assert list(faults_of({path.stem: path.read_text() for path in FOLDER.glob("*.lua")})) == []


def test_a_script_that_is_as_it_should_be_has_no_fault() -> None:
    assert faults(VERB) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_file(fault: str) -> None:
    before, after, told = FAULTS[fault]
    found = faults(VERB.replace(before, after, 1))
    assert any(told in each and each.startswith("old.lua:") for each in found), found


def test_the_prelude_comes_first() -> None:
    found = faults(VERB.replace("prelude, jobs", "jobs, prelude"), JOBS.replace("-- needs: prelude\n", ""))
    assert any("before the prelude" in each for each in found)


def test_parts_that_need_one_another_are_refused() -> None:
    texts = {"one": "-- needs: two\n", "two": "-- needs: one\n"}
    with pytest.raises(LookupError, match="one → two → one"):
        scripts.parts("one", texts.__getitem__)


def test_every_part_is_of_some_script() -> None:
    texts = {path.stem: path.read_text() for path in FOLDER.glob("*.lua")}
    verbs = [name for name, text in texts.items() if Source(name, text).is_verb]
    assert {part for verb in verbs for part in scripts.parts(verb, texts.__getitem__)} == texts.keys()


def test_every_key_is_in_the_table_of_the_schema() -> None:
    told, families = (keys.__doc__ or "").split("Families, one key for each name:")
    rows = [line for line in told.splitlines() if re.match(r"[a-z]", line) and "  " in line]
    named = {word for line in rows for word in re.split(r"\s{2,}", line)[0].split(", ")}
    assert named - {"key"} == set(keys.FIXED)
    assert set(re.findall(r"^(\w+):\w+ ", families, re.MULTILINE)) | {"lane"} == set(keys.FAMILIES)


def test_every_key_is_used() -> None:
    texts = "".join(path.read_text() for path in FOLDER.glob("*.lua"))
    assert {key for key in keys.FIXED if not re.search(rf"\bK\.{key}\b", texts)} == {"never"}
    assert {family for family in keys.FAMILIES if f"named('{family}'" not in texts} == set()
