"""What a description is made of: references to components, and contents."""

from __future__ import annotations

from typing import Any

Part = dict[str, Any]

JSON = "application/json"
PROBLEM = "application/problem+json"


def schema(name: str) -> Part:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str) -> Part:
    """A reference to a parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def response(name: str) -> Part:
    """A reference to a response."""
    return {"$ref": f"#/components/responses/{name}"}


def header(name: str) -> Part:
    """A reference to a header of a response."""
    return {"$ref": f"#/components/headers/{name}"}


def content(**schemas: str) -> Part:
    """Bodies of these schemas: `json`, `problem`."""
    kinds = {"json": JSON, "problem": PROBLEM}
    return {kinds[kind]: {"schema": schema(name)} for kind, name in schemas.items()}
