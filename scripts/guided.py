"""The guided notebooks as pages of the documentation site: run by `drivetrain demo`, once for each content."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from drivetrain.gallery.page import clean
from drivetrain.gallery.reading import FOLDER, Guide, guides
from drivetrain.pages.chart import style
from drivetrain.pages.html import Html
from drivetrain.pages.page import resource
from drivetrain.pages.svg import size_of
from drivetrain.runtime.cpus import usable_cpus

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "drivetrain"
KEPT = ROOT / "build" / "notebooks"
MOST_AT_A_TIME = 4
"""Notebooks that run, each in a process of its own of about one GB."""
WIDE_PX = 800
"""A drawing wider than this is not shrunk to the page: it scrolls, so that what it says can be read."""
LONGEST_LINE = 88
"""Of printed text, in characters; a longer sentence is folded."""
MOST_LINES = 60
"""Of printed text; a page shows the first of more, and the notebook has them all."""


def places() -> dict[Path, str]:
    """Where links to the gallery, and those between its pages, lead on the site."""
    found = {FOLDER.resolve(): "notebooks/index.md"}
    for guide in guides():
        found[guide.file.resolve()] = f"notebooks/{guide.name}.md"
        for ending in ("md", "ipynb"):
            found[FOLDER.resolve() / f"{guide.name}.{ending}"] = f"notebooks/{guide.name}.{ending}"
    return found


def place_of(guide: Guide) -> Path:
    """Where the notebook lies once it has run: another file for each content of notebook and package."""
    known = hashlib.sha256(guide.file.read_bytes())
    for path in sorted(PACKAGE.rglob("*.py")):
        known.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return KEPT / f"{guide.name}-{known.hexdigest()[:16]}.ipynb"


def notebook_of(guide: Guide) -> Path:
    """The notebook with what it showed, run now unless it was run before with the same text and the same package."""
    place = place_of(guide)
    if not place.exists():
        for older in KEPT.glob(f"{guide.name}-*.ipynb"):
            older.unlink()
        written, work = KEPT / f"new-{guide.name}.ipynb", KEPT / f"work-{guide.name}"
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "drivetrain", "demo", guide.name, "--out", str(work), "--json"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as many run at a time as there are cores
        done = subprocess.run(
            [*command, "--notebook", str(written)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"the notebook {guide.name} did not run:\n{done.stderr[-3000:]}")
        print(f"ran {guide.name} in {json.loads(done.stdout)['seconds']:,.0f} s", flush=True)
        written.replace(place)
    return place


def pages() -> Iterator[tuple[str, str | bytes]]:
    """Name below the site's folder → content: a page, a notebook to download and figures for each, and a list."""
    listed = [
        "# Guided notebooks",
        "One question each, answered on data that are there already. Read them here, as they ran when this "
        "documentation was built; run one with `drivetrain demo NAME`, which makes a page of it; or take the notebook "
        "into Jupyter.",
    ]
    with ThreadPoolExecutor(min(usable_cpus(), MOST_AT_A_TIME)) as processes:
        written = list(processes.map(notebook_of, guides()))
    for guide, place in zip(guides(), written, strict=True):
        book = place.read_text(encoding="utf-8")
        yield f"notebooks/{guide.name}.ipynb", book
        figures: dict[str, bytes] = {}
        yield f"notebooks/{guide.name}.md", page_of(guide, json.loads(book), figures)
        yield from ((f"notebooks/{name}", content) for name, content in figures.items())
        listed.append(f"**[{guide.title}]({guide.name}.md)** · `drivetrain demo {guide.name}`<br>\n{guide.question}")
    yield "notebooks/index.md", "\n\n".join(listed)  # no table: on a phone its columns were a word wide


def page_of(guide: Guide, book: Mapping[str, Any], figures: dict[str, bytes]) -> str:
    """The page; what it shows is put among the figures. Prose is the guide's own, whose links lead on."""
    outputs = iter([cell["outputs"] for cell in book["cells"] if cell["cell_type"] == "code"])
    pieces = [
        f"# {guide.title}",
        f"*{guide.question}*",
        f"Run it: `drivetrain demo {guide.name}` ({guide.takes}), or as a notebook for Jupyter: "
        f"[{guide.name}.ipynb]({guide.name}.ipynb).",
    ]
    for part in guide.parts:
        if part.kind == "prose":
            pieces.append(part.text.replace("<details>", '<details markdown="1">'))
            continue
        pieces.append(f"```python\n{part.text.rstrip()}\n```")
        pieces += [shown for one in next(outputs) for shown in _shown(one, guide.name, figures)]
    pieces.append(f"## With your own data\n\n```console\n$ {guide.next}\n```")
    return "\n\n".join(pieces) + "\n"


def _shown(output: Mapping[str, Any], name: str, figures: dict[str, bytes]) -> Iterator[str]:
    data: Mapping[str, Any] = output.get("data", {})
    file = f"{name}-{len(figures)}"
    alt = html.escape(" ".join(_text(data.get("text/plain", "")).split()), quote=True).replace("|", "&#124;")
    if "image/svg+xml" in data:
        light = _text(data["image/svg+xml"])
        figures[f"{file}-light.svg"], figures[f"{file}-dark.svg"] = light.encode(), dark(light).encode()
        wide = size_of(Html(light))[0]
        kept = f' style="width: {wide:.0f}px; max-width: none"' if wide > WIDE_PX else ""
        for theme in ("light", "dark"):
            drawn = f'<img src="{file}-{theme}.svg#only-{theme}" alt="{alt}"{kept}>'
            yield f"<div style='overflow-x: auto'>{drawn}</div>" if kept else f"<p>{drawn}</p>"
    elif "image/png" in data:
        figures[f"{file}.png"] = base64.b64decode(_text(data["image/png"]))
        yield f'<p><img src="{file}.png" alt="{alt}"></p>'
    elif "text/html" in data:
        said = re.sub(r"<table\b[^>]*>", "<table>", clean(_text(data["text/html"])))  # in the site's own form
        yield f"<div style='overflow-x: auto'>{' '.join(said.split())}</div>"
    else:
        printed = _text(output.get("text") or data.get("text/plain", "")).rstrip("\n").split("\n")
        lines = [part for line in printed for part in _folded(line)]
        more = [f"… {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
        yield "\n".join(["~~~~text", *lines[:MOST_LINES], *more, "~~~~"])


def _folded(line: str) -> list[str]:
    """A printed sentence in lines that fit on the page; columns stay as they are."""
    indent = line[: len(line) - len(line.lstrip())]
    if len(line) <= LONGEST_LINE or "  " in line.strip():
        return [line]
    return textwrap.wrap(line, LONGEST_LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _text(said: str | list[str]) -> str:
    """Text, which a notebook keeps as one or as a list of lines."""
    return said if isinstance(said, str) else "".join(said)


def dark(svg: str) -> str:
    """A drawing in the colours of the dark theme."""
    themes = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in resource("theme.css").split("}")]
    colours = [theme for theme in themes if theme][1]
    sheet = re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], resource("charts.css"))
    return svg.replace(style(), sheet)
