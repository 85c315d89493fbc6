"""The report in a real browser: both themes, both widths, keyboard, print, and nothing from the network."""

import re
from dataclasses import replace

import pytest
from PIL import Image

from drivetrain.auditing.audit import Audit
from drivetrain.auditing.findings import Finding, Pair, RowRef
from drivetrain.auditing.section import audit_page
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.report import render
from drivetrain.runtime.targets import CategoryTarget
from tests.evaluation import tables
from tests.evaluation.test_report import HOSTILE, full, named

from .conftest import NARROW, WIDE

PAGES = {
    "2 categories": lambda: tables.category(200, 2),
    "81 categories": lambda: named(
        tables.category(600, 81), tuple(f"a rather long name of category {i}" for i in range(81))
    ),
    "long names": lambda: named(tables.category(90, 3), tuple(f"name_without_any_space_{i}" * 6 for i in range(3))),
    "labels": lambda: tables.categories(200, 20),
    "numbers": lambda: tables.number(200, 3),
}


@pytest.fixture(scope="module", params=PAGES)
def address(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("report") / "report.html"
    place.write_text(render(full(PAGES[request.param]())), encoding="utf-8")
    return place.as_uri()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    place = tmp_path_factory.mktemp("many") / "report.html"
    place.write_text(render(full(PAGES["81 categories"]())), encoding="utf-8")
    return place.as_uri()


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_it_fits_its_window_loads_nothing_and_says_no_error(address, open_page, viewport):
    watched = open_page(address, viewport=viewport)
    assert not watched.is_wider_than_its_window()
    assert [url for url in watched.requests if not url.startswith("data:")] == [address]
    assert watched.errors == []
    for picture in watched.page.locator("img").all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0


CROSSING = """() => {
  const boxes = (kind) => [...document.querySelectorAll(`svg[aria-labelledby^="matrix"] text.${kind}`)]
    .map((text) => [text.textContent, text.getBoundingClientRect()]);
  const cross = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return boxes("axis-name").flatMap(([axis, a]) =>
    boxes("label").filter(([, b]) => cross(a, b)).map(([label]) => `${axis} over ${label}`));
}"""


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
@pytest.mark.parametrize("names", [tuple("0123456789"), ("no", "yes"), ("apple", "a longer name", "pear")], ids=len)
def test_what_a_confusion_matrix_shows_is_not_written_over_its_names(names, viewport, open_page, tmp_path):
    (tmp_path / "report.html").write_text(render(full(named(tables.category(90, len(names)), names))), encoding="utf-8")
    page = open_page((tmp_path / "report.html").as_uri(), viewport=viewport).page
    assert page.locator('svg[aria-labelledby^="matrix"] text.axis-name').count() == 2
    assert page.evaluate(CROSSING) == []


def test_on_a_phone_results_of_openings_are_not_broken_within_words(many, open_page):
    page = open_page(many, viewport=NARROW).page
    assert page.locator(".openings td:nth-child(3)").first.bounding_box()["width"] > 150


def test_an_audit_has_the_reports_switch_of_themes(open_page, tmp_path):
    (tmp_path / "audit.html").write_text(audit_page(Audit("fruit", {"rows": 3}, (), {})), encoding="utf-8")
    page = open_page((tmp_path / "audit.html").as_uri(), color_scheme="light").page
    page.get_by_role("button", name="Switch to the dark theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 21, 24)"


LINES = """name => {
  const lines = new Map(), range = document.createRange();
  for (const node of name.childNodes) if (node.nodeType === 3)
    for (let i = 0; i < node.length; i++) {
      range.setStart(node, i); range.setEnd(node, i + 1);
      const top = Math.round(range.getBoundingClientRect().top);
      lines.set(top, (lines.get(top) ?? "") + node.data[i]);
    }
  return [...lines.values()];
}"""


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_no_line_of_a_file_name_is_a_single_letter(viewport, open_page, tmp_path):
    table = tables.category(40, 2)
    names = tuple(f"{'abcdefghijklmnopqrstuvwxyz'[: i % 26]}_{i}{'w' * (i % 20)}.jpg" for i in range(40))
    page = render(full(replace(table, names=names)))
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    found = open_page((tmp_path / "report.html").as_uri(), viewport=viewport).page.locator(".gallery span.name").all()
    broken = [lines for name in found if len(lines := name.evaluate(LINES)) > 1]
    assert broken and min(len(lines[-1]) for lines in broken) > 3


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_an_audit_fits_its_window(viewport, open_page, tmp_path):
    rows = []
    for i in range(2):
        path = tmp_path / f"a_rather_long_name_of_a_picture_without_any_space_{i}.png"
        Image.new("RGB", (200, 200), (90 * i, 80, 70)).save(path)
        rows.append(RowRef(path.name, "training", "a label", path))
    pair = Pair(*rows, "features alike, cosine 0.86")
    found = Finding("copies across parts", "problem", "2 copies", "text", "", (pair,), tuple(rows))
    (tmp_path / "audit.html").write_text(audit_page(Audit("fruit", {"rows": 2}, (found,), {})), encoding="utf-8")
    watched = open_page((tmp_path / "audit.html").as_uri(), viewport=viewport)
    assert not watched.is_wider_than_its_window()
    assert watched.errors == []


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_follows_the_system_and_the_button(many, open_page):
    light = open_page(many, color_scheme="light").page
    dark = open_page(many, color_scheme="dark").page
    white, black = background(light), background(dark)
    assert white != black
    light.get_by_role("button", name="Switch to the dark theme").click()
    assert background(light) == black
    light.get_by_role("button", name="Switch to the light theme").click()
    assert background(light) == white
    dark.get_by_role("button", name="Switch to the light theme").click()
    assert background(dark) == white
    dark.emulate_media(media="print")
    assert background(dark) == white


CONTRAST = """
() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.getClientRects().length) continue;
    if (node.closest("svg, script, style")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${node.textContent}`);
  }
  return poor;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(address, open_page, scheme):
    assert open_page(address, color_scheme=scheme).page.evaluate(CONTRAST) == []


def test_tables_sort_and_filter(many, open_page):
    page = open_page(many).page
    table = page.locator("table.sortable")
    rows = table.locator("tbody tr")
    head = table.get_by_role("columnheader", name="recognised")
    sort = head.get_by_role("button", name="Sort by")  # beside it, "recall" opens what it means
    sort.click()
    assert head.get_attribute("aria-sort") == "ascending"

    def recalls():
        said = table.locator("tbody tr td:nth-child(3)").all_text_contents()
        return [int(re.match(r"\d+", text)[0]) for text in said if text != "–"]

    assert recalls() == sorted(recalls())
    sort.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert recalls() == sorted(recalls(), reverse=True)
    page.get_by_role("searchbox").fill("category 80")
    assert [row.is_visible() for row in rows.all()].count(True) == 1


def test_everything_can_be_reached_with_the_keyboard(many, open_page):
    page = open_page(many).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the result"
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"theme", "A", "BUTTON", "INPUT", "SUMMARY", "DIV"} <= seen


def test_hostile_names_run_nothing(open_page, tmp_path):
    table = tables.category(60, len(HOSTILE))
    target = CategoryTarget(name=HOSTILE[0], vocab=HOSTILE)
    names = tuple(f"<img src=x onerror=alert({i})>.jpg" for i in range(60))
    hostile = Predictions(ids=table.ids, target=target, truth=table.truth, output=table.output, names=names)
    place = tmp_path / "hostile.html"
    place.write_text(render(full(hostile)), encoding="utf-8")
    watched = open_page(place.as_uri())
    assert watched.dialogs == [] and watched.errors == []
    assert watched.page.get_by_text("<script>alert(1)</script>").first.is_visible()


def test_it_can_be_read_without_scripts(many, open_page):
    page = open_page(many, java_script_enabled=False).page
    assert page.locator("#theme").is_hidden()
    assert page.get_by_role("heading", name="Where it goes wrong").is_visible()


def test_a_policy_that_is_broken_would_show(open_page, tmp_path):
    """The check for errors can fail: a script that the policy does not name is reported."""
    html = render(full(tables.category(30, 2))).replace("</main>", "<script>1</script></main>")
    (tmp_path / "x.html").write_text(html, encoding="utf-8")
    assert any("Content Security Policy" in error for error in open_page((tmp_path / "x.html").as_uri()).errors)
