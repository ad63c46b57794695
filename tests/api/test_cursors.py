"""Whatever stands in `Last-Event-ID`: a stream that goes on, or a reset. Never a failure, and never another's events."""

import random
import string

from tests.api.support import Api
from tests.support import Connection

SAFE = string.ascii_letters + string.digits + "._-"


def mutated(token: str, generator: random.Random) -> str:
    """A token of ours with something done to it."""
    place = generator.randrange(len(token))
    match generator.randrange(6):
        case 0:
            return token[:place] + generator.choice(SAFE) + token[place + 1 :]
        case 1:
            return token[:place]
        case 2:
            return token[:place] + token[place + 1 :]
        case 3:
            return token[:place] + generator.choice(SAFE) + token[place:]
        case 4:
            return ".".join(generator.sample(token.split("."), len(token.split("."))))
        case _:
            return token + "." + "".join(generator.choices(SAFE, k=generator.randrange(1, 80)))


async def test_no_cursor_makes_a_stream_fail(api: Api, conn: Connection) -> None:
    generator = random.Random(7)
    page = (await api.get("/events", headers={"Accept": "application/json"})).json()
    for n in range(20):
        await api.create(f"k{n}")
    id = await api.create()
    page = await api.get(
        f"/events?limit=7&after={page['next_cursor']}", headers={"Accept": "application/json"}
    )
    tokens = [page.json()["next_cursor"], (await api.get("/jobs")).headers["event-cursor"]]
    assert len(tokens[0].split(".")) == 5
    cursors = [mutated(generator.choice(tokens), generator) for _ in range(30)]
    cursors += ["".join(generator.choices(SAFE, k=generator.randrange(1, 200))) for _ in range(5)]
    cursors += [
        "0",
        "-1",
        "9" * 18,
        "9" * 19,
        "9" * 400,
        "1e3",
        "\N{SNOWMAN}",
        "g1",
        "g1..",
        "g1...",
        "g1.n.n.n",
        " ",
        "%00",
    ]
    counted = await conn.fetchval("select count(*) from jobstream.job_events")
    async with api.stream("/events") as events:
        # With a hub that stands and without: the ring judges some of them, the database the rest.
        await events.until("hello")
        for path in ("/events", f"/jobs/{id}/events"):
            for cursor in cursors:
                answer = await api.get(path, params={"after": cursor}, headers={"Accept": "application/json"})
                assert answer.status_code == 200, (path, cursor, answer.text)
                told = answer.json()
                assert told["reset"] in (None, "unknown", "epoch", "pruned"), (path, cursor)
                assert len(told["items"]) <= counted
                assert len(told["next_cursor"]) <= 128
