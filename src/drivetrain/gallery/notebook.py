"""A guided notebook for Jupyter: an .ipynb file, with what its blocks have shown where it was run."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from drivetrain.errors import MissingExtraError
from drivetrain.gallery.reading import Guide, away_from_docs
from drivetrain.gallery.running import Run, Shown

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(guide: Guide, done: Run | None = None) -> str:
    """The file's text.

    Args:
        guide: What is written.
        done: Its run, whose outputs are written along; None writes code alone.

    Raises:
        MissingExtraError: The libraries of notebooks are not installed.
    """
    jupytext, nbformat = _libraries()
    book = jupytext.reads(markdown_of(guide), fmt="md")
    outputs = iter(done.shown if done else ())
    blocks = 0
    for i, cell in enumerate(book.cells):
        cell.id = f"{guide.name}-{i}"  # the same each time, so that a file under version control stays
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            blocks += 1
            cell.execution_count = blocks if done else None
            cell.outputs = [nbformat.from_dict(one) for one in _outputs(next(outputs, ()), blocks)]
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    nbformat.validate(book)
    return nbformat.writes(book)


def check_libraries() -> None:
    """See beforehand whether a notebook can be written.

    Raises:
        MissingExtraError: It cannot.
    """
    _libraries()


def _libraries() -> tuple[Any, Any]:
    try:
        import jupytext  # noqa: PLC0415 - an extra
        import nbformat  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"a notebook for Jupyter needs {error.name}, which is not installed. "
            "To fix: pip install 'drivetrain[notebooks]', or leave the notebook out: the page needs none of it."
        ) from error
    return jupytext, nbformat


def markdown_of(guide: Guide) -> str:
    """The whole notebook as Markdown: its title and question, all parts, and the command for one's own data."""
    parts = [
        away_from_docs(part.text) if part.kind == "prose" else f"```python\n{part.text.rstrip()}\n```"
        for part in guide.parts
    ]
    first, last = f"# {guide.title}\n\n*{guide.question}*", f"## With your own data\n\n```console\n$ {guide.next}\n```"
    return "\n\n".join([first, *parts, last]) + "\n"


def _outputs(shown: Sequence[Shown], count: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for one in shown:
        if one.warning:
            made.append({"output_type": "stream", "name": "stderr", "text": f"{one.text}\n"})
        elif not (one.html or one.chart or one.png) and one.printed:
            made.append({"output_type": "stream", "name": "stdout", "text": f"{one.text}\n"})
        else:
            data = {"text/plain": one.text}
            if one.chart is not None:
                data |= {"text/html": one.chart._repr_html_(), "image/svg+xml": one.chart.svg}  # pyright: ignore[reportPrivateUsage] - a name that notebooks give
            elif one.png:
                data["image/png"] = base64.b64encode(one.png).decode()
            elif one.html:
                data["text/html"] = one.html
            kind = (
                {"output_type": "display_data"}
                if one.png
                else {"output_type": "execute_result", "execution_count": count}
            )
            made.append({**kind, "data": data, "metadata": {}})
    return made
