"""Hand a waiting client over from another server, such as Django or Flask behind nginx: for synchronous code.

::

    relay = Handover("http://127.0.0.1:8080", secret)

    def resize(request):  # a view of Django's, which has found out who asks
        accept = relay.submit("resize", {"width": 100}, key=..., prefer=request.headers.get("Prefer", ""))
        return HttpResponse(headers=accept)

The job is queued, and nginx reads ``X-Accel-Redirect`` and takes the client to relay, where it waits. The server's own
worker is free at once. Each request carries a proof that its sender knows the secret (`relay.model.proofs`), so a
closed relay accepts it from another machine, too.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import urllib3
from urllib3.util import Retry, Timeout

from relay.model.addresses import is_token, segment, submission_address
from relay.model.caller import owner_of_subject
from relay.model.proofs import HEADER, Signed, prove
from relay.model.tickets import SHORTEST_SECRET, Ticket, sign
from relay.net.unix_client import UnixPool

_CONNECT = 2.0  # seconds
_LONGEST_PREFER = 10_000  # characters
_PREFERENCE = re.compile(r"(?<![^\s,])(?:(respond-async)|(wait|heartbeat|grace)=\d{1,9})(?![^\s,;])")
_UNKNOWN = {"type": "about:blank", "title": "relay can't be reached", "status": 503}
#: nobody knows whether relay took the job: its key makes it safe to ask again
_RETRY = Retry(
    1,
    status_forcelist=(502, 504),
    respect_retry_after_header=False,  # a view has no time to sleep
    allowed_methods=None,
    redirect=0,
    backoff_factor=0.1,
    raise_on_status=False,
)


class HandoverError(Exception):
    """The job was not queued, as far as is known: a relay that did not answer may have it, so use a key. Or the job
    can't be looked at or cancelled. `problem` is relay's problem (RFC 9457), `status` the status to answer with, and
    `retry_after` the seconds to wait, 0 if a retry does not help."""

    def __init__(self, problem: Mapping[str, Any], retry_after: int = 0) -> None:
        super().__init__(problem.get("detail") or problem["title"])
        self.problem = dict(problem)
        self.status = int(problem["status"])
        self.retry_after = retry_after


class Handover:
    """Submits jobs to the relay at `url` (``http://host:port``, ``https://…``, or ``unix:/path`` of a unix socket), and
    signs tickets for the clients that wait for them.

    `secret` is one of relay's ``--ticket-secrets``. `token` is a trusted token of ``--tokens``; its limits apply.
    `subject` is the user for whom all this is done, unless a call names another: the user owns the jobs, and can look
    at them with its own credentials. `tickets` is the path under which nginx passes requests on to relay's
    ``/tickets/``. A ticket is valid for `good_for` seconds: nginx uses it at once, and again if the front that holds
    the client dies, so it should be more than relay's ``--max-wait``. Each call asks relay at most twice, with
    `timeout` seconds for each answer. One `Handover` serves all threads of a process, and processes forked from it.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        tickets: str = "/tickets/",
        good_for: float = 630,
        timeout: float = 4,
        token: str = "",
        subject: str = "",
    ) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret has fewer than {SHORTEST_SECRET} characters")
        self._socket = url.removeprefix("unix:") if url.startswith("unix:") else ""
        self._url = "" if self._socket else url.rstrip("/")
        self._secret = secret
        self._token = token.strip()
        if not is_token(self._token):
            raise ValueError("the token has characters that a token can't have")
        self._subject = subject
        self._tickets = tickets
        self._good_for = good_for
        self._timeout = Timeout(connect=_CONNECT, read=timeout)
        self._pools: dict[int, urllib3.PoolManager | UnixPool] = {}

    def submit(
        self,
        job: str,
        arguments: Mapping[str, Any] | None = None,
        key: str = "",
        prefer: str = "",
        headers: Mapping[str, str] | None = None,
        subject: str = "",
    ) -> dict[str, str]:
        """Submit a job for the client of the present request, and return the headers that hand the client over.

        `key` makes sending again safe for the client, too. Each `subject` has keys of its own; without one a key should
        name both the client and what it wants, because relay then does not distinguish your clients. It has 255
        characters at most, and the job is found under ``/jobs/{job}/{key}``. `prefer` counts before the client's own
        Prefer header; `headers` are for relay, such as ``Relay-Deadline``. Raises `HandoverError`, and `ValueError` for
        a subject that can't be one.
        """
        id, replayed = self._send(job, arguments, key, {**(headers or {}), "Prefer": "wait=0"}, subject)
        return self.headers(id, prefer, replayed, subject)

    def enqueue(
        self,
        job: str,
        arguments: Mapping[str, Any] | None = None,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        subject: str = "",
    ) -> str:
        """Submit a job that nobody waits for, and return its id. Raises `HandoverError`."""
        return self._send(job, arguments, key, {**(headers or {}), "Prefer": "respond-async"}, subject)[0]

    def look(self, id: str, subject: str = "") -> dict[str, Any]:
        """The envelope of a job, at once. Raises `HandoverError`, with 404 for a job that is not, or no longer,
        known."""
        return self._ask("GET", f"/jobs/{segment(id)}", subject=subject)[1]

    def cancel(self, id: str, subject: str = "") -> dict[str, Any]:
        """Cancel a job and return its envelope, complete unless its worker is still stopping it. Raises
        `HandoverError`, with 409 for a job that has ended otherwise."""
        return self._ask("DELETE", f"/jobs/{segment(id)}", subject=subject)[1]

    def _send(
        self,
        job: str,
        arguments: Mapping[str, Any] | None,
        key: str,
        headers: Mapping[str, str],
        subject: str,
    ) -> tuple[str, bool]:
        method, path, given = submission_address(job, key or uuid.uuid4().hex)
        body = json.dumps(dict(arguments or {})).encode()
        headers = {**headers, **given, "Content-Type": "application/json"}
        answer, said = self._ask(method, path, body, headers, subject)
        return str(said["id"]), "Idempotency-Replayed" in answer.headers

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        subject: str = "",
    ) -> tuple[urllib3.BaseHTTPResponse, dict[str, Any]]:
        """relay's answer about a job, and the envelope in it."""
        given = self._with_credentials(method, path, body, dict(headers or {}), subject or self._subject)
        try:
            answer = self._pool().request(method, self._url + path, body=body, headers=given)
            said = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise HandoverError(_UNKNOWN, 1) from error
        if answer.headers.get("Relay-Source") == "job":
            return answer, said
        if answer.headers.get("Relay-Source") == "relay":
            raise HandoverError(said, int(answer.headers.get("Retry-After", 0)))
        raise HandoverError(_UNKNOWN, 1)

    def _with_credentials(
        self, method: str, path: str, body: bytes, headers: dict[str, str], subject: str
    ) -> dict[str, str]:
        """The headers of a request with our token, or with a proof that we know a secret."""
        if subject:
            owner_of_subject(subject)  # raises `ValueError` for what is none
            headers["Relay-Subject"] = as_header(subject)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
            return headers
        path, key = unquote(path, errors="surrogatepass"), headers.get("Idempotency-Key", "")
        signed = Signed(method, path, key, body, headers.get("Relay-Subject", ""))
        return {**headers, HEADER: prove(self._secret, signed, time.time())}

    def headers(self, id: str, prefer: str = "", replayed: bool = False, subject: str = "") -> dict[str, str]:
        """The headers to answer a client that is to wait for this job; the body stays empty. nginx keeps the type's
        charset and the Cache-Control of this answer, so both are relay's."""
        subject = subject or self._subject
        owner = owner_of_subject(subject) if subject else ""
        until = time.time() + self._good_for
        ticket = sign(self._secret, Ticket(id, until, _known(prefer), replayed, owner))
        return {
            "X-Accel-Redirect": self._tickets + ticket,
            "Content-Type": "application/json",
            "Cache-Control": "no-store, no-transform",
        }

    def _pool(self) -> urllib3.PoolManager | UnixPool:
        """This process' connections."""
        pid = os.getpid()
        if pid not in self._pools:
            options: dict[str, Any] = {"maxsize": 10, "retries": _RETRY, "timeout": self._timeout}
            pool = UnixPool(self._socket, **options) if self._socket else urllib3.PoolManager(**options)
            self._pools = {pid: pool}
        return self._pools[pid]


def _known(prefer: str) -> str:
    """Of a Prefer header what relay reads, for a ticket stands in an address: each preference once, the first that
    counts."""
    known: dict[str, str] = {}
    for found in _PREFERENCE.finditer(prefer[:_LONGEST_PREFER].lower()):
        known.setdefault(found[1] or found[2], found[0])
    return ", ".join(known.values())


def as_header(text: str) -> str:
    """A text as a header's value, which is UTF-8 on the wire: urllib3 sends each character as a byte (Latin-1)."""
    return text.encode().decode("latin-1")
