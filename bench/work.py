"""A front or a worker that counts its work: ``python -m bench.work front|worker NAME=VALUE …`` (settings).

On SIGUSR1 it writes one line, ``work: {"calls": …, "bytes": …}``: how many Python functions were called so far, and how
many bytes its objects take. Counts do not depend on how busy the machine is, so CI can hold them to a limit.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import tracemalloc
from typing import Any

from twisted.logger import globalLogBeginner, textFileLogObserver

from relay.model.settings import Settings
from relay.process import waiting

_calls = 0


def _count(frame: Any, event: str, argument: Any) -> None:
    global _calls
    if event == "call":
        _calls += 1


def _tell(*_: Any) -> None:
    calls = _calls
    gc.collect()
    counted = {"calls": calls, "bytes": tracemalloc.get_traced_memory()[0]}
    sys.stdout.write(f"work: {json.dumps(counted)}\n")
    sys.stdout.flush()


def main(role: str, given: list[str]) -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    options: dict[str, Any] = dict(pair.split("=", 1) for pair in given)
    for name in ("listen", "jobs", "queues"):
        if name in options:
            options[name] = [options[name]]
    settings = Settings.read(options, {})
    waiting.install(role, settings)
    from twisted.internet import reactor

    from relay.process import service
    from relay.process.telemetry import telemetry_of

    telemetry = telemetry_of(reactor, role, settings)
    make = service.front if role == "front" else service.worker
    made: Any = make(reactor, settings, telemetry)
    reactor.callWhenRunning(made.startService)
    reactor.addSystemEventTrigger("before", "shutdown", made.stopService)
    signal.signal(signal.SIGUSR1, _tell)
    tracemalloc.start()
    sys.setprofile(_count)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
