"""A project's settings, as few as will do. DATABASE_URL names the database of orders and jobs alike."""

import os
import secrets

from psycopg.conninfo import conninfo_to_dict

JOBSTREAM_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/shop")
_parts = conninfo_to_dict(JOBSTREAM_URL)

SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_hex()
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
INSTALLED_APPS = ["examples.django_shop"]
ROOT_URLCONF = "examples.django_shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _parts.get("dbname", ""),
        "USER": _parts.get("user", ""),
        "PASSWORD": _parts.get("password", ""),
        "HOST": _parts.get("host", ""),
        "PORT": _parts.get("port", ""),
    }
}
