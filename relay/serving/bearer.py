"""The token that a request shows: ``Authorization: Bearer …``."""

from __future__ import annotations

from typing import Protocol


class HeaderFields(Protocol):
    """The headers of a request."""

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing. Raises `Malformed` where it was sent twice."""

    def values(self, name: str) -> list[str]:
        """All values of a header, in their order."""


def bearer(request: HeaderFields) -> str:
    """The token of ``Authorization: Bearer …`` (RFC 6750, 2.1), "" where there is none. Raises `Malformed` for two
    fields, and does not look for a token anywhere else."""
    fields = request.values("authorization")
    if len(fields) == 1 and fields[0].startswith("Bearer "):  # as nearly all clients write it
        return fields[0][len("Bearer ") :].strip(" ")
    scheme, _, token = request.header("authorization").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""
