"""The API's reference as one page of plain HTML, made from the OpenAPI document."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

_METHODS: Final = ("get", "post", "put", "patch", "delete")
STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, .path { font-family: ui-monospace, monospace; font-size: 0.9em; }
section { border-top: 1px solid #8884; padding: 0.5rem 0 1rem; }
h2 { font-size: 1rem; margin: 0.5rem 0; }
.method { display: inline-block; min-width: 4rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #8883; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; width: 14rem; }
pre { overflow-x: auto; }
small { opacity: 0.75; }
"""


def render(document: dict[str, Any]) -> str:
    """The page."""
    info = document["info"]
    return "".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width, initial-scale=1'>",
            f"<title>{escape(info['title'])}: API</title><style>{STYLE}</style>",
            f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            *(f"<p>{_prose(part)}</p>" for part in info.get("description", "").split("\n\n")),
            "<p>As a document: <a href='schema/openapi.json'><code>openapi.json</code></a></p>",
            *_operations(document),
            "<h1>Shapes</h1>",
            *_shapes(document.get("components", {}).get("schemas", {})),
            "</html>",
        ]
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, item in sorted(document.get("paths", {}).items()):
        for method in _METHODS:
            if method in item:
                yield _operation(path, method, item[method])


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = [
        (parameter["name"], f"{parameter['in']}. {parameter.get('description', '')}")
        for parameter in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [("body", _type(content.get("schema", {}))) for content in body.values()]
    rows += [
        (f"→ {status}", answer.get("description", ""))
        for status, answer in operation.get("responses", {}).items()
    ]
    return (
        f"<section><h2><span class=method>{method.upper()}</span> <span class=path>{escape(path)}</span></h2>"
        f"<p>{_prose(operation.get('description', operation.get('summary', '')))}</p>{_table(rows)}</section>"
    )


def _shapes(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        title = schema.get("title", name)
        required = set(schema.get("required", ()))
        rows = [
            (f"{member}{' *' if member in required else ''}", f"{_type(kind)} {kind.get('description', '')}")
            for member, kind in schema.get("properties", {}).items()
        ]
        yield (
            f"<section id='{escape(name)}'><h2>{escape(title)}</h2>"
            f"<p>{_prose(schema.get('description', ''))}</p>{_table(rows)}"
            f"{''.join(map(_example, schema.get('examples', ())))}</section>"
        )


def _example(example: Any) -> str:
    return f"<pre>{escape(json.dumps(example, indent=2))}</pre>"


def _table(rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_prose(what)}</td></tr>" for name, what in rows
    )
    return f"<table>{cells}</table>"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].rpartition("_")[2]
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_type(option) for option in schema.get("oneOf") or schema["anyOf"])
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _prose(text: str) -> str:
    """Text with `code` marked as such."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
