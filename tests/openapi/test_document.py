"""The description of what a front serves: whole, for its caller, and made once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate
from twisted.internet.defer import ensureDeferred
from twisted.logger import LogEvent

from relay.front.caller import ANONYMOUS, LOCAL
from relay.front.openapi import responses
from relay.front.openapi.document import MOST_KEPT, OpenApi
from relay.front.routes.about import HealthRoutes, ProblemRoutes
from relay.front.routes.jobs import JobRoutes
from relay.front.routes.tickets import TicketRoutes
from relay.handlers.registry import Registry
from relay.model.caller import Caller, JobPatterns
from relay.model.problems.registry import builtin
from relay.model.settings import Settings
from relay.store.messages import JobDefinition
from relay.submitting.offer import Offer
from relay.worker.definitions import LONGEST_DESCRIPTION
from relay.worker.definitions import served as definitions
from tests.front.callers.fakes import Passwords
from tests.front.scene import Scene, served
from tests.processes import ROOT

DESCRIBED = definitions(Registry.load(["tests.openapi.described_jobs"]))
ALL = definitions(Registry.load(["relay.jobs", "tests.sample_jobs"]))
ALL += [job for job in DESCRIBED if job.name != "area"]
METHODS = ("get", "put", "post", "delete")


def document(*jobs: JobDefinition, schemes: tuple[str, ...] | None = None, **settings: Any) -> Any:
    made = OpenApi(Settings(**settings), schemes).document([Offer(job) for job in jobs])
    return json.loads(made)


def scene_with(*jobs: JobDefinition, callers: tuple[Caller, ...] = ()) -> Scene:
    """A front that knows these jobs."""
    scene = Scene(*([Passwords(*callers)] if callers else []))
    scene.store.publish(jobs)
    ensureDeferred(scene.catalogue.refresh())
    return scene


def names(scene: Scene, **headers: str) -> set[str]:
    """The jobs in the description that a caller gets."""
    answer = scene.call("GET", "/openapi.json", headers=headers)
    assert answer.status == 200
    found = (re.fullmatch(r"/jobs/([a-z]\w*)", path) for path in answer.json()["paths"])
    return {match[1] for match in found if match}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            yield from references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def leads_somewhere(whole: Any, reference: str) -> bool:
    at = whole
    for name in reference.removeprefix("#/").split("/"):
        at = at.get(name, {}) if isinstance(at, dict) else {}
    return reference.startswith("#/components/") and bool(at)


# -- it is what it says it is --


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"prefix": "/v1"},
        {"schemes": ("Bearer", "Basic")},
        {"schemes": ()},
        {"require_key": True},
    ],
    ids=str,
)
def test_it_is_valid(settings: dict[str, Any]) -> None:
    whole = document(*ALL, **settings)
    validate(whole)
    assert [reference for reference in references(whole) if not leads_somewhere(whole, reference)] == []


def test_it_is_valid_without_a_job() -> None:
    validate(document())


def test_each_operation_has_a_name_of_its_own() -> None:
    found = [
        part[method]["operationId"]
        for part in document(*ALL)["paths"].values()
        for method in METHODS
        if method in part
    ]
    assert len(found) == len(set(found)) > 3 * len(ALL)


def test_all_routes_of_a_front_are_in_it() -> None:
    """With the name of a job for `name`. Probes are for relay's own doctor."""
    whole = document(served("echo"))
    for routes in (JobRoutes, TicketRoutes, HealthRoutes, ProblemRoutes):
        for rule in routes.app.url_map.iter_rules():
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.replace("<name:name>", "echo"))
            described = {method.upper() for method in whole["paths"][path] if method in METHODS}
            assert described >= {method for method in rule.methods if method not in ("HEAD", "OPTIONS")} & {
                method.upper() for method in METHODS
            }, path


def test_events_are_in_it() -> None:
    path, whole = "/jobs/{id}/events", document(served("echo"))
    kinds = set(whole["paths"][path]["get"]["responses"]["200"]["content"])
    assert kinds == {"text/event-stream", "application/x-ndjson"}
    assert set(whole["components"]["responses"]["echo.ended"]["content"]) == {"application/json"}


def test_each_problem_that_it_names_is_one_of_relays_with_this_status() -> None:
    shown = document()["components"]["responses"]
    for name, part in shown.items():
        for slug in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", part["description"]):
            if slug in ("in-body", "application/json"):
                continue
            assert builtin()[slug].status == int(name[-3:]), (name, slug)


def test_headers_of_answers_are_those_of_the_docs() -> None:
    reference = (ROOT / "docs/http.md").read_text()
    assert [name for name in responses.headers() if f"`{name}" not in reference] == []


def test_paths_problems_and_keys_are_those_of_the_settings() -> None:
    whole = document(served("echo"), prefix="/v1", require_key=True, max_delay=600)
    assert all(path.startswith("/v1/") for path in whole["paths"])
    known = whole["components"]["parameters"]
    assert known["Idempotency-Key"]["required"] is True
    assert known["Relay-Delay"]["schema"]["maximum"] == 600


# -- jobs --


def test_a_job_is_shown_with_its_docstring_its_arguments_and_its_result() -> None:
    whole = document(*DESCRIBED)
    submit = whole["paths"]["/jobs/area"]["post"]
    assert submit["description"] == "How large a box is.\n\nIn square millimetres, times its scale."
    assert submit["requestBody"]["required"] is True
    known = whole["components"]["schemas"]
    assert known["area.arguments"]["properties"]["box"] == {"$ref": "#/components/schemas/area.Box"}
    assert known["area.Box"]["properties"]["width"]["examples"] == [120]
    assert known["area.result"] == {"type": "integer"}
    assert known["area.envelope"]["properties"]["result"] == {"$ref": "#/components/schemas/area.result"}
    assert not [name for name in known if "x-relay-shapes" in known[name] or "$defs" in known[name]]


def test_a_body_may_be_left_out_where_no_argument_is_needed() -> None:
    assert "required" not in document(*DESCRIBED)["paths"]["/jobs/late"]["post"]["requestBody"]


def test_problems_that_a_job_declares_are_shown_with_the_status_that_a_client_gets() -> None:
    """On 429 clients would send again by themselves, so it goes out as 500."""
    found = document(*DESCRIBED)["paths"]["/jobs/pay"]["post"]["responses"]
    assert (
        "- `card-declined` (The card was declined): The card was declined. Ask for"
        in found["402"]["description"]
    )
    assert "`bank-flooded`" in found["500"]["description"]
    assert "429" not in found


def test_texts_that_are_times_are_told_by_their_shapes() -> None:
    known = document(*DESCRIBED)["components"]["schemas"]["plan.arguments"]["properties"]
    assert known["at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert known["times"]["items"] == {"type": "string", "format": "time"}
    assert re.search(known["lasts"]["pattern"], "P1DT2H0.5S".replace("H0.5S", "H0M0.5S"))
    assert "format" not in known["lasts"]


def test_what_differs_between_arguments_and_result_has_two_names() -> None:
    taken = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"properties": {"x": {"$ref": "#/$defs/Box"}}}, "Box": {"type": "object"}},
    }
    given = {"$ref": "#/$defs/Box", "$defs": {"Box": {"type": "array", "items": {"$ref": "#/$defs/Box"}}}}
    more = {"type": "array", "items": {"$ref": "#/$defs/Box"}, "$defs": {"Box": {"type": "string"}}}
    known = document(served("a", schema=taken, result=given), served("b", schema=taken, result=more))[
        "components"
    ]["schemas"]
    assert known["a.Box"] == known["b.Box"] == {"type": "object"}
    assert known["a.result"]["items"] == {"$ref": "#/components/schemas/a.result"}
    assert known["b.result"]["items"] == {"$ref": "#/components/schemas/b.result.Box"}
    assert known["b.result.Box"] == {"type": "string"}


def test_names_that_no_component_may_have_are_written_otherwise() -> None:
    parts = {
        "List(int)": {"type": "array"},
        "List,int": {"type": "string"},
        "pydantic.Order": {"type": "object"},
    }
    refers = {f"p{at}": {"$ref": f"#/$defs/{name}"} for at, name in enumerate(parts)}
    members = {"default": {"$ref": "#/$defs/List(int)"}, "$ref": {"type": "string"}, **refers}
    whole = document(served("odd", schema={"type": "object", "properties": members, "$defs": parts}))
    validate(whole)
    known = whole["components"]["schemas"]
    assert {"odd.List_int_", "odd.List_int", "odd.Order"} <= set(known)
    shown = known["odd.arguments"]["properties"]
    assert known[shown["default"]["$ref"].rpartition("/")[2]] == {"type": "array"}
    assert shown["$ref"] == {"type": "string"}


def test_one_that_refers_elsewhere_does_not_spoil_the_others() -> None:
    """Of a worker of another hand."""
    whole = document(served("odd", result={"items": {"$ref": "#/definitions/none"}}))
    validate(whole)
    assert whole["components"]["schemas"]["odd.result"]["items"] == {"$ref": "#/components/schemas/Anything"}


def test_a_docstring_is_cut_and_made_text_that_json_can_have() -> None:
    from relay import job

    def talkative() -> None: ...

    talkative.__doc__ = "\ud800" + "a" * 10_000
    (declared,) = definitions(Registry([job(talkative)]))
    assert declared.description.startswith("?a")
    assert len(declared.description) == LONGEST_DESCRIPTION


# -- who sees what --


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        (ANONYMOUS, {"echo", "resize_large", "resize_small"}),
        (LOCAL, {"echo", "resize_large", "resize_small", "near"}),
        (
            Caller("token:app", jobs=JobPatterns.parse(["resize_*", "hidden"])),
            {"resize_large", "resize_small"},
        ),
        (Caller("token:none", jobs=JobPatterns.parse([])), set()),
    ],
    ids=lambda value: getattr(value, "owner", ""),
)
def test_a_caller_sees_what_it_may_submit(caller: Caller, seen: set[str]) -> None:
    scene = scene_with(
        served("near", local=True),
        served("hidden", internal=True),
        *map(served, ("resize_large", "resize_small")),
    )
    assert {offer.served.name for offer in scene.desk.visible.of(caller)} == seen


def test_each_caller_gets_its_own() -> None:
    alice, bob = Caller("sub:alice", jobs=JobPatterns.parse(["pay"])), Caller("sub:bob")
    scene = scene_with(*DESCRIBED, callers=(alice, bob))
    assert names(scene, Authorization="Test alice") == {"pay"}
    assert names(scene, Authorization="Test bob") >= {"pay", "area", "echo"}
    assert "hidden" not in names(scene, Authorization="Test bob")


def test_where_callers_have_credentials_they_are_needed_and_named() -> None:
    scene = scene_with(served("pay"), callers=(Caller("sub:alice"),))
    assert scene.call("GET", "/openapi.json").status == 401
    whole = scene.call("GET", "/openapi.json", headers={"Authorization": "Test alice"}).json()
    submit = whole["paths"]["/jobs/pay"]["post"]["responses"]
    assert {"401", "429"} <= set(submit)
    assert whole["paths"]["/problems/{slug}"]["get"]["security"] == []


def test_schemes_are_those_that_a_401_names() -> None:
    whole = document(served("echo"), schemes=("Bearer", "Basic"))
    assert whole["security"] == [{"Bearer": []}, {"Basic": []}]
    assert whole["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert "security" not in document(served("echo"))


def test_a_declaration_that_can_not_be_read_is_left_out(no_logged_failures: list[LogEvent]) -> None:
    scene = scene_with(served("fine"))
    scene.store._declared["odd"] = b'{"name": "odd"}'
    scene.store._version += 1
    ensureDeferred(scene.catalogue.refresh())
    assert names(scene) == {"echo", "fine"}
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


# -- it is made once --


def test_one_is_made_for_each_set_of_jobs_and_not_for_each_request() -> None:
    describes, jobs = OpenApi(Settings(), None), [Offer(job) for job in DESCRIBED]
    first = describes.document(jobs)
    assert describes.document(list(jobs)) is first
    assert describes.document(jobs[:1]) is not first
    assert describes.document(jobs) is first


def test_so_many_are_kept() -> None:
    describes, jobs = OpenApi(Settings(), None), [Offer(job) for job in DESCRIBED]
    for at in range(3 * MOST_KEPT):
        describes.document(jobs[: at % len(jobs)] + jobs[at % 3 :])
        assert len(describes._documents) <= MOST_KEPT


def test_a_change_of_the_catalogue_is_seen_and_a_sweep_that_changes_nothing_is_not() -> None:
    scene = scene_with(served("one"))
    before = scene.call("GET", "/openapi.json").json()
    changes = scene.catalogue.changes
    ensureDeferred(scene.catalogue.refresh())
    assert scene.catalogue.changes == changes
    scene.store.publish([served("one", description="It is one."), served("two")])
    ensureDeferred(scene.catalogue.refresh())
    after = scene.call("GET", "/openapi.json").json()
    assert after["paths"]["/jobs/one"]["post"]["description"] == "It is one."
    assert "/jobs/two" in after["paths"]
    assert before["info"]["version"] != after["info"]["version"]


def test_two_fronts_say_the_same() -> None:
    """Whose version is the same, too."""
    first, second = (document(*ALL) for _ in range(2))
    assert first == second
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
