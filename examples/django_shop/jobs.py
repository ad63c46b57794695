"""The shop's jobs: `jobstream worker examples.django_shop.jobs:app`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import django
from django.apps import apps
from django.conf import settings
from django.db import close_old_connections, connection

from jobstream import JobContext, JobStream, SyncClient

if not apps.ready and not apps.loading:  # in a worker; a web process has done it by itself
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_shop.settings")
    django.setup()

from examples.django_shop.models import Order

app = JobStream()


@cache
def client() -> SyncClient:
    """One for the process: it connects when it is first used, in forked web workers each for itself."""
    return app.connect_sync(settings.JOBSTREAM_URL)


@contextmanager
def database() -> Iterator[None]:
    """A handler's thread has a connection of its own, which nobody else would close."""
    close_old_connections()
    try:
        yield
    finally:
        connection.close()


@app.job("shop.confirm", queue="mail", max_attempts=5)
def confirm(ctx: JobContext, args: int) -> str:
    """Confirms an order; a plain `def`, so it runs in a thread and may use the ORM."""
    with database():
        order = Order.objects.get(pk=args)
        ctx.log(f"writing to {order.email}")
        Order.objects.filter(pk=args).update(confirmed=True)
        return order.email
