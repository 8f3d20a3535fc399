"""``python -m bench [--rounds N] [--only NAME …]``: measure, keep the figures in ``bench/results.json``, and write the
tables of ``docs/performance.md`` and of the guides, and the plot."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import callers, measures, moves, report, scripts, systems, timeline

RESULTS = systems.HERE / "results.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="cpu is cpu_reactors, too")
    parser.add_argument("--before", type=Path, help="a checkout of an older relay, for its timeline")
    given = parser.parse_args()
    for needed in ("wrk", "/usr/sbin/nginx"):
        if shutil.which(needed) is None:
            sys.exit(f"{needed} is not here: apt-get install wrk nginx libnginx-mod-nchan")
    systems.set_up()
    plan: dict[str, Callable[[], Any]] = {
        "machine": measures.machine,
        "jobs": lambda: measures.jobs_a_second(given.rounds),
        "cpu": lambda: {str(n): measures.cpu_a_job(connections=n) for n in (64, 256)},
        "cpu_reactors": measures.reactors,
        "two_fronts": measures.two_fronts,
        "timeline": timeline.measure,
        "memory": lambda: measures.memory(10_000),
        "burst": lambda: measures.burst(8_000),
        "many": lambda: measures.many(100_000),
        "latency": lambda: measures.latency(10_000),
        "growth": lambda: measures.growth(50_000, 1_000_000),
        "scripts": scripts.measure,
        "callers": callers.measure,
        "django": moves.django,
        "gunicorn": moves.gevent,
        "polling": moves.poll,
    }
    if given.before:
        plan["timeline_before"] = lambda: timeline.measure(given.before.resolve())
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, measure in plan.items():
        if not given.only or {name, name.partition("_")[0]} & {*given.only}:
            found = measure()
            if found is None:
                continue
            results[name] = found
            sys.stdout.write(f"{name} {json.dumps(found)}\n")
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report.write(results)
    subprocess.run(
        [systems.program("report", "python"), "-m", "bench.plot"], cwd=systems.HERE.parent, check=True
    )


if __name__ == "__main__":
    main()
