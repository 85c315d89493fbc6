"""`drivetrain docs`: the documentation that came with the package, in a browser, without a network."""

from __future__ import annotations

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

import drivetrain
from drivetrain.errors import DrivetrainError, SettingError, did_you_mean
from drivetrain.progress import say

SITE = Path(drivetrain.__file__).parent / "site"
"""As `make docs` builds it; a wheel brings it along."""


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder; requests are not printed."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def docs(
    page: Annotated[
        str, typer.Argument(help="Which page, such as tutorial, terms or reference.", show_default="the first")
    ] = "index",
    *,
    port: Annotated[int, typer.Option(help="Of this machine; 0 takes one that is free.", min=0, max=65535)] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open the documentation of this version, with its search and the reference of every name and command.

    It is served to this machine alone, until Ctrl-C.
    """
    with documentation(SITE, port) as server:
        address = f"http://127.0.0.1:{server.server_port}/{page_of(SITE, page)}"
        say(f"the documentation is at {address}; Ctrl-C ends it")
        if not no_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def documentation(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder, for this machine alone.

    Raises:
        DrivetrainError: There is no documentation, or the port is taken.
    """
    if not (site / "index.html").is_file():
        raise DrivetrainError(
            f"this copy of drivetrain came without its documentation ({site} is missing); expected it beside the code. "
            "To fix: in a clone run make docs, or read the Markdown pages in docs/."
        )
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(site)))
    except OSError as error:
        raise SettingError(f"port {port} cannot be had: {error.strerror}. To fix: leave --port out.") from error


def page_of(site: Path, asked: str) -> str:
    """The file of a page, by the name that people give it.

    Raises:
        SettingError: There is none.
    """
    name = asked.strip("/").removesuffix(".html").removesuffix(".md").removeprefix("docs/")
    known = {path.relative_to(site).as_posix().removesuffix(".html") for path in site.rglob("*.html")}
    for wanted in (name, f"{name}/index"):
        if wanted in known:
            return f"{wanted}.html"
    top = sorted(each for each in known if "/" not in each and each != "404")
    raise SettingError(
        f"there is no page {asked!r}; expected one of {', '.join(top)}.{did_you_mean(name, top)} "
        "To fix: leave it out, and search."
    )
