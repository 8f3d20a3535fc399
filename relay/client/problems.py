"""How a call ends otherwise than well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CallFailed(Exception):
    """The job ran, or was to run, and did not succeed. `envelope` has all that is known of it, `problem` is its error
    (RFC 9457), `state` is ``failed``, ``cancelled`` or ``expired``. The same key gives the same again; a new try is a
    new key."""

    def __init__(self, envelope: Mapping[str, Any]) -> None:
        self.envelope = dict(envelope)
        self.problem: dict[str, Any] = dict(envelope.get("error", {}))
        self.state = str(envelope["state"])
        said = self.problem.get("detail") or self.problem.get("title", "")
        super().__init__(
            f"{envelope['job']} {self.state}: {said}" if said else f"{envelope['job']} {self.state}"
        )

    @property
    def retryable(self) -> bool:
        """Whether the handler said that another try may succeed."""
        return self.problem.get("retryable") is True


class CallRefused(Exception):
    """relay, or a proxy, refused the request, and the same again would be refused, too. `status` is that of HTTP,
    `problem` says why (RFC 9457), and is empty if a proxy did not say so in this form."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        said = problem.get("detail") or problem.get("title") or "this is no answer of relay's"
        misfits = [f"{each.get('at', '')}: {each.get('detail', '')}" for each in _misfits(problem)]
        super().__init__("; ".join([f"{status}: {said}", *misfits]))


class OutcomeUnknown(Exception):
    """There was no whole answer within the time for which relay keeps outcomes. The job may have run. `last` says what
    went wrong last."""

    def __init__(self, last: str) -> None:
        super().__init__(f"the outcome is unknown: {last}")
        self.last = last


def _misfits(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = problem.get("errors", [])
    return [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []
