"""The requests of a client: for a job, for its state, for its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from relay.client.reading import EVENTS, HeardEvent
from relay.model.addresses import is_notify, is_token, segment, submission_address
from relay.model.caller import owner_of_subject

WHOLE = "application/json"
LONGEST_WAIT = 86_400  # seconds; relay's --max-wait is the limit


class CallRequest(NamedTuple):
    """A request: `path` is all of its target, from the slash on."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class CallTerms:
    """How a job is submitted. `key`: by which relay knows the submission again; one is made where it is "" · `delay`,
    `deadline`: seconds from now, 0 for none · `heard`: is called with each event; None: nothing is told before the
    end · `notify`: whom, if nobody collects the outcome; "" for nobody."""

    key: str = ""
    delay: float = 0.0
    deadline: float = 0.0
    heard: Callable[[HeardEvent], object] | None = None
    notify: str = ""

    def lines(self) -> dict[str, str]:
        """The headers that say so. Raises `ValueError` for what can't be whom to notify."""
        if self.notify and not is_notify(self.notify):
            raise ValueError("whom to notify is said in 1 to 1024 visible ASCII characters without spaces")
        times = {"Relay-Delay": self.delay, "Relay-Deadline": self.deadline}
        said = {name: f"{seconds:.3f}".rstrip("0").rstrip(".") for name, seconds in times.items() if seconds}
        return {**said, "Relay-Notify": self.notify} if self.notify else said


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes the requests to one relay, at `url` (``https://relay.example.com``, with ``/v1`` after it if relay has
    such a ``--prefix``). Raises `ValueError` for what is no such address, no token and no subject."""

    url: str
    token: str = field(default="", repr=False)
    subject: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{self.url} is not a URL such as https://relay.example.com")
        if "@" in parts.netloc:
            raise ValueError("a token is given as such, not in the URL")
        if not is_token(self.token):
            raise ValueError("the token has characters that a token can't have")
        if self.subject:
            owner_of_subject(self.subject)

    @property
    def origin(self) -> str:
        """The part of the address in front of paths."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))

    def job(self, name: str, arguments: bytes, terms: CallTerms, waits: bool) -> CallRequest:
        """For a new job. Raises `ValueError` for a key that can't be one, and what `CallTerms.lines` raises."""
        method, path, key = submission_address(name, terms.key or str(uuid.uuid4()))
        headers = {**self._headers(terms), **terms.lines(), **key, "Content-Type": WHOLE}
        if not waits:
            headers["Prefer"] = "respond-async"
        return CallRequest(method, self._prefix + path, headers, arguments)

    def of_job(self, method: str, id: str, waits: bool = False) -> CallRequest:
        """For what relay knows of a job, once that is complete if it `waits`."""
        return self.at(f"{self._prefix}/jobs/{segment(id)}", CallTerms(), waits)._replace(method=method)

    def at(self, location: str, terms: CallTerms, waits: bool = True) -> CallRequest:
        """For the job at the address that an answer has for it. What the address says of another server is left
        out."""
        headers = self._headers(terms)
        if waits:
            headers["Prefer"] = f"wait={LONGEST_WAIT}"
        return CallRequest("GET", urlsplit(location).path + ("/events" if terms.heard else ""), headers)

    @property
    def _prefix(self) -> str:
        return urlsplit(self.url).path.rstrip("/")

    def _headers(self, terms: CallTerms) -> dict[str, str]:
        headers = {"Accept": EVENTS if terms.heard else WHOLE}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.subject:
            headers["Relay-Subject"] = self.subject.encode().decode("latin-1")  # UTF-8 on the wire
        return headers
