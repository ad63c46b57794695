"""The worker: claims jobs, runs their handlers, reports what became of them.

`supervisor.Worker` is the whole; each part of it is a component with `run()` (for a TaskGroup) and `run_once()`.
Nothing here knows HTTP or the driver: the database is reached through `store` alone.
"""
