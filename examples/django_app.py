"""Jobs, their streams and the dashboard beside Django, for the users of its sessions. All of a project in one file.

uvicorn examples.django_app:app                # with JOBSTREAM_DATABASE_URL set
jobstream worker examples.django_app:jobs
curl -c cookies -X POST localhost:8000/sign-in/ada && curl -b cookies -X POST localhost:8000/reports/2026
"""

import secrets
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import jobstream
from jobstream import JobContext, JobStream, Principal

settings.configure(
    SECRET_KEY=secrets.token_hex(),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()
jobs = JobStream()


@jobs.job("report")
async def report(ctx: JobContext, args: dict[str, Any]) -> str:
    ctx.progress(1, 1, step="written")
    return f"the report of {args['year']}"


def principal(connection: Any) -> Principal | None:
    """Whoever Django's session names. (Sessions in a database: an `async def`, and `await session.aget("user")`.)"""
    sessions = import_module(settings.SESSION_ENGINE)
    user = sessions.SessionStore(connection.cookies.get(settings.SESSION_COOKIE_NAME)).get("user")
    return Principal(user) if user else None


@csrf_exempt
def sign_in(request: HttpRequest, user: str) -> HttpResponse:
    request.session["user"] = user  # an example believes everybody
    return HttpResponse(status=204)


@csrf_exempt
async def order_report(request: HttpRequest, year: int) -> JsonResponse:
    if not (user := request.session.get("user")):
        return JsonResponse({"error": "sign in"}, status=401)
    job = await app.client.enqueue(report, {"year": year}, owner=user)
    return JsonResponse({"job": job.id, "events": f"/queue/api/v1/jobs/{job.id}/events"}, status=202)


urlpatterns = [path("sign-in/<str:user>", sign_in), path("reports/<int:year>", order_report)]
# Django mounts nothing and knows no lifespan: the other way round, jobstream takes its prefix and passes on the rest.
app = jobstream.asgi(prefix="/queue", principal=principal, otherwise=get_asgi_application())
