"""The callers of a file of tokens, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from relay.model.tokens import TokenGrant

_HEAD = (*("name", "tokens", "jobs", "rate", "held", "queued", "body", "expires", "trusted", "operator"),)


def lines(grants: Iterable[TokenGrant], now: float) -> Iterator[str]:
    """A line for each caller, below a head; ``-`` is what the file leaves out."""
    rows = [_HEAD, *(_row(grant, now) for grant in grants)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def _row(grant: TokenGrant, now: float) -> tuple[str, ...]:
    row = grant.row
    all_jobs = "none" if row.operator else "-"
    jobs = all_jobs if row.jobs is None else ",".join(row.jobs) or "none"
    limits = (
        "-" if value is None else str(value) or "none" for value in (row.rate, row.held, row.queued, row.body)
    )
    expires = f"{_date(grant)}{' (expired)' * (now >= grant.expires)}" or "-"
    return (
        grant.name,
        str(len(row.sha256)),
        jobs,
        *limits,
        expires,
        "yes" if row.trusted else "-",
        row.operator or "-",
    )


def as_json(grants: Iterable[TokenGrant], now: float) -> str:
    """An array of objects, a line for each; ``null`` is what the file leaves out."""
    rows = []
    for grant in grants:
        row = {"name": grant.name, "tokens": len(grant.row.sha256)}
        row |= {key: getattr(grant.row, key) for key in ("jobs", "rate", "held", "queued", "body")}
        row |= {
            "expires": _date(grant) or None,
            "expired": now >= grant.expires,
            "trusted": grant.row.trusted,
            "operator": grant.row.operator,
        }
        rows.append(msgspec.json.encode(row).decode())
    return "[" + ",\n ".join(rows) + "]"


def _date(grant: TokenGrant) -> str:
    return grant.row.expires.isoformat().replace("+00:00", "Z") if grant.row.expires else ""
