"""A word of a page opens its meaning: beside the word, inside the window, and closed again by the keyboard."""

import pytest

from drivetrain.pages.html import section
from drivetrain.pages.page import document

from .conftest import NARROW, WIDE

PLACES = """name => {
    const word = document.querySelector(`[popovertarget="${name}"]`).getBoundingClientRect();
    const panel = document.getElementById(name).getBoundingClientRect();
    const apart = panel.top >= word.bottom || panel.bottom <= word.top;
    return [apart, panel.left >= 0 && panel.right <= innerWidth && panel.top >= 0 && panel.bottom <= innerHeight];
}"""


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_a_word_opens_its_meaning_beside_it(viewport, open_page, tmp_path):
    place = tmp_path / "page.html"
    titles = ["Loss", "Losses, and far to the right of all of them a calibration error", "Overfitting"]
    place.write_text(document("p", *(section(f"s{i}", title, None) for i, title in enumerate(titles))), "utf-8")
    watched = open_page(place.as_uri(), viewport=viewport)
    page = watched.page
    words = page.locator(".term")
    assert words.all_inner_texts() == ["Loss", "calibration error", "Overfitting"]
    for word in words.all():
        panel = page.locator(f"#{word.get_attribute('popovertarget')}")
        assert panel.is_hidden()
        word.click()
        assert panel.is_visible() and page.evaluate(PLACES, word.get_attribute("popovertarget")) == [True, True]
        page.keyboard.press("Escape")
        assert panel.is_hidden()
    assert watched.errors == [] and not watched.is_wider_than_its_window()
