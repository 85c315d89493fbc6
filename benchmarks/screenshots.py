"""The pictures of docs/report.md: a small model is trained, its report and its review page are photographed.

    python benchmarks/screenshots.py ../shared [--out docs/images]

Twelve classes of the Grocery Store photographs at 128 px, a minute of training; half of the official test rows
validate, since few others do. One training label in twenty was changed first, so that the review has something to
find. Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import PRETRAINED
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sets import Row, grocery_table, write_table

import drivetrain as dt
from drivetrain.cli.commands.review import Desk
from drivetrain.cli.commands.review_server import ReviewServer
from drivetrain.learner.saving.saved_model import gather

CLASSES = 12
EPOCHS = 3
SIZE_PX = 128
CHANGED = 0.05
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 380, "height": 780}
COLOURS = 256
"""Of a picture in the docs, which makes it a third as large."""


@dataclass(frozen=True)
class Made:
    """What is photographed."""

    report: Path
    model: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "images")
    parser.add_argument("--all", action="store_true", help="also what the docs do not show: narrow, whole, all tabs")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DRIVETRAIN_PROJECT"] = str(Path(folder) / "project")
        made = make(asked.shared.resolve(), Path(folder))
        rows = gather(made.model)
        desk = Desk(rows, Path(folder) / "review.jsonl")
        for item in rows.items["labels"][:2]:
            desk.decide(item.rows[0], "relabel", item.suggestion)
        with sync_playwright() as driver, ReviewServer(desk.items, desk.picture, desk.decide) as server:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
            )
            photograph(browser, made, server.url, asked.out, everything=asked.all)
            browser.close()


def make(shared: Path, folder: Path) -> Made:
    """Train on labels some of which were changed, and write the report."""
    table = write_table(folder / "grocery.csv", some_wrong(larger_validation(largest_classes(shared, folder))))
    data = dt.images(table.path, path="path", target="label", split="split")
    learn = dt.Learner(data, f"local-dir:{shared / PRETRAINED}", size=SIZE_PX)
    learn.fine_tune(EPOCHS, checkpoint=False)
    report = learn.report(folder / "report.html", title="grocery.model", use="Sorting photographs of a shop's shelves")
    return Made(report, learn.save(folder / "grocery.model"))


def largest_classes(shared: Path, folder: Path) -> list[Row]:
    rows = grocery_table(shared, folder).rows
    kept = {label for label, _ in Counter(label for _, label, _ in rows).most_common(CLASSES)}
    return [row for row in rows if row[1] in kept]


def larger_validation(rows: list[Row]) -> list[Row]:
    """Every second test row validates instead."""
    test = [row for row in rows if row[2] == "test"]
    return [row for row in rows if row[2] != "test"] + [
        (path, label, "valid" if i % 2 else "test") for i, (path, label, _) in enumerate(test)
    ]


def some_wrong(rows: list[Row]) -> list[Row]:
    """The rows with one training label in twenty changed."""
    rng = random.Random(0)
    labels = sorted({label for _, label, _ in rows})

    def changed(row: Row) -> Row:
        path, label, part = row
        if part != "train" or rng.random() >= CHANGED:
            return row
        return path, rng.choice([other for other in labels if other != label]), part

    return [changed(row) for row in rows]


def photograph(browser: Browser, made: Made, review: str, out: Path, *, everything: bool) -> None:
    for scheme in ("light", "dark"):
        page = opened(browser, made.report.as_uri(), WIDE, scheme)
        shot(page, out / f"report-{scheme}.png")
    page = opened(browser, review, WIDE, "light")
    page.get_by_role("article").first.wait_for()
    page.wait_for_load_state("networkidle")
    shot(page, out / "review.png")
    if everything:
        look_at_all(browser, made, review, out)


def look_at_all(browser: Browser, made: Made, review: str, out: Path) -> None:
    for name, viewport in (("wide", WIDE), ("narrow", NARROW)):
        for scheme in ("light", "dark"):
            page = opened(browser, made.report.as_uri(), viewport, scheme)
            shot(page, out / f"all-report-{name}-{scheme}.png", full_page=True)
        page = opened(browser, review, viewport, "dark" if name == "narrow" else "light")
        for tab in ("Likely", "Duplicates", "Highest"):
            page.get_by_role("tab", name=tab).click()
            page.wait_for_load_state("networkidle")
            shot(page, out / f"all-review-{name}-{tab.lower()}.png")


def opened(browser: Browser, url: str, viewport: Any, scheme: Any) -> Page:
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
    page.goto(url)
    return page


def shot(page: Page, path: Path, **more: Any) -> None:
    page.screenshot(path=path, **more)
    picture = Image.open(path).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {picture.width}×{picture.height} px")


if __name__ == "__main__":
    main()
