"""The command line of ``relay run``, and what its words mean to a job."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

import msgspec

from relay.commands.command_line import job_name
from relay.model.arguments import schema

Given = list[tuple[str, str, bool]]  # name, value, and whether the value is said to be JSON


def add_arguments(parser: ArgumentParser) -> None:
    """Add its arguments."""
    add_call(
        parser,
        "an argument: a text, or JSON where the job takes something else, as in n=5 or tags='[\"a\"]'; "
        "ARG:=VALUE is JSON in any case",
    )
    parser.add_argument("--json", default="", metavar="OBJECT", help="arguments as a JSON object")
    parser.add_argument(
        "--jobs", action="append", metavar="MODULE", help="module or package with handlers; repeatable"
    )
    parser.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="a setting for handlers; repeatable"
    )
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    parser.add_argument(
        "--allow-private",
        action="store_true",
        help="let context.http connect to private addresses, such as localhost",
    )
    parser.add_argument("--retry", action="store_true", help="try the job again as often as it declares")


def add_call(parser: ArgumentParser, about_argument: str) -> None:
    """Add the name of a job, as `name`, and its arguments, as `arguments`, which are `Given`."""
    parser.add_argument("name", metavar="NAME", type=job_name, help="name of the job")
    parser.add_argument("arguments", metavar="ARG=VALUE", nargs="*", type=_pair, help=about_argument)


def _pair(text: str) -> tuple[str, str, bool]:
    """An argument among the words of a command line: its name, its value, and whether that is said to be JSON. Raises
    `ArgumentTypeError`."""
    name, equals, value = text.partition("=")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    if not equals or not name.isidentifier():
        raise ArgumentTypeError(f"{text!r} is not of the form ARG=VALUE")
    return name, value, is_json


def json_value(name: str, text: str) -> Any:
    """What is given as ``ARG:=JSON``. Raises `ValueError`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"{name}:={text}: it is not JSON: {error}") from error


def arguments_of(given: Given, json: str, declared: dict[str, Any]) -> bytes:
    """What is submitted, as JSON: what `json` says, then each argument that is given by name. `declared` is the
    published schema of the job. Raises `ValueError` for what is no JSON object."""
    members = json_object(json)
    for name, text, is_json in given:
        members[name] = json_value(name, text) if is_json else value_of(text, name, declared)
    return msgspec.json.encode(members)


def json_object(text: str) -> dict[str, Any]:
    """What is given with ``--json``; {} for nothing. Raises `ValueError`."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"--json: it is not a JSON object: {error}") from error


def value_of(text: str, name: str, declared: dict[str, Any]) -> Any:
    """What a text stands for as an argument: itself where the job takes it as it is, else the JSON in it."""
    described = schema.of_arguments(declared).get("properties", {}).get(name, {})
    takes_anything = not described.keys() - {"title", "description", "default"}
    if not takes_anything and schema.validator_of(declared, name).is_valid(text):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return text
