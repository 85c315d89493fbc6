"""A guided notebook run from top to bottom in a folder of its own, with what each block has shown."""

from __future__ import annotations

import ast
import base64
import io
import linecache
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from drivetrain.data.seals.elsewhere import INDEX_DIR
from drivetrain.data.seals.project import PROJECT
from drivetrain.errors import DrivetrainError, DrivetrainWarning, MissingExtraError
from drivetrain.gallery.reading import Guide, Part
from drivetrain.pages.chart import Chart

BACKEND = "MPLBACKEND"
MODULE_EXTRA = {
    "statsmodels": "statistics",
    "fastapi": "serve",
    "uvicorn": "serve",
    "soundfile": "sound",
    "tokenizers": "text",
    "transformers": "encoders",
    "wordllama": "encoders",
    "optuna": "tune",
    "ray": "scale",
}
"""Library → the extra that brings it; anything else comes with `train`."""


@dataclass(frozen=True)
class Shown:
    """One thing that a block has shown.

    Args:
        text: As plain text; lines that were printed, or what stands for the value.
        html: As HTML, where the value has it.
        chart: As a drawing, where it is one.
        png: As a picture, where it is one.
        printed: Whether it is printed lines.
        warning: Whether it is a warning.
    """

    text: str
    html: str = ""
    chart: Chart | None = None
    png: bytes = b""
    printed: bool = False
    warning: bool = False


@dataclass(frozen=True)
class Run:
    """What came out of a notebook: for each block of code, in order, what it has shown."""

    guide: Guide
    shown: tuple[tuple[Shown, ...], ...]
    seconds: float


def run(
    guide: Guide,
    folder: Path,
    *,
    before: Callable[[int, Part], None] = lambda number, part: None,
    after: Callable[[tuple[Shown, ...]], None] = lambda shown: None,
) -> Run:
    """Run all blocks in one namespace, with `folder` as the working directory.

    Args:
        guide: The notebook.
        folder: Where its files go; it exists and is empty.
        before: Called with the number of a block, from 1, and the block, before it runs.
        after: Called with what it has shown.

    Raises:
        MissingExtraError: A block imports what is not installed.
        DrivetrainError: A block fails.
    """
    began = time.monotonic()
    names: dict[str, Any] = {"__name__": "__main__"}
    here = f"{folder.resolve()}{os.sep}"
    outcome: list[tuple[Shown, ...]] = []
    with _at_home(folder):
        for number, part in enumerate(guide.code, start=1):
            before(number, part)
            outcome.append(tuple(_relative(shown, here) for shown in _run_block(guide, part, names)))
            after(outcome[-1])
    return Run(guide, tuple(outcome), round(time.monotonic() - began, 1))


def _relative(shown: Shown, here: str) -> Shown:
    """The same, without the name of the folder on this machine."""
    return replace(shown, text=shown.text.replace(here, ""), html=shown.html.replace(here, ""))


@contextmanager
def _at_home(folder: Path) -> Generator[None]:
    """Inside, the folder is the working directory and a project of its own, and figures need no display."""
    here = Path.cwd()
    with unlisted(), _environment(PROJECT, None), _environment(BACKEND, os.environ.get(BACKEND) or "agg"):
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


@contextmanager
def unlisted() -> Generator[None]:
    """Keep a demo's test set, which is the same for everybody, off the list of this user's projects, and unasked."""
    with _environment(INDEX_DIR, ""):
        yield


@contextmanager
def _environment(name: str, value: str | None) -> Generator[None]:
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _run_block(guide: Guide, part: Part, names: dict[str, Any]) -> list[Shown]:
    printed, told = io.StringIO(), list[str]()
    try:
        with redirect_stdout(printed), _warnings_kept(told):
            value = _execute(part.text, f"<{guide.file.name}, line {part.line}>", names)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        extras = ",".join(["train", *({MODULE_EXTRA[library]} if library in MODULE_EXTRA else ())])
        raise MissingExtraError(
            f"the notebook {guide.name} needs {library or 'a library'}, which is not installed. "
            f"To fix: pip install 'drivetrain[{extras}]'"
        ) from error
    except MissingExtraError:
        raise
    except Exception as error:
        said = str(error) if isinstance(error, DrivetrainError) else f"{type(error).__name__}: {error}"
        raise DrivetrainError(f"{guide.file.name} stopped in the block at line {part.line}: {said}") from error
    shown = [Shown(f"warning: {said}", warning=True) for said in told]
    if printed.getvalue().strip():
        shown.append(Shown(printed.getvalue().rstrip("\n"), printed=True))
    if value is not None and not part.text.rstrip().endswith(";"):  # as in Jupyter, where ";" keeps it back
        shown.append(_show(value))
    return [*shown, *_open_figures()]


def _execute(source: str, name: str, names: dict[str, Any]) -> Any:
    """Run a block; returns the value of its last line where that is an expression.

    The source is remembered by its name, so that tracebacks and `inspect.getsource` find it.
    """
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names) if isinstance(last, ast.Expr) else None  # noqa: S307 - a page of this package


@contextmanager
def _warnings_kept(told: list[str]) -> Generator[None]:
    """Inside, warnings of drivetrain are told once each, and those of others go where they went."""
    elsewhere = warnings.showwarning

    def keep(  # noqa: PLR0917 - as `warnings` calls it
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, DrivetrainWarning):
            elsewhere(message, category, filename, lineno, file, line)
        elif str(message) not in told:
            told.append(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", DrivetrainWarning)
        warnings.showwarning = keep
        yield


def _show(value: Any) -> Shown:
    """A value as a notebook shows it."""
    if isinstance(value, Chart):
        return Shown(str(value), chart=value)
    if hasattr(value, "savefig") and hasattr(value, "canvas"):
        return _figure(value)
    made = getattr(value, "_repr_html_", None)
    html = made() if callable(made) and not isinstance(value, type) else None
    if html is None and not isinstance(value, type) and callable(getattr(value, "_repr_svg_", None)):
        html = value._repr_svg_()
    return Shown(repr(value), html=str(html) if html else "")


def _figure(figure: Any) -> Shown:
    """A figure of matplotlib as a picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=144, bbox_inches="tight", facecolor="white")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    _close(figure)
    return Shown(f"figure: {', '.join(titles)}" if titles else "a figure", png=file.getvalue())


def _open_figures() -> list[Shown]:
    """What matplotlib's pyplot holds open, as Jupyter shows it at the end of a cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [_figure(pyplot.figure(number)) for number in pyplot.get_fignums()] if pyplot else []


def _close(figure: Any) -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        pyplot.close(figure)


def data_uri(png: bytes) -> str:
    """A picture as the address of itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
