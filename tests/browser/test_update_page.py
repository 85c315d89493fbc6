"""The page of an update in a real browser: both widths, both themes, and the rows that turned to be seen."""

import pytest

from drivetrain.evaluation.updates.page import render
from tests.evaluation import tables
from tests.evaluation.test_updates import parts, record, task

from .conftest import NARROW, WIDE

MANY = task("old", tables.category(300, 81), tables.category(300, 81, strength=1.0))
PAGES = {
    "fruit": parts,
    "held back": lambda: parts(record=record(held_back="the old task is significantly worse: accuracy " * 4)),
    "81 classes": lambda: parts(old=MANY, new=None, title="a_long_name_without_any_space" * 4),
}


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_it_fits_its_window_and_shows_what_turned(name, scheme, viewport, open_page, tmp_path):
    place = tmp_path / "update.html"
    place.write_text(render(PAGES[name]()), encoding="utf-8")
    watched = open_page(place.as_uri(), viewport=viewport, color_scheme=scheme)
    page = watched.page
    assert not watched.is_wider_than_its_window() and watched.errors == []
    assert [url for url in watched.requests if not url.startswith("data:")] == [place.as_uri()]
    cards = page.locator("#flips .gallery li")
    assert cards.count() >= 2
    for card in cards.all()[:3]:
        card.scroll_into_view_if_needed()
        assert card.locator("img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
        assert card.inner_text().split()[0] == "was" and "labelled" in card.inner_text()
    assert page.locator("#between svg circle.ring").count() == 1


def test_classes_are_sorted_by_what_they_lost_and_by_a_click(open_page, tmp_path):
    place = tmp_path / "update.html"
    place.write_text(render(PAGES["81 classes"]()), encoding="utf-8")
    page = open_page(place.as_uri(), viewport=WIDE).page
    rows = page.locator("#classes tbody tr")
    count = rows.count()
    assert count > 12
    page.get_by_role("button", name="rows").first.click()
    sizes = [int(text) for text in page.locator("#classes tbody tr td:nth-child(2)").all_inner_texts()]
    assert sizes == sorted(sizes) or sizes == sorted(sizes, reverse=True)
    page.locator("#classes input[type=search]").fill("k001")
    assert page.locator("#classes tbody tr:visible").count() == 1
