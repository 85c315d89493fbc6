"""Build the documentation site: the pages of docs/, a reference of all public names and commands, records, results.

    make docs                             # into src/drivetrain/site, which `drivetrain docs` opens and a wheel brings
    make docs ARGS='--into FOLDER'        # also as FOLDER/VERSION, beside other versions, to be put on a web server

The pages are collected in build/docs in the form that the engine wants (zensical, see docs/decisions/house), and every
link and anchor of what comes out is followed.
"""

from __future__ import annotations

import argparse
import html
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import typer

import drivetrain as dt
from drivetrain.cli.main import app

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import guided  # noqa: E402 - a file beside this one

STAGE, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"
SOURCES = ROOT / "build" / "src"
PACKAGED = ROOT / "src" / "drivetrain" / "site"
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<to>[^()\s]+)\)")
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "data": (
        "Data",
        (
            "drivetrain.data",
            "drivetrain.kinds",
            "drivetrain.auditing",
            "drivetrain.collecting",
            "drivetrain.runtime.targets",
        ),
    ),
    "learning": (
        "Learning",
        ("drivetrain.learner", "drivetrain.training", "drivetrain.models", "drivetrain.tuning", "drivetrain.progress"),
    ),
    "judging": ("Judging", ("drivetrain.evaluation", "drivetrain.runtime.calibration")),
    "inside": (
        "Looking inside, statistics, charts",
        ("drivetrain.insight", "drivetrain.statistics", "drivetrain.pages"),
    ),
    "captions": ("Captions", ("drivetrain.captions",)),
    "deciding": ("Deciding", ("drivetrain.decisions",)),
    "predicting": ("Predicting", ("drivetrain.runtime",)),
    "errors": ("Errors", ("drivetrain.errors",)),
}
"""Page of the reference → its title, and the modules whose public names it holds; the first that suits is taken."""


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def collect() -> None:
    """All pages as Markdown, in `STAGE`."""
    shutil.rmtree(STAGE, ignore_errors=True)
    (STAGE / "reference").mkdir(parents=True)
    shutil.copytree(ROOT / "docs" / "images", STAGE / "images")
    sources = {"index.md": ROOT / "README.md", "changelog.md": ROOT / "CHANGELOG.md"}
    sources |= {"contributing.md": ROOT / "CONTRIBUTING.md"}
    sources |= {page.name: page for page in (ROOT / "docs").glob("*.md")}
    sources |= {f"results/{page.name}": page for page in (ROOT / "benchmarks" / "results").glob("*.md")}
    places = {source.resolve(): target for target, source in sources.items()}
    for record in (ROOT / "docs" / "decisions").glob("*/*.md"):
        places[record.resolve()] = f"decisions/{record.parent.name}.md#{record.stem}"
    places[(ROOT / "docs" / "decisions" / "README.md").resolve()] = "decisions/index.md"
    places |= guided.places()
    for target, source in sources.items():
        write(target, relinked(source, target, places))
    write("decisions/index.md", relinked(ROOT / "docs" / "decisions" / "README.md", "decisions/index.md", places))
    for folder in sorted(path for path in (ROOT / "docs" / "decisions").iterdir() if path.is_dir()):
        target = f"decisions/{folder.name}.md"
        records = [record_of(path, relinked(path, target, places)) for path in sorted(folder.glob("*.md"))]
        write(target, "\n\n".join([f"# {folder.name.replace('-', ' ').capitalize()}", *records]))
    for name, text in {**reference(), "commands.md": commands()}.items():
        write(name, text)
    for name, content in guided.pages():
        if isinstance(content, bytes) or not name.endswith(".md"):
            write(name, content)
        else:
            write(name, relinked(guided.FOLDER / "a.md", name, places, content))


def write(target: str, content: str | bytes) -> None:
    """A file of the stage."""
    path = STAGE / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def relinked(source: Path, target: str, places: Mapping[Path, str], text: str | None = None) -> str:
    """A page whose links lead to where pages are on the site; what is not on it is named without a link.

    Its text is that of `source`, unless another one is given that was made of it.
    """
    up = "../" * target.count("/")

    def moved(link: re.Match[str]) -> str:
        to, _, anchor = link["to"].partition("#")
        if "://" in to or not to:
            return link[0]
        found = places.get((source.parent / to).resolve())
        if found is None:
            inside = (source.parent / to).resolve().is_relative_to(ROOT / "docs" / "images")
            return link[0] if inside else link["text"]
        return f"[{link['text']}]({up}{found}{'#' + anchor if anchor else ''})"

    text = LINK.sub(moved, source.read_text(encoding="utf-8") if text is None else text)
    return text.replace("(docs/images/", "(images/").replace('src="docs/images/', 'src="images/')


def record_of(path: Path, text: str) -> str:
    """A record of a decision as a section of the page of its folder."""
    lines = [("#" + line if re.match(r"#+ ", line) else line) for line in text.strip().splitlines()]
    lines[0] = f"{lines[0]} {{ #{path.stem} }}"
    return "\n".join(lines)


def collect_sources() -> None:
    """The package with the docstrings' "Example:" in the plural, by which the engine knows that code follows."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    for path in (ROOT / "src").rglob("*.py"):
        text = re.sub(r"^(\s+)Example:$", r"\1Examples:", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        copied = SOURCES / path.relative_to(ROOT / "src")
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(re.sub(r"^\s+::$", "", text, flags=re.MULTILINE), encoding="utf-8")


# ── the reference ───────────────────────────────────────────────────────────────────────────────────────────────────


def reference() -> dict[str, str]:
    """A page for each group of public names, and one that lists all of them."""
    pages: dict[str, list[str]] = {key: [] for key in GROUPS}
    listed = [
        "# Reference",
        "Every public name, as `import drivetrain as dt` gives it.",
        "",
        "| name | what it is |",
        "|---|---|",
    ]
    for name in sorted(dt.__all__, key=str.lower):
        module, own_name = home_of(name)
        key = next(key for key, (_, rooms) in GROUPS.items() if module.startswith(rooms))
        pages[key] += [f'<a id="{name}"></a>', f"::: {module}.{own_name}" if own_name else f"::: {module}", ""]
        listed.append(f"| [`{name}`]({key}.md#{name}) | {first_line(name)} |")
    made = {f"reference/{key}.md": "\n\n".join([f"# {GROUPS[key][0]}", *parts]) for key, parts in pages.items()}
    return {**made, "reference/index.md": "\n".join(listed)}


def home_of(name: str) -> tuple[str, str]:
    """The module that defines a public name, and its name there; of a module nothing."""
    home, _, own_name = dt._HOME[name].partition(":")
    value = getattr(dt, name)
    if inspect.ismodule(value):
        return value.__name__, ""
    own_name = own_name or name
    made_in = getattr(value, "__module__", home)
    for module in (home, made_in):  # a package may hand on what one of its modules defines
        source = inspect.getsource(importlib.import_module(module))
        if re.search(rf"^(class|def|async def) {own_name}\b|^{own_name}\b[^=\n]*=", source, re.MULTILINE):
            return module, own_name
    source = inspect.getsource(importlib.import_module(home))
    handed_on = re.search(rf"^from (\S+) import .*\b{own_name}\b", source, re.MULTILINE)
    return (handed_on[1] if handed_on else home), own_name


def first_line(name: str) -> str:
    """What its docstring says first."""
    value = getattr(dt, name)
    if not (inspect.ismodule(value) or callable(value)):
        return "Name → what it is."
    said = (inspect.getdoc(value) or "").partition("\n")[0]
    return said.replace("|", "\\|")


def commands() -> str:
    """Every command with its arguments and options, as `--help` says them."""
    group = typer.main.get_command(app)
    parts = [
        "# Commands",
        "Every command of `drivetrain`, as `--help` says it; how they work together is in [the command line](cli.md).",
    ]
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        parts += [f"## {name} {{ #{name} }}", inspect.cleandoc(command.help or "").replace("\b\n", "")]
        rows = []
        for option in command.params:
            if getattr(option, "hidden", False):
                continue
            words = " ".join(f"`{word}`" for word in [*option.opts, *option.secondary_opts])
            shown = words if option.param_type_name == "option" else f"`{option.metavar or option.name.upper()}`"
            said = html.escape(getattr(option, "help", "") or "", quote=False).replace("|", "\\|").replace("\n", " ")
            rows.append(f"| {shown} | {said} |")
        parts.append("\n".join(["| argument or option | what it does |", "|---|---|", *rows]))
    return "\n\n".join(parts)


# ── what came out ───────────────────────────────────────────────────────────────────────────────────────────────────


class Links(HTMLParser):
    """Anchors of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if said.get(name)}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag in {"script", "img", "iframe"} and "src" in said:
            self.loaded.append(said["src"])
        if tag == "link" and said.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loaded.append(said["href"])


def faults(site: Path) -> Iterator[str]:
    """Links and anchors that lead nowhere, references left as text, and what a page would fetch from elsewhere."""
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in sorted(pages.items()):
        name = path.relative_to(site)
        for to in page.loaded:
            if urlsplit(to).scheme in {"http", "https"} or to.startswith("//"):
                yield f"{name} loads {to}"
        for to in [*page.links, *page.loaded]:
            parts = urlsplit(to)
            if parts.scheme or parts.netloc or name.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{name} leads to {to}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name} leads to {to}, and there is no such place on that page"
    reference_pages = [page for path, page in pages.items() if path.parent.name == "reference"]
    there = set[str]().union(*(page.anchors for page in reference_pages))
    yield from (f"the reference lacks {name}" for name in dt.__all__ if name not in there)


def publish(into: Path) -> None:
    """This version beside others that are there, the newest at the front door."""
    shutil.rmtree(into / dt.__version__, ignore_errors=True)
    shutil.copytree(SITE, into / dt.__version__)
    versions = [path.name for path in into.iterdir() if (path / "index.html").exists()]
    versions.sort(key=lambda name: [int(part) if part.isdigit() else -1 for part in name.split(".")], reverse=True)
    listed = [
        {"version": name, "title": name, "aliases": ["latest"] if name == versions[0] else []} for name in versions
    ]
    (into / "versions.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
    front = f'<!doctype html><title>drivetrain</title><meta http-equiv="refresh" content="0; url={versions[0]}/">'
    (into / "index.html").write_text(front, encoding="utf-8")


def main() -> None:
    """Collect, build, follow every link, and put the site where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, help="a folder of versions")
    asked = parser.parse_args()
    collect()
    collect_sources()
    shutil.rmtree(SITE, ignore_errors=True)
    engine = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(ROOT / "zensical.toml")]
    done = subprocess.run(engine, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit("the documentation was not built: see above. To fix: mend what it names.")
    found = list(faults(SITE))
    if found:
        sys.exit("\n".join([f"{len(found)} links of the documentation lead nowhere:", *found[:40]]))
    shutil.rmtree(PACKAGED, ignore_errors=True)
    shutil.copytree(SITE, PACKAGED)
    if asked.into:
        publish(asked.into)
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    n = len(list(SITE.rglob("*.html")))
    print(f"{PACKAGED.relative_to(ROOT)}: {n} pages, {size / 1e6:.1f} MB; drivetrain docs opens it")


if __name__ == "__main__":
    main()
