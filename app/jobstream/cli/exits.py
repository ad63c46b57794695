"""How a command ends: exit codes, and one clear line on stderr for what went wrong.

Codes: 0 done; 1 failed, an unknown id, or a followed job that ended otherwise than done; 2 usage or a missing
setting; 130 on Ctrl-C. A fault of the user never shows a traceback; a fault of ours does, so that it can be reported.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from jobstream.errors import JobStreamError, SchemaOutdated, SettingsError

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130


class CommandFailed(Exception):
    """The command cannot do what was asked; `code` is the exit code, the text is the line to print."""

    def __init__(self, message: str, *, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class UsageFault(CommandFailed):
    """What was asked makes no sense, or a setting is missing: exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=USAGE)


def say_error(message: str) -> None:
    """Print one line on stderr; line breaks inside the message are folded."""
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)


def run_to_exit_code(invoke: Callable[[], object]) -> int:
    """Run a command and turn whatever ends it into an exit code, with its one line on stderr."""
    try:
        outcome = invoke()
    except BaseException as error:  # noqa: BLE001 - the one place where every way out becomes a code
        return _code_of(only_cause(error))
    return outcome if isinstance(outcome, int) else DONE


def only_cause(error: BaseException) -> BaseException:
    """The error inside a TaskGroup's group, if there is exactly one: it is what the user did, the group is our build."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _code_of(error: BaseException) -> int:
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case SystemExit():
            return _system_exit_code(error)
        case click.UsageError():
            say_error(_usage_line(error))
            return USAGE
        case click.ClickException():
            say_error(error.format_message())
            return FAILED
        case CommandFailed():
            say_error(str(error))
            return error.code
        case SettingsError():
            say_error(str(error))
            return USAGE
        case SchemaOutdated() if "migrate" not in str(error):
            say_error(
                f"{error}: this database has no jobstream schema, or an old one; run `jobstream migrate`"
            )
            return FAILED
        case JobStreamError():
            say_error(str(error))
            return FAILED
        case BrokenPipeError():
            return _closed_pipe()
        case _:
            _raise(error)


def _raise(error: BaseException) -> NoReturn:
    raise error


def _system_exit_code(error: SystemExit) -> int:
    if isinstance(error.code, str):
        say_error(error.code)
        return FAILED
    return error.code or DONE


def _usage_line(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    if error.ctx is None:
        return message
    return f"{message}. See: {error.ctx.command_path} --help"


def _closed_pipe() -> int:
    """`jobstream jobs list | head`: the reader has gone. Keep the interpreter's last flush from complaining too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
