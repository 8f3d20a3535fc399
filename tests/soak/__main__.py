"""``python -m tests.soak --hours 2``: mixed load with faults, a picture of what was measured, whether anything grew."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import systems
from tests.processes import ROOT, RedisProcess, RelayProcess, eventually, free_port
from tests.soak.faults import Faults
from tests.soak.load import Load, serve_api
from tests.soak.samples import Sample, Sampler
from tests.soak.verdict import growth, table

KEEP = 120  # seconds: outcomes expire within a sample's quarter
_EVERY = 10.0  # seconds between samples
_FAULTS = (15.0, 45.0)  # seconds between faults


def relay_of(directory: Path, redis: RedisProcess, api: int) -> RelayProcess:
    """Two fronts and two workers, with all that grows when it leaks set short."""
    settings = {
        "--redis": redis.url,
        "--fronts": 2,
        "--workers": 2,
        "--jobs": "tests.soak.jobs",
        "--grace": 0.5,
        "--heartbeat": 2,
        "--keep": KEEP,
        "--dead-keep": KEEP,
        "--drain": 5,
        "--concurrency": 1000,
    }
    words = [str(word) for option in settings.items() for word in option]
    return RelayProcess(
        directory, "all", *words, "--allow-private", environment={"SOAK_API": f"http://127.0.0.1:{api}"}
    )


async def soak(
    asked: argparse.Namespace, relay: RelayProcess, redis: RedisProcess
) -> tuple[Load, Faults, list[Sample]]:
    """Load and faults until the time is over, and a look each ten seconds."""
    load = Load(relay.port, asked.rate, asked.held, asked.seed)
    sampler, samples, began = Sampler(relay, redis), [], time.monotonic()
    sampler.begin()
    faults = Faults(relay, redis, sampler.oldest.values(), asked.seed)
    running = [asyncio.create_task(load.run()), asyncio.create_task(_strike(faults, asked.seed))]
    while (now := time.monotonic() - began) < asked.hours * 3600:
        samples.append(await asyncio.to_thread(sampler.look, now, load.quick()))
        await asyncio.sleep(_EVERY)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await load.finish()
    return load, faults, samples


async def _strike(faults: Faults, seed: int) -> None:
    draw = random.Random(seed)
    while True:
        await asyncio.sleep(draw.uniform(*_FAULTS))
        await asyncio.to_thread(faults.one)


async def _all(asked: argparse.Namespace, directory: Path) -> int:
    api, redis = free_port(), RedisProcess(directory)
    relay = relay_of(directory, redis, api)
    server = await serve_api(api)
    redis.start()
    try:
        relay.start()
        eventually(lambda: relay.call("POST", "/jobs/work", {"seconds": 0}).status == 200, "it works")
        load, faults, samples = await soak(asked, relay, redis)
    finally:
        relay.stop()
        redis.stop()
        server.close()
    draw(samples, directory, Path(asked.picture))
    print(table(samples))
    print(f"clients: {dict(load.ends)}\nfaults: {dict(faults.done)}\nseed {asked.seed}")
    wrong = [*load.wrong, *growth(samples)]
    print("\n".join(wrong) or "nothing grew")
    return 1 if wrong else 0


def draw(samples: list[Sample], directory: Path, picture: Path) -> None:
    """In the environment of the benchmarks, which has matplotlib."""
    written = directory / "samples.jsonl"
    written.write_text("".join(json.dumps(dataclasses.asdict(each)) + "\n" for each in samples))
    python = systems.program("report", "python")
    subprocess.run([python, "-m", "tests.soak.picture", written, picture.resolve()], check=True, cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=40.0, help="jobs a second")
    parser.add_argument("--held", type=int, default=300, help="clients that are held for long, at any time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--picture", default="docs/soak.svg", help="where it is drawn")
    asked = parser.parse_args()
    systems.set_up("report")
    with tempfile.TemporaryDirectory(prefix="relay-soak-") as directory:
        sys.exit(asyncio.run(_all(asked, Path(directory))))


if __name__ == "__main__":
    main()
