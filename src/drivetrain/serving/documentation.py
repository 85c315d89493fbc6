"""The page at /docs, made from the OpenAPI document: plain HTML that loads nothing from elsewhere, and no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/page.css"></head>
<body class="docs"><main>
<h1>{title}</h1>
<p>{description} The same as data: <a href="/openapi.json">openapi.json</a>. <a href="/">Back to the page</a>.</p>
<pre><code>curl --data-binary @{one} http://127.0.0.1:8000/predict
curl -F file=@{one} -F file=@{two} http://127.0.0.1:8000/predict</code></pre>
{routes}
</main></body></html>
"""


def documentation(document: Mapping[str, Any], examples: tuple[str, str] = ("a.json", "b.json")) -> str:
    """HTML of an OpenAPI document; `examples` are names of two files that could be sent.

    Example:
        >>> page = documentation({"info": {"title": "a<b"}, "paths": {"/x": {"get": {"responses": {"200": {}}}}}})
        >>> "a&lt;b" in page, "<code>/x</code>" in page
        (True, True)
    """
    info = document["info"]
    routes = [
        _route(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return _PAGE.format(
        title=escape(info["title"]),
        description=escape(info.get("description", "")),
        routes="\n".join(routes),
        one=examples[0],
        two=examples[1],
    )


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    about = escape(operation.get("description", operation.get("summary", "")))
    kinds = operation.get("requestBody", {}).get("content", {})
    takes = "".join(f"<li><code>{escape(kind)}</code></li>" for kind in kinds)
    gives = "".join(
        f"<tr><td>{escape(code)}</td><td>{escape(response.get('description', ''))}</td></tr>"
        for code, response in sorted(operation["responses"].items())
    )
    body = f"<p>Takes</p><ul>{takes}</ul>" if takes else ""
    return (
        f"<section><h2><span class=method>{escape(method.upper())}</span> <code>{escape(path)}</code></h2>"
        f"<p>{about}</p>{body}<table><caption>Answers</caption><tbody>{gives}</tbody></table></section>"
    )
