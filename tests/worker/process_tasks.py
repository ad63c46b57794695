"""Handlers in processes: another process can only import what a module defines."""

import ctypes
import logging
import os
import subprocess
import sys
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from jobstream import Discard, JobContext, JobStream, Retry, Snooze
from jobstream.worker.middleware import Proceed

app = JobStream()
watched = JobStream()
seen: list[str] = []
whose: ContextVar[str] = ContextVar("whose", default="nobody")


class Size(msgspec.Struct):
    width: int
    height: int = 1


@app.job("area", executor="process")
def area(ctx: JobContext, args: Size) -> dict[str, int]:
    return {"area": args.width * args.height, "pid": os.getpid(), "attempt": ctx.attempt}


@app.job("die", executor="process")
def die(ctx: JobContext, args: str) -> None:
    match args:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(7)
        case "killed":
            os.kill(os.getpid(), 9)


@app.job("raise", executor="process")
def raise_it(ctx: JobContext, args: str) -> object:
    match args:
        case "error":
            raise LookupError("not in the catalogue")
        case "exit":
            raise SystemExit(3)
        case "retry":
            raise Retry(3600, "later")
        case "snooze":
            return Snooze(3600)
        case "discard":
            raise Discard("no use")
        case "unstorable":
            return object()
    return None


@app.job("talk", executor="process")
def talk(ctx: JobContext, args: int) -> list[Any]:
    ctx.log("begin", level="warning")
    for number in range(1, args + 1):
        ctx.progress(number, args, "counting")
    ctx.emit("talk.over", {"said": args})
    areas = [result["area"] for result in ctx.upstream.values()]
    return [ctx.job.spec.kind, ctx.job.spec.labels, ctx.job.owner, areas]


@app.job("lines", executor="process")
def lines(ctx: JobContext, args: int) -> None:
    for number in range(args):
        ctx.log(f"line {number}")


@app.job("sleep", executor="process", timeout=0.2)
def sleep(ctx: JobContext, args: str) -> None:
    Path(args).write_text(str(os.getpid()))
    time.sleep(60)


@app.job("spawn", executor="process")
def spawn(ctx: JobContext, args: str) -> None:
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(args).write_text(f"{os.getpid()} {started.pid}")
    time.sleep(600)


@app.job("polite", executor="process")
def polite(ctx: JobContext) -> str:
    ctx.log("begun")
    return "stopped" if ctx.cancelled.wait(60) else "never told"


@app.job("deaf", executor="process")
def deaf(ctx: JobContext) -> None:
    ctx.log("begun")
    time.sleep(600)


@app.job("log", executor="process")
def log(ctx: JobContext) -> None:
    logging.getLogger("shop").warning("from a process")


@watched.middleware
async def watch(ctx: JobContext, proceed: Proceed) -> Any:
    try:
        result = await proceed()
    except Exception as error:
        seen.append(f"{type(error).__name__}: {error}")
        raise
    seen.append(repr(result))
    return result


watched.job("area", executor="process")(area.function)
watched.job("raise", executor="process")(raise_it.function)
watched.job("die", executor="process")(die.function)
