"""Jobs, their streams and the dashboard inside a FastAPI application, for its own users.

uvicorn examples.fastapi_app:app               # with JOBSTREAM_DATABASE_URL set
jobstream worker examples.fastapi_app:jobs
curl -X POST localhost:8000/reports/2026 -H 'X-Api-Key: ada-key'
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request

import jobstream
from jobstream import JobContext, JobStream, Principal

PEOPLE = {
    "ada-key": Principal("ada"),
    "grace-key": Principal("grace"),
    "ops-key": Principal("ops", ("operate",)),
}

jobs = JobStream()


@jobs.job("report")
async def report(ctx: JobContext, args: dict[str, Any]) -> str:
    ctx.progress(1, 1, step="written")
    return f"the report of {args['year']}"


def who(connection: Any) -> Principal | None:
    """Your own way to know your users: a session, a header, `connection.scope["user"]`."""
    return PEOPLE.get(connection.headers.get("x-api-key", ""))


queue = jobstream.asgi(principal=who)
# Starlette passes no lifespan on to what is mounted. If you have one of your own: `async with queue.lifespan(): yield`.
app = FastAPI(lifespan=queue.lifespan)
app.mount("/queue", queue)


def signed_in(request: Request) -> Principal:
    if person := who(request):
        return person
    raise HTTPException(401)


@app.post("/reports/{year}", status_code=202)
async def order_report(year: int, person: Annotated[Principal, Depends(signed_in)]) -> dict[str, str]:
    job = await queue.client.enqueue(report, {"year": year}, owner=person.name)
    return {"job": job.id, "events": f"/queue/api/v1/jobs/{job.id}/events"}
