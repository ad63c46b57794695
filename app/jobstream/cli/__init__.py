"""The command line: parse, load settings, compose, run. It may import every room; no room imports it."""

import sys

from jobstream.cli.exits import run_to_exit_code


def main() -> None:
    """Entry point of the console script `jobstream`; ends the process with the command's exit code."""
    from jobstream.cli.root import command

    sys.exit(run_to_exit_code(lambda: command.main(prog_name="jobstream", standalone_mode=False)))
