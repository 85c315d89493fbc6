"""The guided notebooks that come with the package: which there are, and what each is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from drivetrain.errors import SettingError, did_you_mean

FOLDER = Path(__file__).parent
KEYS = ("title", "name", "question", "next")
TAKES = "a minute or two"
"""Said of a notebook whose front matter does not say how long it runs on two cores."""
FRONT = re.compile(r"\A---\n(?P<lines>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$\n?", re.MULTILINE | re.DOTALL)
DOCS_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?:\.\./)*docs/(?P<page>[\w/-]+)\.md(?:#[\w-]+)?\)")


@dataclass(frozen=True)
class Part:
    """A piece of a notebook: Markdown, or code."""

    kind: Literal["prose", "code"]
    text: str
    line: int
    """Where it begins in its file, counted from 1."""
    heading: str
    """Of the section that it stands in; empty before the first."""


@dataclass(frozen=True)
class Guide:
    """A guided notebook as its author wrote it."""

    file: Path
    title: str
    name: str
    """The word after `drivetrain demo`."""
    question: str
    next: str
    """The command for one's own data."""
    takes: str
    """How long it runs on two cores, in words."""
    parts: tuple[Part, ...]

    @property
    def code(self) -> tuple[Part, ...]:
        """Its blocks of Python, in order."""
        return tuple(part for part in self.parts if part.kind == "code")


def read(file: Path) -> Guide:
    """Divide one file.

    Raises:
        SettingError: Its front matter lacks something.

    Example:
        >>> guide = read(FOLDER / "01-learn.md")
        >>> guide.name, guide.parts[0].kind, guide.code[0].text.splitlines()[-1]
        ('learn', 'prose', 'import drivetrain as dt')
    """
    text = file.read_text(encoding="utf-8")
    front = FRONT.match(text)
    said = dict(re.findall(r"^(\w+):[ ]*(.+?)[ ]*$", front["lines"], re.MULTILINE)) if front else {}
    lacking = [key for key in KEYS if key not in said]
    if front is None or lacking:
        raise SettingError(
            f"{file.name} has no {' and '.join(lacking)}; expected front matter with {', '.join(KEYS)} between two "
            'lines "---". To fix: write them at its top.'
        )
    words = {key: _unquoted(said[key]) for key in KEYS}
    parts = tuple(_parts(front["body"], text[: front.start("body")].count("\n") + 1))
    return Guide(file, **words, takes=_unquoted(said.get("takes", TAKES)), parts=parts)


def _unquoted(said: str) -> str:
    return said[1:-1] if len(said) > 1 and said[0] == said[-1] and said[0] in "\"'" else said


def _parts(body: str, first_line: int) -> Iterator[Part]:
    at, heading = 0, ""
    for block in [*BLOCK.finditer(body), None]:
        prose = body[at : block.start() if block else len(body)]
        if prose.strip():
            shift = len(prose) - len(prose.lstrip("\n"))
            yield Part("prose", prose.strip(), first_line + body.count("\n", 0, at + shift), heading)
            found = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
            heading = found[-1] if found else heading
        if block:
            yield Part("code", block["code"], first_line + body.count("\n", 0, block.start("code")), heading)
            at = block.end()


@cache
def guides() -> tuple[Guide, ...]:
    """All that come with the package, in their order."""
    return tuple(read(file) for file in sorted(FOLDER.glob("[0-9][0-9]-*.md")))


def find(asked: str) -> Guide:
    """The notebook that goes by a name: as it stands in its front matter, its file's, or its number.

    Raises:
        SettingError: There is none.

    Example:
        >>> find("learn") is find("01-learn.md") is find("1")
        True
    """
    word = asked.strip().casefold().removesuffix(".md")
    for guide in guides():
        number, _, slug = guide.file.stem.partition("-")
        if word in {guide.name, guide.file.stem, slug, number, str(int(number))}:
            return guide
    names = ["images", *(guide.name for guide in guides())]
    raise SettingError(
        f"there is no demo {asked!r}; expected one of {', '.join(names)}.{did_you_mean(word, names)} "
        "To fix: drivetrain demo lists them with their questions."
    )


def away_from_docs(markdown: str) -> str:
    """Prose as it stands outside a clone: a link to a page of the documentation becomes the command that opens it.

    Example:
        >>> away_from_docs("See [honest numbers](../../../docs/honest.md#audits).")
        'See honest numbers (`drivetrain docs honest`).'
    """
    return DOCS_LINK.sub(r"\g<text> (`drivetrain docs \g<page>`)", markdown)
