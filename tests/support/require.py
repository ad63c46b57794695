"""Skipping out loud: what a test needs and the machine has not."""

import os
import shutil

import pytest


def require(*programs: str) -> None:
    """Skip the test where one of the programs is missing; fail it under JOBSTREAM_REQUIRE_ALL, as .ci/run sets."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        unavailable(f"needs {', '.join(missing)}")


def unavailable(reason: str) -> None:
    """Skip for another reason than a missing program, by the same rule."""
    if os.environ.get("JOBSTREAM_REQUIRE_ALL"):
        pytest.fail(f"{reason}, and nothing may be skipped here", pytrace=False)
    pytest.skip(reason)
