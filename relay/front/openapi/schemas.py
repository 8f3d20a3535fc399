"""The JSON Schemas that workers publish, as components of a description."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from relay.front.openapi.envelopes import ANYTHING
from relay.front.openapi.parts import Part, schema
from relay.model.arguments.foreign import PREFIX_OF_PARTS
from relay.model.arguments.schema import KEYWORD, of_arguments
from relay.model.arguments.subschemas import rewritten

_DEFS = "#/$defs/"
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


def _moved(whole: Part, renamed: Callable[[str], str]) -> Part:
    """A schema with its references to where its definitions are now."""

    def moved(part: Part) -> Part:
        form = _FORMS.get(str(part.get("format")), {})
        shown = {key: value for key, value in part.items() if not (form and key == "format")}
        if shown.get("items") is False and "maxItems" in shown:
            del shown["items"]  # `maxItems` says the same, and more generators read it
        if isinstance(shown.get("$ref"), str):
            shown["$ref"] = renamed(shown["$ref"])
        return {**form, **_with_tags(shown, renamed)}

    made: Part = rewritten(whole, moved)
    return made


def _with_tags(part: Part, renamed: Callable[[str], str]) -> Part:
    """With the references by which texts in them tell types apart."""
    tags = part.get("discriminator")
    if not isinstance(tags, dict) or not isinstance(tags.get("mapping"), dict):
        return part
    mapping = {name: renamed(str(ref)) for name, ref in tags["mapping"].items()}
    return {**part, "discriminator": {**tags, "mapping": mapping}}
