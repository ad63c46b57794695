"""HTTP: the application, its routes and streams, and the server that runs it (contract §2 and §3).

Knows how things are said over HTTP, and nothing of the driver; rules live in the database and in `domain`.
"""

from jobstream.api.app import app_for, create_app
from jobstream.api.services import Services, running

__all__ = ["Services", "app_for", "create_app", "running"]
