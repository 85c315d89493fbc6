"""`drivetrain studio`: one local page over a project."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from drivetrain.cli.checked import path_of
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import answers
from drivetrain.errors import SettingError

if TYPE_CHECKING:
    from drivetrain.cli.local_server import Answer
    from drivetrain.cli.studio.finding import Finder

KEPT_APART = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For pages that lie in the folder: whoever wrote one, it can send nothing and reaches nothing of the studio."""
OWN = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""For the studio's own pages, which name their style sheet and script by hash besides."""


def studio(
    folder: Annotated[
        Path,
        typer.Argument(help="Where models and pages are looked for.", parser=path_of("FOLDER"), metavar="FOLDER"),
    ] = Path(),
    *,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Address of a running service; may be given several times.", show_default="none"),
    ] = None,
    port: Annotated[int, typer.Option(help="Of this machine; 0 takes one that is free.", min=0, max=65535)] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    project: ProjectFolder = None,
) -> None:
    """Open one page over a project: data and splits, trainings, models, reports and other pages, services.

    Nothing is computed that another command has not. It is served to this machine alone, until Ctrl-C.
    """
    from drivetrain.cli.local_server import LocalServer  # noqa: PLC0415
    from drivetrain.cli.studio.finding import Finder  # noqa: PLC0415 - brings numpy
    from drivetrain.data.seals.project import Project  # noqa: PLC0415

    with answers() as answer:
        if not folder.is_dir():
            raise SettingError(
                f"FOLDER={str(folder)!r}: there is no such folder; expected one with models or pages in it. "
                "To fix: name another one, or leave it out."
            )
        at_hand = folder / ".drivetrain"
        found = Project.find(project or (at_hand if folder != Path() and at_hand.is_dir() else None))
        finder = Finder(folder, found, [address_of(each) for each in service or ()])
        server = LocalServer("studio", Studio(finder).show, port=port)
        answer(f"studio at {server.url}")
        answer("stop with Ctrl-C")
        if not no_browser:
            webbrowser.open(server.url)
        try:
            server.run()
        except KeyboardInterrupt:
            return
        finally:
            server.close()


def address_of(word: str) -> str:
    """The address of a service.

    Raises:
        SettingError: It is none.

    Example:
        >>> address_of("http://127.0.0.1:8000/")
        'http://127.0.0.1:8000'
    """
    if urlsplit(word).scheme not in ("http", "https"):
        raise SettingError(
            f"--service {word!r}: expected an address such as http://127.0.0.1:8000. To fix: give the scheme too."
        )
    return word.rstrip("/")


class Studio:
    """Answers the requests of the page; nothing can be asked for that was not found there.

    Args:
        finder: Looks for what there is.
    """

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.found = finder.find()

    def show(self, path: str) -> Answer | None:
        """A page by its path; None where there is none."""
        from drivetrain.cli.local_server import HTML, POLICY, Answer  # noqa: PLC0415
        from drivetrain.cli.studio.finding import model_of  # noqa: PLC0415 - brings numpy
        from drivetrain.cli.studio.page import of_model, overview  # noqa: PLC0415

        own = {POLICY: OWN}
        if path == "/":
            self.found = self.finder.find()
            return Answer(overview(self.found).encode(), HTML, headers=own)
        room, _, key = path.strip("/").partition("/")
        if room == "page" and (page := next((each for each in self.found.pages if each.key == key), None)):
            file = page.file
            try:
                return Answer(file.read_bytes(), HTML, headers={POLICY: KEPT_APART})
            except OSError as error:
                raise SettingError(f"{file} cannot be read any more: {error.strerror}. To fix: go back.") from error
        if room == "model" and (known := next((each for each in self.found.models if each.key == key), None)):
            model = model_of(known.folder)  # as it is now
            pages = [page for page in self.found.pages if page.title.startswith(model.folder.name)]
            return Answer(of_model(model, pages).encode(), HTML, headers=own)
        return None
