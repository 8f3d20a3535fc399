"""Modules of handlers: which are imported, and what is said of those that can't be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.handlers.importing import modules
from relay.handlers.options import HandlerError
from relay.handlers.registry import Registry, chosen
from relay.model.settings import SettingError, Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with nothing imported from it before or after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def refusal(name: str) -> str:
    with pytest.raises(HandlerError) as caught:
        list(modules(name))
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("./mine.py", "give"),
        ("mine.py", "--jobs mine (it is looked for in the current folder)"),
        ("pack/mine.py", "--jobs pack.mine (it is looked for in the current folder)"),
        ("/srv/app/mine.py", "--jobs mine (with /srv/app on PYTHONPATH)"),
        ("../mine.py", "--jobs mine (with .. on PYTHONPATH)"),
        ("my-jobs", "'my-jobs' is not the name of a module"),
        ("./pack", "not the name of a module"),
        (".mine", "not the name of a module"),
        ("", "not the name of a module"),
        ("no_such.module", "No module named 'no_such': no_such.module is neither in the current folder"),
    ],
)
def test_what_is_not_a_modules_name_is_refused_with_what_to_write(given: str, said: str) -> None:
    assert said in refusal(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\nimport no_such_thing\n", "mine.py line 3: No module named 'no_such_thing'"),
        ("from os import no_such_name\n", "mine.py line 1: cannot import name 'no_such_name' from 'os'"),
        ("import other\n", "other.py line 2: No module named 'no_such_thing' (called from mine.py line 1)"),
        ("def f():\n    return {}['x']\nf()\n", "mine.py line 2: KeyError: 'x' (called from mine.py line 3)"),
        ("import json\njson.loads('{')\n", "mine.py line 2: JSONDecodeError: Expecting property name"),
        ("raise ValueError('one\\ntwo')\n", "mine.py line 1: ValueError: one two"),
        ("raise ValueError\n", "mine.py line 1: ValueError"),
        ("def f(:\n", "mine.py line 1: invalid syntax"),
        ("  x = 1\n", "mine.py line 1: unexpected indent"),
        ("x = '\0'\n", "source code string cannot contain null bytes"),
        ("import sys\nsys.exit('enough')\n", "mine.py line 2: SystemExit: enough"),
        (
            "from relay import job\n@job(retry=3)\ndef f(): ...\n",
            "job f (mine.f): there is no option 'retry': did you mean retries?",
        ),
        (
            "from relay import job\n@job(timeout=None)\ndef f(): ...\n",
            "job f (mine.f): timeout None is not a number",
        ),
    ],
)
def test_what_goes_wrong_in_a_module_is_one_line_with_its_place(folder: Path, text: str, said: str) -> None:
    (folder / "mine.py").write_text(text)
    (folder / "other.py").write_text("\nimport no_such_thing\n")
    assert said in refusal("mine")


def test_a_package_is_read_whole_but_for_what_runs_it(folder: Path) -> None:
    inner = folder / "pack" / "inner"
    inner.mkdir(parents=True)
    for path in (inner.parent, inner):
        (path / "__init__.py").write_text("")
        (path / "__main__.py").write_text("raise SystemExit('run')\n")
    (inner / "deep.py").write_text("from relay import job\n@job\ndef found(): ...\n")
    assert [module.__name__ for module in modules("pack")] == ["pack", "pack.inner", "pack.inner.deep"]
    assert Registry.load(["pack"]).get("found") is not None
    (inner / "broken.py").write_text("import no_such_thing\n")
    assert refusal("pack").startswith("pack/inner/broken.py line 1: ")


def test_proxies_in_a_module_are_passed_over(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from unittest.mock import MagicMock\n"
        "from relay import job\n"
        "class Proxy:\n"
        "    def __getattr__(self, name):\n"
        "        raise RuntimeError('outside of a request')\n"
        "request, mock = Proxy(), MagicMock()\n"
        "@job\ndef found(): ...\n"
    )
    assert [handler.options.name for handler in Registry.load(["mine"])] == ["found"]


def test_names_that_are_there_only_for_type_checkers_are_told_of(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "from relay import job\n"
        "if TYPE_CHECKING:\n    from decimal import Decimal\n"
        "@job\ndef pay(amount: Decimal): ...\n"
    )
    with pytest.raises(SettingError) as caught:
        chosen(Settings(jobs=("mine",)))
    assert str(caught.value).startswith(
        "--jobs: job pay (mine.pay): argument amount: name 'Decimal' is not defined"
    )
    assert "TYPE_CHECKING" in str(caught.value)


QUEUES = """
from relay import job
@job(queue="slow")
def heavy(outcome=None): ...
@job(queue="fast", then="heavy")
def quick(): ...
"""


def chosen_of(folder: Path, *queues: str) -> Registry:
    (folder / "mine.py").write_text(QUEUES)
    return chosen(Settings(jobs=("mine",), queues=queues))


def names(registry: Any) -> list[str]:
    return sorted(handler.options.name for handler in registry)


def test_a_worker_serves_the_jobs_of_its_queues_only(folder: Path) -> None:
    assert names(chosen_of(folder)) == ["heavy", "quick"]
    narrowed = chosen_of(folder, "fast", "another")
    assert names(narrowed) == ["quick"]
    assert narrowed.queues() == {"fast"}
    assert narrowed.get("heavy") is not None  # what follows another is known, whoever runs it


def test_queues_that_no_job_is_in_are_refused_and_those_there_are_named(folder: Path) -> None:
    with pytest.raises(SettingError) as caught:
        chosen_of(folder, "typo", "another")
    assert str(caught.value) == "--queues: none of the jobs is in another, typo; their queues are fast, slow"


def test_a_module_without_handlers_is_refused(folder: Path) -> None:
    (folder / "mine.py").write_text("")
    with pytest.raises(SettingError, match="there are no handlers in mine"):
        chosen(Settings(jobs=("mine",)))
