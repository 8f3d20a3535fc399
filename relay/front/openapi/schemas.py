"""The JSON Schemas that workers publish, as components of a description."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from relay.front.openapi.envelopes import ANYTHING
from relay.front.openapi.parts import Part, schema
from relay.model.arguments.foreign import PREFIX_OF_PARTS
from relay.model.arguments.schema import KEYWORD, of_arguments

_DEFS = "#/$defs/"
_DATA = frozenset({"default", "enum", "const", "examples"})  # keywords whose values are no schemas
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})  # whose keys are names
#: what programs write and read in forms that have no name, or are narrower than what their name says
_DURATION = r"^[-+]?P(\d{1,9}D(T{time})?|T{time})$".replace(
    "{time}",
    r"(\d{1,8}H(\d{1,8}M)?(\d{1,8}(\.\d{1,9})?S)?|\d{1,8}M(\d{1,8}(\.\d{1,9})?S)?|\d{1,8}(\.\d{1,9})?S)",
)
_FORMS: dict[str, Part] = {
    "duration": {
        "pattern": _DURATION,
        "description": "A duration (ISO 8601), as in `P1DT2H30M` or `PT0.5S`.",
    },
    "decimal": {
        "pattern": r"^([-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,6})?|[-+]?(NaN|Infinity))$",
        "description": "A decimal number.",
    },
}
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def components(published: Part, job: str, part: str, taken: Mapping[str, Part]) -> dict[str, Part]:
    """A published schema as components: itself as ``job.part``, each definition in it by its name behind the job's.
    Where one differs from one of the same name that is `taken`, they are named behind ``job.part``."""
    root = f"{job}.{part}"
    defs = dict(published.get("$defs", {}))
    within = {key: value for key, value in published.items() if key not in ("$defs", KEYWORD)}
    names = _named(defs, job, {root})
    main = within.get("$ref", "").removeprefix(_DEFS)
    if set(within) == {"$ref"} and main in defs:
        names[main], within = root, defs.pop(main)
    made = _made(within, defs, names, root)
    if any(taken[name] != part for name, part in made.items() if name in taken):
        names = _named(defs, root, {root}) | ({main: root} if main in names else {})
        made = _made(within, defs, names, root)
    return made


def arguments_are_needed(published: Part) -> bool:
    """Whether a job can't be called without arguments."""
    return bool(of_arguments(published).get("required"))


def _made(within: Part, defs: Mapping[str, Part], names: Mapping[str, str], root: str) -> dict[str, Part]:
    def renamed(ref: str) -> str:
        return str(schema(names.get(ref.removeprefix(_DEFS), ANYTHING))["$ref"])

    parts = {root: within, **{names[name]: part for name, part in defs.items()}}
    return {name: _untitled(_moved(part, renamed)) for name, part in parts.items()}


def _untitled(part: Part) -> Part:
    """Without the title, by which generators would name it, and which others have, too."""
    return {key: value for key, value in part.items() if key != "title"}


def _named(defs: Mapping[str, Part], behind: str, taken: set[str]) -> dict[str, str]:
    """A name for each definition, which a component can have and no other one has."""
    names: dict[str, str] = {}
    for name in sorted(defs):
        fit = f"{behind}.{_UNFIT.sub('_', name.removeprefix(PREFIX_OF_PARTS))}"
        unique = fit
        while unique in taken:
            unique += "_"
        taken.add(unique)
        names[name] = unique
    return names


def _moved(part: Any, renamed: Callable[[str], str]) -> Any:
    """A schema with its references to where its definitions are now."""
    if isinstance(part, list):
        return [_moved(each, renamed) for each in part]
    if not isinstance(part, dict):
        return part
    form = _FORMS.get(str(part.get("format")), {})
    shown = {key: value for key, value in part.items() if not (form and key == "format")}
    if shown.get("items") is False and "maxItems" in shown:  # which says the same, and more generators read
        del shown["items"]
    return {**form, **{key: _member(key, value, renamed) for key, value in shown.items()}}


def _member(key: str, value: Any, renamed: Callable[[str], str]) -> Any:
    if key in _DATA:
        return value
    if key == "$ref" and isinstance(value, str):
        return renamed(value)
    if key in _BY_NAME and isinstance(value, dict):
        return {name: _moved(each, renamed) for name, each in value.items()}
    if key == "discriminator" and isinstance(value, dict) and isinstance(value.get("mapping"), dict):
        return {**value, "mapping": {name: renamed(str(ref)) for name, ref in value["mapping"].items()}}
    return _moved(value, renamed)
