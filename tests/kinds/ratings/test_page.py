"""The page of a service of ratings in a browser: a user is tried, favourites are picked, rules are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivetrain.serving.settings import Settings
from tests.serving.conftest import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models["factors"].save(tmp_path_factory.mktemp("page") / "books.model")


@pytest.fixture(params=[390, 1280])
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    scheme = "dark" if request.param == 390 else "light"
    context = chromium.new_context(viewport={"width": request.param, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    opened.faults = []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    yield opened
    context.close()


def test_a_user_and_favourites_are_tried(page: Any, saved: Path, models: dict[str, Any]) -> None:
    with running(saved, Settings()) as live:
        page.goto(live.url)
        page.wait_for_selector("#offers li")
        page.fill("#user", "u7")
        page.click("#question .buttons button:first-child")
        page.wait_for_selector("#recommended li")
        right = models["factors"].recommend("u7", 10)
        shown = page.locator("#recommended li .words").all_inner_texts()
        assert [line.split()[-1] for line in shown] == list(right.items)
        assert "For u7" in page.inner_text("#list-title")
        page.click("#recommended li:first-child button")
        page.wait_for_selector("#similar li")
        page.click("#clear")
        page.fill("#words", "book 3")
        page.wait_for_selector("#offers li:first-child:has-text('Book 3')")
        page.click("#offers li:first-child button")
        page.fill("#picked input", "4")
        page.click("summary >> nth=0")
        page.select_option("#at-most-per", "author")
        page.click("#question .buttons button:first-child")
        page.wait_for_selector("#list-title:has-text('For somebody new')")
        item = page.locator("#recommended li .words").all_inner_texts()
        likes = models["factors"].recommender.catalogue
        picked = page.locator("#picked .words").inner_text().strip().casefold()
        found = models["factors"].recommend(
            favourites={likes.items[likes.by_title[picked]]: 4}, n=10, at_most_per={"author": 1}
        )
        assert [line.split()[-1] for line in item] == list(found.items)
        page.click("#clear")
        page.fill("#user", "nobody")
        page.click("#question .buttons button:first-child")
        page.wait_for_selector("#status:has-text('is not known')")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert page.faults == []
