"""Calls by requests, httpx or curl: ``client.py CLIENT BASE CA``, with one call a line on standard input.

A call is a method, a path (``-``: the last Location), what is preferred and a body, with tabs between. A line of JSON
tells what came of it: the protocol, the status, the headers and the body.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

Call = Callable[[str, str, dict[str, str], str], dict[str, Any]]
PATIENCE = 20.0  # seconds without a byte


def requests(certificate: str) -> Call:
    import requests

    session = requests.Session()
    session.trust_env, session.verify = False, certificate

    def call(method: str, url: str, headers: dict[str, str], body: str) -> dict[str, Any]:
        answer = session.request(method, url, headers=headers, data=body or None, timeout=PATIENCE)
        protocol = f"HTTP/{answer.raw.version / 10}"
        return told(protocol, answer.status_code, dict(answer.headers), answer.text)

    return call


def httpx(certificate: str) -> Call:
    import ssl

    import httpx

    context = ssl.create_default_context(cafile=certificate)
    session = httpx.Client(verify=context, timeout=PATIENCE, trust_env=False)

    def call(method: str, url: str, headers: dict[str, str], body: str) -> dict[str, Any]:
        answer = session.request(method, url, headers=headers, content=body or None)
        return told(answer.http_version, answer.status_code, dict(answer.headers), answer.text)

    return call


def curl(certificate: str) -> Call:
    def call(method: str, url: str, headers: dict[str, str], body: str) -> dict[str, Any]:
        lines = [part for header in headers.items() for part in ("-H", ": ".join(header))]
        command = ["curl", "-sSi", "--cacert", certificate, "--max-time", str(PATIENCE), "-X", method, *lines]
        command += ["--data-binary", "@-", url] if body else [url]
        done = subprocess.run(command, input=body, capture_output=True, text=True, check=False)
        rest = "HTTP/1.1 100 "
        while rest.startswith(("HTTP/1.1 100 ", "HTTP/2 100 ")):
            head, _, rest = (done.stdout if rest == "HTTP/1.1 100 " else rest).partition("\n\n")
        first, *fields = head.splitlines()
        protocol, status = first.split()[:2]
        return told(protocol, int(status), dict(field.split(": ", 1) for field in fields), rest)

    return call


def told(protocol: str, status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {"protocol": protocol, "status": status, "headers": lower, "body": body}


def main(client: str, base: str, certificate: str) -> None:
    call = {"requests": requests, "httpx": httpx, "curl": curl}[client](certificate)
    location = ""
    for line in sys.stdin:
        method, path, prefer, body = line.removesuffix("\n").split("\t")
        headers = {"Content-Type": "application/json"} if body else {}
        if prefer:
            headers["Prefer"] = prefer
        answer = call(method, base + (location if path == "-" else path), headers, body)
        location = answer["headers"].get("location", location)
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
