from tests.api.conftest import Serve
from tests.api.support import Api
from tests.api.test_access_matrix import ROWS, SCOPES, ask


async def test_it_knows_every_route_and_its_refusals(api: Api) -> None:
    document = (await api.get("//schema", headers={"Accept": "application/json"})).json()
    assert document["openapi"].startswith("3.1")
    assert (await api.get("//schema/openapi.json")).json() == document
    for (method, path), scope in ROWS.items():
        if not path.startswith("/api/v1"):
            continue
        responses = document["paths"][path][method.lower()]["responses"]
        assert {"400", "401", "403", "503"} <= set(responses), (path, scope)
        assert set(responses["401"]["content"]) == {"application/problem+json"}
        if path.endswith("/events"):
            assert "text/event-stream" in responses["200"]["content"]


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
