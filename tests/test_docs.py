"""What the docs say, tried: their code runs, their calls give what they show, their links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import relay
import relay.client
import relay.testing
from relay.commands.main import COMMANDS, parser_for, whole
from relay.front.browsers import SENT, SHOWN
from tests.processes import ROOT, RelayProcess

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)?(?:#([^)]+))?\)")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, (kind, text) in enumerate(FENCE.findall(page.read_text())):
            if kind == language:
                yield f"{page.name}-{number}", text


#: the files of the tutorial need each other: ``tests/stack/test_tutorial.py`` follows it
PYTHON = {name: text for name, text in blocks("python") if not name.startswith("tutorial")}
CONSOLE = dict(blocks("console"))


#: runs each script in a process of its own, which has what all of them import
RUNNER = """
import json, os, sys, traceback
import relay.celery, relay.handover, relay.outbound
from relay.handlers.registry import Registry

said = {}
for name, script in json.load(sys.stdin).items():
    reading, writing = os.pipe()
    if not os.fork():
        try:
            names = {}
            exec(compile(script, name, "exec"), names)
            Registry(value for value in names.values() if hasattr(value, "__relay_job__"))
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as told:
        said[name] = told.read()
    os.wait()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def ran() -> dict[str, str]:
    """What went wrong with each block of Python, "" for nothing."""
    command = [sys.executable, "-c", RUNNER]
    done = subprocess.run(
        command, cwd=ROOT, input=json.dumps(PYTHON), capture_output=True, text=True, check=True
    )
    said: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.processes
@pytest.mark.parametrize("name", PYTHON)
def test_code_runs(name: str, ran: dict[str, str]) -> None:
    assert ran[name] == ""


@pytest.mark.parametrize("name", CONSOLE)
def test_calls_give_what_is_shown(name: str, relay: RelayProcess) -> None:
    command, _, shown = CONSOLE[name].removeprefix("$ ").partition("\n")
    command = command.replace("127.0.0.1:8080", f"127.0.0.1:{relay.port}")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    pattern = re.escape(shown.strip()).replace("…", ".*?")
    assert re.fullmatch(pattern, done.stdout.replace("\r", "").strip(), re.DOTALL), done.stdout


def test_the_readmes_curl_shows_heartbeats(relay: RelayProcess) -> None:
    command = next(text for _, text in blocks("") if text.startswith("curl"))
    assert '"seconds": 20' in command
    quicker = command.replace("8080", str(relay.port)).replace('"seconds": 20', '"seconds": 5')
    done = subprocess.run(["bash", "-c", quicker], capture_output=True, text=True, timeout=30, check=True)
    head, _, body = done.stdout.replace("\r", "").partition("\n\n")
    assert "Relay-Outcome: in-body" in head
    assert body.startswith("\n\n")
    assert body.strip().startswith('{"id":')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_docs_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings], anchor


def commands(text: str) -> Iterator[list[str]]:
    """The calls of `relay` in a page, as words. What a page leaves open (`…`) is a word, too."""
    shown = [code for code in re.findall(r"`([^`]*)`", FENCE.sub("", text)) if code.startswith("relay ")]
    for _, block in FENCE.findall(text):
        lines = block.replace("\\\n", " ").split("\n")
        shown += [found[1] for line in lines if (found := re.match(r"(?:\$ )?(?:\S*/)?(relay .*)", line))]
    for call in shown:
        words = re.split(r"\s#|\s{3}|\\?[|>]", call)[0].replace("…", " x")
        yield [word.lower() if word.isupper() else word for word in shlex.split(words)[1:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_such_as_there_are(page: Path) -> None:
    wrong = []
    for words in commands(page.read_text()):
        if len(words) < 2 or words[0] not in COMMANDS:
            continue  # `relay all` is a process, `relay tokens` a mention
        for more in ([], ["x"], ["5"]):  # a page may name an option alone
            line = whole([*words, *more])
            try:
                parser_for(line).parse_args(line)
                break
            except SystemExit:
                continue
        else:
            wrong.append(" ".join(words))
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_submissions_by_curl_say_that_they_are_json(page: Path) -> None:
    """curl calls the body a form's, unless it is told otherwise, and relay refuses that (415)."""
    lines = [
        line
        for _, block in FENCE.findall(page.read_text())
        for line in block.replace("\\\n", " ").split("\n")
    ]
    sent = [line for line in lines if re.search(r"\bcurl .*(-d|--data\S*) .*/jobs/", line)]
    sent += [line for line in lines if re.search(r"\bcurl .*/jobs/.* (-d|--data\S*) ", line)]
    assert [line for line in sent if "content-type: application/json" not in line.lower()] == []


def test_the_headers_of_web_pages_are_in_the_docs() -> None:
    page = (ROOT / "docs/http.md").read_text().partition("## Web pages")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([\w-]+)`", page))
    assert {*SENT.split(", "), *SHOWN.split(", ")} - named == set()


def test_every_problem_type_and_setting_is_in_the_docs() -> None:
    from relay.model.problems.registry import catalogue
    from relay.model.settings import fields

    reference = (ROOT / "docs" / "http.md").read_text()
    inside = {
        "internal-error",
        "job-failed",
        "result-too-large",
        "result-not-json",
        "result-not-declared",
        "not-served",
        "interrupted",
        "worker-died",
    }
    for slug in catalogue().keys() - inside:
        assert f"`{slug}`" in reference, slug
    table = (ROOT / "docs" / "settings.inc").read_text()
    assert all(f"`--{name.replace('_', '-')}`" in table for name, *_ in fields())


def test_the_table_of_settings_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from settings_table import FILE, table

    assert FILE.read_text() == table(), "make settings"


def test_the_table_of_metrics_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from metrics_table import FILE, table

    assert FILE.read_text() == table(), "make settings"


@pytest.mark.parametrize(
    "package", [relay, relay.client, relay.testing], ids=lambda package: package.__name__
)
def test_the_reference_has_all_that_applications_import(package: ModuleType) -> None:
    reference = (ROOT / "docs/reference.md").read_text()
    named = set(re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)", reference, re.MULTILINE))
    assert {name for name in package.__all__ if not name.startswith("__")} <= named
