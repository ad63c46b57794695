"""Something that goes on as long as something else."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` goes on while inside, and is cancelled at the end.

    What is raised inside comes out as it is: a TaskGroup would wrap it, and a refusal would become a fault of ours.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
