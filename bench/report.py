"""The tables of ``docs/performance.md`` and of the guides, written anew from the figures: each stands between two
markers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import timeline_tables

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("performance", "next-to-django", "from-gunicorn", "from-polling")


def write(results: Mapping[str, Any]) -> None:
    """Replace what stands between the markers of each table."""
    for page in PAGES:
        write_page(page, results, TABLES)


def write_page(page: str, results: Mapping[str, Any], tables: Mapping[str, Callable[[Any], str]]) -> None:
    """The same on one page."""
    path = DOCS / f"{page}.md"
    text = path.read_text()
    here = {name: table for name, table in tables.items() if f"<!-- {name} -->" in text}
    for name, made in written(results, here).items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = marked.sub(lambda found, made=made: found[1] + made + found[2], text)
    path.write_text(text)


def written(results: Mapping[str, Any], tables: Mapping[str, Callable[[Any], str]]) -> dict[str, str]:
    """Those tables that can be written: what was never measured stays on its page as it is."""
    made = {}
    for name, table in tables.items():
        try:
            made[name] = table(results)
        except KeyError as missing:
            sys.stderr.write(f"the table {name} stays as it is: {missing} was not measured\n")
    return made


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lines of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _spread(found: Mapping[str, float]) -> str:
    return f"{found['least']:,.0f}…{found['most']:,.0f}"


def _rates(found: Mapping[str, Any], p99: Mapping[str, Any] | None) -> str:
    ours = found["relay"]["median"]
    rows = []
    for name, rates in found.items():
        ratio = "" if name == "relay" or not rates["median"] else f"{ours / rates['median']:.1f} times"
        cells = [name, f"{rates['median']:,.0f}", _spread(rates), ratio]
        rows.append([*cells, f"{p99[name]['median']:.1f}"] if p99 else cells)
    head = ["", "a second, median", "spread", "relay does"]
    return table([*head, "p99, ms"] if p99 else head, rows)


def jobs(results: Mapping[str, Any]) -> str:
    return _rates(results["jobs"]["held"], results["jobs"]["p99"])


def queued(results: Mapping[str, Any]) -> str:
    return _rates(results["jobs"]["queued"], None)


def cpu(results: Mapping[str, Any]) -> str:
    rows = []
    for connections, used in results["cpu"].items():
        shares = [f"{used[title]:.0f}" for title in ("front", "redis", "worker")]
        rows.append([connections, f"{used['rate']:,.0f}", *shares])
    return table(["connections", "jobs a second", "front, µs a job", "Redis", "worker"], rows)


def reactors(results: Mapping[str, Any]) -> str:
    jobs = {
        "echo": "a value",
        "deferred": "a Deferred",
        "coroutine": "`async def`, at once",
        "awaits": "`async def`, after a Deferred",
        "awaits_asyncio": "`async def`, after asyncio",
    }
    rows = [
        [name, *(f"{used[job]:.0f}" if job in used else "" for job in jobs)]
        for name, used in results["cpu_reactors"].items()
    ]
    return table(["worker, µs a job", *jobs.values()], rows)


def callers(results: Mapping[str, Any]) -> str:
    rows = [[name, f"{used:.0f}"] for name, used in results["callers"]["cpu"].items()]
    return table(["", "µs of CPU for a held job"], rows)


def neighbours(results: Mapping[str, Any]) -> str:
    found = results["callers"]["neighbours"]
    names = {
        "alone": "alone",
        "elsewhere": "while another relay is asked",
        "beside": "while its relay is asked",
    }
    rows = [[shown, f"{found[f'{k}_median']:.1f}", f"{found[f'{k}_p99']:.1f}"] for k, shown in names.items()]
    return table(["", "median, ms", "p99, ms"], rows)


def guesses(results: Mapping[str, Any]) -> str:
    found = results["callers"]["guesses"]
    rows = [[name, f"{took['theirs']:.3f}", f"{took['none']:.3f}"] for name, took in found.items()]
    return table(["404, median, ms", "another's job of 1 MB", "a job that does not exist"], rows)


def memory(results: Mapping[str, Any]) -> str:
    rows = [[name, f"{f['held']:.1f}", f"{f['after']:.1f}"] for name, f in results["memory"].items()]
    return table(["", "KiB for each held connection", "KiB still there 5 s after"], rows)


def burst(results: Mapping[str, Any]) -> str:
    found = results["burst"]
    head = ["clients that came at once", "within", "KiB of the front for each, all in their grace"]
    return table(head, [[f"{found['count']:,}", f"{found['seconds']:.1f} s", f"{found['held']:.2f}"]])


def many(results: Mapping[str, Any]) -> str:
    found = results["many"]
    rows = [
        ["held at once, by six fronts", f"{found['held']:,.0f}"],
        ["answered, once a worker took their jobs", f"{found['answered']:,.0f} in {found['seconds']:.1f} s"],
        ["cut", f"{found['cut']:.0f}"],
        ["heartbeats a second", f"{found['beats_a_second']:,.0f}"],
        ["CPU of the fronts for a heartbeat, the kernel's share included", f"{found['us_a_beat']:.1f} µs"],
    ]
    return table(["", ""], rows)


def latency(results: Mapping[str, Any]) -> str:
    found = results["latency"]
    rows = [["alone", f"{found['alone']['median']:.2f}", f"{found['alone']['p99']:.2f}"]]
    others = found["beside"]
    rows.append([f"beside {others['others']:,} held", f"{others['median']:.2f}", f"{others['p99']:.2f}"])
    return table(["a lone held no-op job over HTTP, ms", "median", "p99"], rows)


def growth(results: Mapping[str, Any]) -> str:
    rows = []
    for found in results["growth"].values():
        first = next(iter(found.values()))
        rows += [[name, f"{used:.0f}", f"{used / first - 1:+.0%}"] for name, used in found.items()]
    return table(["beside", "µs of CPU for one job, all processes", ""], rows)


def lone_way(results: Mapping[str, Any]) -> str:
    head = [
        "relay",
        "a job, µs",
        "its steps: µs waiting for a processor + µs at work",
        "jobs",
    ]
    return table(head, timeline_tables.way(results))


def at_once(results: Mapping[str, Any]) -> str:
    alone = (f"{shown} alone" for shown in timeline_tables.SHOWN.values())
    head = ["connections", "relay", "nobody runs", *alone, "two at once"]
    return table(head, timeline_tables.at_once(results))


def at_work(results: Mapping[str, Any]) -> str:
    head = ["connections", "relay", *timeline_tables.SHOWN.values()]
    return table(head, timeline_tables.processes(results))


def fronts(results: Mapping[str, Any]) -> str:
    rows = []
    for name, used in results["two_fronts"].items():
        rest = used["redis"] + used["worker"]
        rows.append([name, f"{used['rate']:,.0f}", f"{used['front']:.0f}", f"{rest:.0f}"])
    return table(["fronts", "jobs a second", "fronts, µs a job", "Redis and worker"], rows)


def django(results: Mapping[str, Any]) -> str:
    found = results["django"]
    cases = ("before", "after", "many")
    head = [
        "",
        *(f"{found[c]['clients']:,} clients, {'before' if c == 'before' else 'after'}" for c in cases),
    ]
    rows = [
        ["all have their result after", *(f"{found[c]['seconds']:.1f} s" for c in cases)],
        ["one client, median", *(f"{found[c]['median']:.1f} s" for c in cases)],
        [
            "another page meanwhile, the slowest of five",
            *(f"{found[c]['page_ms'] / 1000:.3f} s" for c in cases),
        ],
    ]
    return table(head, rows)


def gunicorn(results: Mapping[str, Any]) -> str:
    found = results["gunicorn"]
    rows = []
    for name, case in (("gunicorn + gevent, its defaults", found["gunicorn"]), ("relay", found["relay"])):
        page = "none within 10 s" if case["page_ms"] is None else f"{case['page_ms']:.0f} ms"
        rows.append([name, page, *(f"{case[kind]:,}" for kind in ("cut", "whole", "waiting"))])
    head = ["", "an answer for the next one", "after a restart: cut off", "told how to go on", "waiting on"]
    return table(head, rows)


def poll(results: Mapping[str, Any]) -> str:
    rows = []
    for name, case in results["polling"].items():
        late = f"{case['late_ms']:,.0f} ms, {case['late_p99_ms']:,.0f} ms"
        rows.append([name, f"{case['requests']:.1f}", late, f"{case['us'] / 1000:.2f} ms"])
    return table(
        ["", "requests for a job", "told late by (median, p99)", "CPU of all of relay for a job"], rows
    )


def scripts(results: Mapping[str, Any]) -> str:
    rows = []
    for situation, verbs in results["scripts"].items():
        longest = max(verbs, key=verbs.__getitem__)
        others = ", ".join(f"{verb} {ms:.1f}" for verb, ms in sorted(verbs.items()) if verb != longest)
        rows.append([situation, f"{longest} {verbs[longest]:.1f} ms", others])
    return table(["while there are", "the longest", "others, ms"], rows)


TABLES = {
    "scripts": scripts,
    "django": django,
    "gunicorn": gunicorn,
    "polling": poll,
    "jobs": jobs,
    "queued": queued,
    "cpu": cpu,
    "reactors": reactors,
    "memory": memory,
    "burst": burst,
    "many": many,
    "latency": latency,
    "growth": growth,
    "lone_way": lone_way,
    "at_once": at_once,
    "at_work": at_work,
    "fronts": fronts,
    "callers": callers,
    "neighbours": neighbours,
    "guesses": guesses,
}
