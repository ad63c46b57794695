from typing import Any

import jsonschema_rs
import pytest
from msgspec import Struct

from jobstream.api.examples import EXAMPLES
from jobstream.api.requests import Body
from tests.api.conftest import Serve
from tests.api.support import Api
from tests.api.test_access_matrix import ROWS, SCOPES, ask


async def test_it_knows_every_route_and_its_refusals(api: Api) -> None:
    document = (await api.get("//schema", headers={"Accept": "application/json"})).json()
    assert document["openapi"].startswith("3.1")
    assert (await api.get("//schema/openapi.json")).json() == document
    for (method, path), (scope, _) in ROWS.items():
        if path not in document["paths"]:
            assert not path.startswith("/api/v1"), path
            continue
        operation = document["paths"][path][method.lower()]
        responses = operation["responses"]
        assert (operation.get("security") == []) is (scope == "open"), path
        if scope == "open":
            continue
        assert {"400", "401", "403", "503"} <= set(responses), path
        waits = path.endswith(("/events", "/result"))
        assert ("429" in responses) is (waits or (method != "GET" and scope != "work")), path
        assert ("408" in responses) is ("413" in responses) is ("requestBody" in operation), path
        assert set(responses["401"]["content"]) == {"application/problem+json"}
        if path.endswith("/events"):
            assert "text/event-stream" in responses["200"]["content"]


async def test_it_shapes_bodies_as_they_are_taken(api: Api) -> None:
    document = (await api.get("//schema", headers={"Accept": "application/json"})).json()
    schemas = document["components"]["schemas"]
    assert schemas["CreateJob"]["additionalProperties"] is False
    assert schemas["SchedulingIn"]["properties"]["delay_seconds"]["anyOf"][0]["minimum"] == 0
    assert document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["required"] is True
    assert document["paths"]["/api/v1/jobs/{id}/cancel"]["post"]["requestBody"]["required"] is False
    for path in ("/api/v1/jobs", "/api/v1/pipelines"):
        [key] = document["paths"][path]["post"]["parameters"]
        assert (key["name"], key["required"], key["schema"]["type"]) == ("Idempotency-Key", True, "string")
    assert "(?!" not in (await api.get("//schema/openapi.json")).text


@pytest.mark.parametrize("shape", EXAMPLES)
async def test_examples_have_the_shape_that_they_stand_for(api: Api, shape: type[Struct]) -> None:
    document = (await api.get("//schema/openapi.json")).json()
    named = document["components"]["schemas"][shape.__name__]
    [example] = named["examples"]
    within = {**document, "$ref": f"#/components/schemas/{shape.__name__}"}
    jsonschema_rs.validator_for(within).validate(example)
    assert set(example) == set(named["properties"]) or issubclass(shape, Body)


async def test_every_body_is_taken_as_its_example_has_it(api: Api) -> None:
    document = (await api.get("//schema/openapi.json")).json()
    id, taken = await api.create(), set[str]()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for shape in shapes_of(operation):
                [example] = document["components"]["schemas"][shape].get("examples", [{}])
                answer = await api.request(
                    method.upper(),
                    f"/{path.format(id=id, name='x')}",
                    json=example,
                    headers={"Idempotency-Key": "example"},
                )
                assert answer.status_code in (200, 201, 202, 404, 409), (path, answer.text)
                taken.add(shape)
    assert taken == {shape.__name__ for shape in EXAMPLES if issubclass(shape, Body)} | {"Nothing"}


def shapes_of(operation: dict[str, Any]) -> list[str]:
    """The names of the bodies that an operation takes."""
    schemas = [each["schema"] for each in operation.get("requestBody", {}).get("content", {}).values()]
    options = [option for schema in schemas for option in schema.get("oneOf", [schema])]
    return [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]


@pytest.mark.parametrize("path", ["/schedules/x", "/session", "/jobs", "/queues/x"])
async def test_options_names_every_method(api: Api, path: str) -> None:
    document = (await api.get("//schema/openapi.json")).json()
    template = f"/api/v1{path}".replace("/x", "/{name}")
    methods = {method.upper() for method in document["paths"][template]} | {"OPTIONS"}
    methods |= {"HEAD"} if "GET" in methods else set()
    assert set((await api.request("OPTIONS", path)).headers["allow"].split(", ")) == methods


async def test_no_route_answers_what_it_does_not_say(serve: Serve) -> None:
    api = await serve(auth="token")
    document = (await api.get("//schema", headers={"Accept": "application/json"})).json()
    everything = api.as_(await api.services.tokens.create("op", SCOPES))
    for route in ROWS:
        method, path = route
        if path not in document["paths"]:
            assert not path.startswith("/api/v1"), path
            continue
        said = document["paths"][path][method.lower()]["responses"]
        for caller in (api, everything):
            for id in ("01J00000000000000000000000", "none"):
                status, _ = await ask(caller, route, id=id)
                assert str(status) in said, (route, status)
