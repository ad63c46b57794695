"""The indexer: `jobstream dev examples.indexer:app` serves its jobs, `python -m examples.indexer` plays it once."""

from examples.indexer.app import app

__all__ = ["app"]
