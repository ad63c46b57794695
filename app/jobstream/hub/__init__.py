"""Fan-out of events to subscribers within one process.

The hub is given messages and passes each, as the bytes it came with, to the subscribers that asked for its kind. It
knows neither where messages come from nor what a position in the stream means; it only hands positions on.
"""

from jobstream.hub.feed import Feed, Source, Step
from jobstream.hub.hub import Hub
from jobstream.hub.message import Facets, Interest, Message
from jobstream.hub.ring import Ring
from jobstream.hub.subscription import Bounds, Subscription

__all__ = [
    "Bounds",
    "Facets",
    "Feed",
    "Hub",
    "Interest",
    "Message",
    "Ring",
    "Source",
    "Step",
    "Subscription",
]
