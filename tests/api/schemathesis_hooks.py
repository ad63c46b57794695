"""What schemathesis does with each request of ours before it sends it."""

from typing import Any

import schemathesis

_WAIT = "0.2"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], **_: object) -> None:
    """Nobody waits here: what is waited for would take as long as it is allowed to."""
    if "wait" in (case.query or {}):
        case.query["wait"] = _WAIT
    if isinstance(case.body, dict) and isinstance(case.body.get("wait"), int | float):
        case.body["wait"] = float(_WAIT)
    if "Prefer" in (case.headers or {}):
        case.headers["Prefer"] = f"wait={_WAIT}"
