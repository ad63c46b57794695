"""The web page and the browser client, as files to serve.

Lives here: what belongs to the page. Knows nothing of HTTP beyond headers, nothing of the database. The page itself
is plain ES modules and CSS under `static`, as they were written; there is no build step.
"""

from jobstream.dashboard.assets import Asset, asset
from jobstream.dashboard.client import client_module
from jobstream.dashboard.policy import CONTENT_SECURITY_POLICY, HEADERS

__all__ = ["CONTENT_SECURITY_POLICY", "HEADERS", "Asset", "asset", "client_module"]
