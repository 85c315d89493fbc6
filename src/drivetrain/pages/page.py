"""A whole page: no network, no fonts, nothing that runs but the few lines that are named by their hash."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from drivetrain.pages.html import Child, Html, escape, tag, with_code
from drivetrain.pages.terms import Term, reference

GENERATOR = '<meta name="generator" content="drivetrain">'
"""By which a page is known to be one of these."""

_TERM = re.compile(r'<button type="button" class="term" popovertarget="term-([\w-]+)">(.*?)</button>')
"""As `html.explained` makes them."""


def document(title: str, *body: Html, style: str = "", script: str = "") -> str:
    """A page around its content, as HTML to be encoded as UTF-8.

    Its style sheet and script are the kit's, with what `style` and `script` add; its policy allows these alone,
    pictures and sounds inside it, and no request. Terms that were `explained` get their meanings at the end.

    Example:
        >>> document("<b>", page_header("A title", "what of", skip="To the result"), tag("main", "…", id="main"))[:15]
        '<!doctype html>'
    """
    style = "".join(map(resource, ("theme.css", "page.css", "terms.css", "charts.css"))) + style
    script = resource("page.js") + script
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(GENERATOR),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *with_meanings(escape(body))), lang='en')}\n"


def with_meanings(body: Html) -> tuple[Html, Html]:
    """The body of a page with each term marked where it is used first, and the panels with their meanings.

    Example:
        >>> from drivetrain.pages.html import section
        >>> body, panels = with_meanings(section("a", "Loss and losses", None))
        >>> body
        '...<button type="button" class="term" popovertarget="term-loss">Loss</button> and losses</h2>...'
        >>> panels
        '<div popover="auto" id="term-loss" class="meaning">...'
    """
    used: dict[str, Term] = {}
    by_anchor = {term.anchor: term for term in reference().values()}

    def once(button: re.Match[str]) -> str:
        if button[1] in used:
            return button[2]
        used[button[1]] = by_anchor[button[1]]
        return button[0]

    marked = _TERM.sub(once, body)
    return Html(marked), escape([_panel(term) for term in used.values()])


def _panel(term: Term) -> Html:
    name = f"term-{term.anchor}"
    said = [tag("p", tag("strong", term.heading)), tag("p", with_code(term.meaning))]
    close = tag("button", "Close", type="button", popovertarget=name, popovertargetaction="hide")
    return tag("div", said, close, popover="auto", id=name, class_="meaning")


def page_header(title: str, said: str, *, skip: str) -> Html:
    """The top of a page: what it is of, a link past it for the keyboard, and the switch between light and dark."""
    return tag(
        "header",
        tag("a", skip, href="#main", class_="skip"),
        tag("div", tag("h1", title), tag("p", said, class_="soft")),
        tag("button", "Dark", type="button", id="theme", hidden=True, aria_pressed="false"),
    )


def page_footer(*lines: Child) -> Html:
    """The end of a page: a paragraph for each line that is not None."""
    return tag("footer", [tag("p", line) for line in lines if line])


@cache
def resource(name: str) -> str:
    """A style sheet or script of this room."""
    return files("drivetrain.pages").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
