"""The page about the inside of a network in a real browser: clicks, keyboard, both widths, and nothing is loaded."""

import pytest

from drivetrain.insight.page.document import render
from drivetrain.insight.page.shown import Shown
from tests.insight import made_up

from .conftest import NARROW, WIDE


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    subject = made_up.subject()
    place = tmp_path_factory.mktemp("inside") / "inside.html"
    place.write_text(render(Shown(made_up.inside(subject), subject, {1: "banana, 93 %"})), encoding="utf-8")
    return place.as_uri()


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_it_fits_its_window_loads_nothing_and_says_no_error(address, open_page, viewport):
    watched = open_page(address, viewport=viewport)
    for hash_ in ("", "#layer-2-channel-0", "#picture-1"):
        watched.page.goto(address + hash_)
        assert not watched.is_wider_than_its_window()
    assert [url for url in watched.requests if not url.startswith(("data:", address))] == []
    assert watched.errors == [] and watched.dialogs == []


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_from_a_layer_to_a_picture_in_three_clicks_and_back(address, open_page, viewport):
    page = open_page(address, viewport=viewport).page
    page.get_by_role("navigation").get_by_role("link").nth(1).click()
    assert page.url.endswith("#layer-2")
    page.locator("#layer-2").get_by_role("link", name="Channel 0").click()
    feature = page.locator("#layer-2-channel-0")
    assert feature.evaluate("e => getComputedStyle(e).position") == "fixed"
    assert feature.get_by_text("Each patch is what can change the activation").is_visible()
    feature.locator(".nine a").first.click()
    sheet = page.locator(".sheet:target")
    assert sheet.is_visible() and sheet.locator("[data-feature].from").count() >= 2  # a box, and its line
    page.keyboard.press("Escape")
    assert page.url.endswith("#layer-2-channel-0")
    page.keyboard.press("Escape")
    assert page.url.endswith("#at-layer-2-channel-0") and page.locator("#layer-2").is_visible()


def test_without_a_script_it_opens_as_well(address, open_page):
    page = open_page(address, java_script_enabled=False).page
    page.locator("#layer-1").get_by_role("link", name="Channel 1").click()
    page.locator("#layer-1-channel-1 .nine a").first.click()
    assert page.locator(".sheet .view:visible").count() == 1
    page.locator(".sheet:target > .close").click()
    assert page.locator(".sheet:visible").count() == 0


def test_patches_of_few_pixels_are_not_blurred(address, open_page):
    page = open_page(address).page
    assert page.locator("#layer-1 .nine image").first.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"


def test_both_themes_have_their_colours(address, open_page):
    page = open_page(address, color_scheme="dark").page
    page.goto(address + "#layer-2-channel-0")
    assert page.locator("#layer-2-channel-0").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(19, 21, 24)"
