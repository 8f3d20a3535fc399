"""``make faults-distributed``: faults on real topologies, with their figures."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.distributed.rig import KINDS, Plan
from tests.faults.distributed.run import run


def _plan() -> tuple[Plan, str]:
    default = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.faults.distributed", description=__doc__)
    parser.add_argument("--topology", choices=KINDS, default=default.topology)
    parser.add_argument("--server", choices=("redis", "valkey"), default=default.server)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--jobs", type=int, default=default.jobs, help="at least so many")
    parser.add_argument("--faults", type=int, default=default.faults)
    parser.add_argument("--at-once", type=int, default=default.at_once, help="clients")
    parser.add_argument("--partitions", type=int, default=default.partitions)
    parser.add_argument("--durable", action="store_true", help="jobs that nobody waits for are durable")
    parser.add_argument("--only", default="", help="faults, each once: kill,failover")
    parser.add_argument("--keep", default="", help="a folder for the history and the logs")
    given = vars(parser.parse_args())
    keep = given.pop("keep")
    given["only"] = tuple(filter(None, given["only"].split(",")))
    return Plan(**given), keep


def main() -> None:
    plan, keep = _plan()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # all that was started is ended
    print(f"{plan.topology}, {plan.server}, seed {plan.seed}: {plan.faults} faults", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relay-faults-") as temporary:
        findings = run(plan, Path(keep or temporary))
    print(findings.table())
    print(f"{time.monotonic() - began:.0f} s, seed {plan.seed}")
    wrong = findings.wrong()
    print("\n".join(wrong[:50]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
