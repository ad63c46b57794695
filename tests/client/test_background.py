"""Components beside a block of the caller's."""

import asyncio

import pytest

from jobstream.client.background import background


async def forever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        log.append("ended")


async def broken() -> None:
    raise RuntimeError("broken")


async def test_components_end_with_the_block() -> None:
    log: list[str] = []
    async with background() as running:
        running.start(forever(log))
        await asyncio.sleep(0)
    assert log == ["ended"]


async def raising(log: list[str]) -> None:
    async with background() as running:
        running.start(forever(log))
        await asyncio.sleep(0)
        raise ValueError("mine")


async def waiting_beside_a_broken_one() -> None:
    async with background() as running:
        running.start(broken())
        await asyncio.Event().wait()


async def test_what_the_block_raises_comes_out_alone_and_components_end() -> None:
    log: list[str] = []
    with pytest.raises(ValueError, match="mine"):
        await raising(log)
    assert log == ["ended"]


async def test_a_component_that_breaks_ends_the_block() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await waiting_beside_a_broken_one()
    assert caught.group_contains(RuntimeError, match="broken")


async def test_cancelling_the_caller_cancels_it() -> None:
    log: list[str] = []

    async def call() -> None:
        async with background() as running:
            running.start(forever(log))
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(call())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert log == ["ended"]
