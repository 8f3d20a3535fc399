"""The rights that the documentation tells operators to give are those that relay needs."""

from __future__ import annotations

import re
from pathlib import Path

from relay.store import demands
from relay.store.keys import Keys
from relay.store.scripts import script
from tests.processes import RedisProcess


def test_the_rights_in_the_docs_are_those_that_are_needed(root: Path) -> None:
    docs = re.search(r"ACL SETUSER relay .*?```", (root / "docs/running.md").read_text(), re.DOTALL)
    shipped = re.search(r"^user relay .*$", (root / "deploy/redis.conf").read_text(), re.MULTILINE)
    for told in (docs, shipped, re.match(".*", demands.acl())):
        assert told is not None
        assert set(re.findall(r"\+([\w|]+)", told[0])) == demands.rights() | {*demands.FASTER}


def test_the_docs_and_the_doctor_give_the_same_acl(root: Path) -> None:
    docs = re.search(r"ACL SETUSER relay .*?```", (root / "docs/running.md").read_text(), re.DOTALL)
    assert docs is not None
    assert " ".join(docs[0].removesuffix("```").split()) == demands.acl()


def test_scripts_are_known_by_their_hashes() -> None:
    known = demands.verbs()
    assert {"submit", "turn", "sweep", "open"} <= set(known.values())
    assert "places" not in known.values()


def test_the_layout_is_that_of_a_new_data_set(redis: RedisProcess) -> None:
    redis.client.eval(script("open").text, 2, *Keys().declared, "a", "", -1, "", 1)
    assert redis.client.get("{r0}:layout").decode() == demands.layout()


def test_the_docs_say_what_a_cluster_takes_besides(root: Path) -> None:
    words = " ".join(f"+{command}" for command in demands.CLUSTER)
    for page in ("running.md", "topologies.md"):
        assert words in (root / "docs" / page).read_text()
    assert demands.acl(more=demands.CLUSTER) == f"{demands.acl()} {words}"
