"""`drivetrain demo`: lists the guided notebooks, and runs one, on data that are here already, without a network."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.results import AsJson, answers, as_json, next_steps, quoted
from drivetrain.errors import SettingError
from drivetrain.progress import say

if TYPE_CHECKING:
    from drivetrain.cli.results import Answer
    from drivetrain.gallery.reading import Guide, Part
    from drivetrain.gallery.running import Shown

OUT = Path("drivetrain-demo")
IMAGES = "The whole way: train on pictures, judge, save, predict, open the test set, report"
OWN_PICTURES = "drivetrain train YOUR_FOLDER --out your.model"


def demo(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Which: images, learn, honest, … ; without it they are listed.", metavar="NAME", show_default=False
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what the demo writes.",
            parser=path_of("out"),
            metavar="DIR",
            show_default=str(OUT),
        ),
    ] = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            help="Also write it for Jupyter, with what it showed.",
            parser=path_of("notebook"),
            metavar="FILE.ipynb",
            show_default=False,
        ),
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only write the notebook; Jupyter runs it.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser when it is there.")] = False,
    json: AsJson = False,
) -> None:
    """List the guided notebooks, or run one: a question of the field, answered on data that are here already.

    It runs in a folder of its own and becomes a page with prose, code, output and figures. `demo images` fine-tunes the
    embedded body on real handwriting, evaluates, saves, reloads, predicts, opens the test set, and reports.
    """
    with answers() as answer:
        if name is None:
            asked = [("--out", out), ("--notebook", notebook), ("--no-run", no_run), ("--open", open_page)]
            typed = next((option for option, value in asked if value), None)
            if typed:
                raise SettingError(
                    f"{typed} is about one demo, and none was named. To fix: drivetrain demo images {typed} …"
                )
            answer(as_json({"demos": _listed()}) if json else _list())
        elif name == "images":
            if notebook or no_run:
                raise SettingError(
                    "images is no notebook but a program; expected the name of one with --notebook. To fix: drivetrain "
                    "demo learn --notebook FILE.ipynb, which is about pictures too."
                )
            _images(out or OUT, answer, open_page=open_page, json=json)
        else:
            _guided(name, out or OUT, answer, notebook=notebook, no_run=no_run, open_page=open_page, json=json)


def _images(out: Path, answer: Answer, *, open_page: bool, json: bool) -> None:
    from drivetrain.cli.demo_images import as_lines, as_object, run  # noqa: PLC0415 - brings numpy
    from drivetrain.gallery.running import unlisted  # noqa: PLC0415

    with unlisted():
        done = run(out)
        answer(as_json(as_object(done)) if json else as_lines(done))
    if open_page:
        webbrowser.open(done.report.resolve().as_uri())


def _guided(
    name: str, out: Path, answer: Answer, *, notebook: Path | None, no_run: bool, open_page: bool, json: bool
) -> None:
    from drivetrain.gallery.notebook import check_libraries, notebook_of  # noqa: PLC0415 - numpy
    from drivetrain.gallery.reading import find  # noqa: PLC0415
    from drivetrain.runtime.files.places import file_to_write  # noqa: PLC0415

    guide = find(name)
    if notebook:
        check_libraries()
        file_to_write(notebook, "--notebook", over=(".ipynb",))
        if notebook.suffix != ".ipynb":
            raise SettingError(
                f"--notebook {quoted(notebook)} cannot be opened by Jupyter; expected a name that ends in .ipynb. "
                f"To fix: --notebook {quoted(notebook.with_suffix('.ipynb'))}."
            )
    if no_run:
        if notebook is None:
            raise SettingError(
                f"--no-run leaves nothing to do; expected --notebook beside it. To fix: --notebook {guide.name}.ipynb."
            )
        notebook.write_text(notebook_of(guide), encoding="utf-8")
        told: dict[str, Any] = {"name": guide.name, "notebook": str(notebook)}
        answer(as_json(told) if json else f"notebook in {quoted(notebook)}: open it in Jupyter and run its cells")
        return
    _run(guide, out, answer, notebook=notebook, open_page=open_page, json=json)


def _run(guide: Guide, out: Path, answer: Answer, *, notebook: Path | None, open_page: bool, json: bool) -> None:
    from drivetrain.gallery.folder import own_folder  # noqa: PLC0415 - numpy
    from drivetrain.gallery.notebook import notebook_of  # noqa: PLC0415
    from drivetrain.gallery.page import page_of  # noqa: PLC0415
    from drivetrain.gallery.running import run  # noqa: PLC0415

    def before(number: int, part: Part) -> None:
        say(f"{number} of {len(guide.code)}: {part.heading or guide.title}")

    def after(shown: tuple[Shown, ...]) -> None:
        for one in shown if not json else ():
            answer("\n".join(f"  {line}" for line in one.text.splitlines()))

    say(f"{guide.title}\n{guide.question}")
    place = notebook.absolute() if notebook else None
    with own_folder(out / guide.name, guide.name) as folder:
        done = run(guide, folder, before=before, after=after)
        page = folder / f"{guide.name}.html"
        page.write_text(page_of(done), encoding="utf-8")
    if place:
        place.write_text(notebook_of(guide, done), encoding="utf-8")
    if json:
        told = {"name": guide.name, "title": guide.title, "seconds": done.seconds, "blocks": len(guide.code)}
        told |= {"folder": str(folder), "page": str(page), "notebook": str(notebook) if notebook else None}
        answer(as_json({**told, "next": guide.next}))
    else:
        answer(f"page in {quoted(page)} after {done.seconds:,.1f} s: open it in a browser")
        if notebook:
            answer(f"notebook in {quoted(notebook)}: open it in Jupyter")
        answer(next_steps([(guide.next, "your own data")]))
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _listed() -> list[dict[str, str]]:
    from drivetrain.gallery.reading import guides  # noqa: PLC0415 - next to its only use

    images = {"name": "images", "title": IMAGES, "question": "", "takes": "a minute", "next": OWN_PICTURES}
    keys = ("name", "title", "question", "takes", "next")
    return [images, *({key: getattr(guide, key) for key in keys} for guide in guides())]


def _list() -> str:
    listed = _listed()
    width = max(len(each["name"]) for each in listed)
    lines = [f"  {each['name']:<{width}}  {each['question'] or each['title']} ({each['takes']})" for each in listed]
    steps = [
        (f"drivetrain demo {listed[1 if len(listed) > 1 else 0]['name']}", "run one; it becomes a page"),
        (OWN_PICTURES, "your own: one sub-folder per class"),
    ]
    return "\n".join(["demos, on data that are here already", *lines, next_steps(steps)])
