"""What a client accepts (RFC 9110 §12.5.1), as far as it makes a difference here."""

from enum import Enum


class Form(Enum):
    """The two forms of a stream."""

    SSE = "text/event-stream"
    JSON = "application/json"


def stream_form(accept: str | None) -> Form:
    """SSE unless JSON is asked for by name and not less than SSE is."""
    weights = _weights(accept or "")
    json = weights.get(Form.JSON.value, 0.0)
    return Form.JSON if json > 0 and json > weights.get(Form.SSE.value, 0.0) else Form.SSE


def wants(accept: str | None, media_type: str) -> bool:
    """Whether a media type is asked for by name."""
    return _weights(accept or "").get(media_type, 0.0) > 0


def wants_page(accept: str | None) -> bool:
    """Whether it is a browser that asks, which names HTML where programs do not."""
    return wants(accept, "text/html")


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether a client already has what it asks for (weak comparison)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known


def waited_for(prefer: str | None) -> float | None:
    """Seconds of `Prefer: wait=N` (RFC 7240)."""
    for preference in (prefer or "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip().lower() == "wait" and value.strip().isdigit():
            return float(value.strip()[:9])
    return None


def _weights(accept: str) -> dict[str, float]:
    weights = {}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type:
            weights[media_type] = _weight(parameters)
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
