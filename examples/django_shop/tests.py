"""The shop's tests, with the pytest plugin's fixtures: `pytest examples/django_shop/tests.py`."""

import os
from collections.abc import Callable, Iterator

import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_shop.settings"

from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from examples.django_shop.jobs import app, client
from examples.django_shop.models import Order
from jobstream.testing import assert_enqueued_sync, drain_sync, refute_enqueued_sync


def use(url: str) -> None:
    """Let Django speak to that database from now on."""
    connection.close()
    parts = conninfo_to_dict(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    connection.settings_dict.update({name: parts.get(part, "") for name, part in names.items()})
    settings.JOBSTREAM_URL = url


@pytest.fixture(scope="session")
def jobstream_prepare() -> Callable[[str], object]:
    """The shop's own tables, once, in the template of all tests' databases."""

    def create_tables(url: str) -> None:
        use(url)
        with connection.schema_editor() as editor:
            editor.create_model(Order)
        connection.close()

    return create_tables


@pytest.fixture
def shop(jobstream_url: str) -> Iterator[Client]:
    use(jobstream_url)
    client.cache_clear()
    yield Client(raise_request_exception=False)
    client().close()
    connection.close()


def test_an_order_is_confirmed_by_its_job(shop: Client, jobstream_url: str) -> None:
    placed = shop.post("/orders", {"email": "ada@example.org"})
    assert placed.status_code == 202
    assert shop.get(f"/jobs/{placed.json()['job']}").json()["status"] == "pending"
    assert_enqueued_sync(client(), "shop.confirm", placed.json()["order"], queue="mail")

    assert len(drain_sync(app, jobstream_url).done) == 1

    assert Order.objects.get().confirmed
    assert shop.get(f"/jobs/{placed.json()['job']}").json()["status"] == "done"
    assert client().handle(placed.json()["job"]).result(timeout=10) == "ada@example.org"


def test_an_order_that_is_rolled_back_leaves_no_job(shop: Client) -> None:
    assert shop.post("/orders", {"email": "eve@example.org", "card": "stolen"}).status_code == 500

    refute_enqueued_sync(client(), "shop.confirm")
    assert not Order.objects.exists()
