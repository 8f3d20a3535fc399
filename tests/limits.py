"""Whether four workers keep a limit, and use it: ``python -m tests.limits --seconds 30``.

An API on a real socket notes when each call arrives. One job has ``limit="50/s"`` declared; the other has a limit
without a rate, which the API announces with its first answer. Both call through a whole relay with four workers.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.processes import RelayProcess, eventually

CALLS, WINDOW = 50, 1.0
JOBS = """
from relay import Context, Limit, job

@job(limit="50/s")
async def declared(context: Context, url: str) -> int:
    return (await context.http.get(url + "/declared")).code

@job(limit=Limit(name="learned"), timeout=600)
async def learned(context: Context, url: str) -> int:
    return (await context.http.get(url + "/learned", own=True)).code
"""


class Api(BaseHTTPRequestHandler):
    arrivals: dict[str, list[float]] = {"/declared": [], "/learned": []}
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.arrivals[self.path].append(time.monotonic())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        if self.path == "/learned":
            self.send_header("RateLimit-Policy", f'"default";q={CALLS};w={WINDOW:.0f}')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def most_in_a_window(arrivals: list[float]) -> int:
    """The most calls in any window, wherever it begins."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def measure(relay: RelayProcess, name: str, url: str, seconds: float) -> tuple[int, float]:
    """The most calls in any window, and the share of the limit that was used."""
    arrivals = Api.arrivals["/" + name]
    queued = int(CALLS * (seconds + 5))

    def submit(count: int) -> None:
        for _ in range(count):
            assert (
                relay.call("POST", f"/jobs/{name}", {"url": url}, {"Prefer": "respond-async"}).status == 202
            )

    submit(1)
    eventually(lambda: arrivals, "the first call, from which the limit is learned")
    time.sleep(WINDOW * 2)  # the API's own window
    submit(queued)
    begun = time.monotonic()
    time.sleep(seconds)
    counted = sorted(at for at in arrivals if begun <= at < begun + seconds)
    return most_in_a_window(counted), len(counted) / (CALLS * seconds / WINDOW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="relay-limits-") as directory:
        (Path(directory) / "limited_jobs.py").write_text(JOBS)
        relay = RelayProcess(
            Path(directory), *("all", "--workers", "4", "--jobs", "limited_jobs", "--allow-private")
        )
        relay.start()
        for name in ("declared", "learned"):
            server = ThreadingHTTPServer(
                ("127.0.0.1", 0), Api
            )  # one each: what is learned counts for a whole host
            Thread(target=server.serve_forever, daemon=True).start()
            most, used = measure(relay, name, f"http://127.0.0.1:{server.server_port}", seconds)
            server.shutdown()
            print(
                f"{name}: at most {most} in any {WINDOW:g} s, {used:.1%} of {CALLS}/s used in {seconds:g} s"
            )
        relay.kill()


if __name__ == "__main__":
    main()
