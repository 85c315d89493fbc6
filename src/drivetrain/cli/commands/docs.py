"""`drivetrain docs`: the documentation that came with the package, in a browser, without a network."""

from __future__ import annotations

import re
import shutil
import textwrap
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

import drivetrain
from drivetrain.cli.results import answers
from drivetrain.errors import DrivetrainError, SettingError, did_you_mean
from drivetrain.pages.terms import Term, reference, term_named
from drivetrain.progress import say

SITE = Path(drivetrain.__file__).parent / "site"
"""As `make docs` builds it; a wheel brings it along."""


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder; requests are not printed."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def docs(
    page: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which page, such as tutorial or ship#serve; or a term, such as log loss, whose meaning is printed.",
            show_default="the first",
        ),
    ] = None,
    *,
    port: Annotated[int, typer.Option(help="Of this machine; 0 takes one that is free.", min=0, max=65535)] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open the documentation of this version, or print what a term means.

    It brings its search and the reference of every name and command, and is served to this machine alone, until Ctrl-C.
    """
    asked = " ".join(page or ["index"])
    if term := asked_term(asked):
        with answers() as answer:
            answer(told(term))
        if not is_page(SITE, asked):
            return
    elif asked != "index" and not _pages(SITE):
        raise SettingError(
            f"there is no term {asked!r}; expected one such as log loss, or a page, and this copy of drivetrain came "
            f"without its pages.{did_you_mean(asked, reference())} To fix: in a clone run make docs."
        )
    with documentation(SITE, port) as server:
        address = f"http://127.0.0.1:{server.server_port}/{address_of(SITE, asked)}"
        say(f"the documentation is at {address}; Ctrl-C ends it")
        if not no_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def asked_term(asked: str) -> Term | None:
    """The term that is asked for, as "log loss", "log-loss" or "terms#log-loss"; None of anything else.

    Example:
        >>> asked_term("terms#interval").heading, asked_term("epochs").heading, asked_term("ship#serve")
        ('Confidence interval', 'Epoch', None)
    """
    page, _, anchor = asked.partition("#")
    if not anchor:
        return term_named(page)
    return term_named(anchor) if _name_of(page) == "terms" else None


def told(term: Term) -> str:
    """A term as a terminal shows it.

    Example:
        >>> print(told(asked_term("epoch")))
        Epoch
          One pass over the training set, every row once.
    """
    width = min(100, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(term.meaning, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([term.heading, *lines])


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


def is_page(site: Path, asked: str) -> bool:
    """Whether a page is meant, and there: a name may be that of a page and of a term, as "uplift" is."""
    return _name_of(asked.partition("#")[0]) in _pages(site)


def address_of(site: Path, asked: str) -> str:
    """The file of a page, and the place on it, by the names that people give them.

    Raises:
        SettingError: There is no such page, or no such place on it.
    """
    name, _, anchor = asked.partition("#")
    page = page_of(site, name or "index")
    if not anchor:
        return page
    known = re.findall(r'\bid="?([^\s">]+)', (site / page).read_text(encoding="utf-8"))
    term = asked_term(asked)
    wanted = next((each for each in (anchor, anchor.lower(), term.anchor if term else "") if each in known), None)
    if wanted is None:
        raise SettingError(
            f"the page {name!r} has no place {anchor!r}; expected the anchor of one of its headings."
            f"{did_you_mean(anchor, known)} To fix: leave #{anchor} out."
        )
    return f"{page}#{wanted}"


def page_of(site: Path, asked: str) -> str:
    """The file of a page, by the name that people give it.

    Raises:
        SettingError: There is none.
    """
    name, known = _name_of(asked), _pages(site)
    if name in known:
        return known[name]
    top = sorted(each for each in known if "/" not in each and each != "404")
    raise SettingError(
        f"there is no page {asked!r}; expected one of {', '.join(top)}, or a term."
        f"{did_you_mean(name, [*top, *reference()])} To fix: leave it out, and search."
    )


def _name_of(asked: str) -> str:
    return asked.strip("/").removesuffix(".html").removesuffix(".md").removeprefix("docs/")


def _pages(site: Path) -> dict[str, str]:
    """Name → file; a folder goes by its first page."""
    found = {path.relative_to(site).as_posix().removesuffix(".html") for path in site.rglob("*.html")}
    folders = {name.removesuffix("/index"): f"{name}.html" for name in found if name.endswith("/index")}
    return {**folders, **{name: f"{name}.html" for name in found}}
