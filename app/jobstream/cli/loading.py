"""Finding the application that `MODULE:APP` names."""

import importlib
import sys
import traceback
from pathlib import Path

from jobstream.application import JobStream
from jobstream.cli.exits import UsageFault


def load_application(target: str) -> JobStream:
    """Import `MODULE:APP`, with the current folder on the path. Raises UsageFault, with the place of the fault."""
    module_name, colon, attribute = target.partition(":")
    if not module_name or (colon and not attribute):
        raise UsageFault(f"{target!r} is no MODULE:APP, for example tasks:app")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    found = _import(module_name)
    for name in (attribute or "app").split("."):
        if not hasattr(found, name):
            raise UsageFault(f"module {module_name!r} has no {attribute or 'app'!r}")
        found = getattr(found, name)
    if not isinstance(found, JobStream):
        raise UsageFault(f"{target} is a {type(found).__name__}, not a jobstream.JobStream")
    return found


def _import(module_name: str) -> object:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise UsageFault(
                f"there is no module {module_name!r} here or among the installed ones"
            ) from error
        raise _at_fault(module_name, error) from error
    except Exception as error:
        raise _at_fault(module_name, error) from error


def _at_fault(module_name: str, error: Exception) -> UsageFault:
    """Where in the user's own code the import broke."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}:{error.lineno})"
    return UsageFault(f"cannot import {module_name!r}: {type(error).__name__}: {error}{place}")


def _is_theirs(filename: str) -> bool:
    return filename != __file__ and "importlib" not in filename
