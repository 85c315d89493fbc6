"""The review page in a real browser: what is decided is on the disk, through reloads and crashes of the server."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from drivetrain.cli.commands.review import Desk
from drivetrain.cli.commands.review_server import ReviewServer
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells, Files
from drivetrain.data.review import read_review
from drivetrain.evaluation import Predictions
from drivetrain.learner.review import Item, ReviewRows
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

from .conftest import NARROW, WIDE

VOCAB = ("apple", "pear", "plum", "<b>fig</b>")


@pytest.fixture
def rows(tmp_path):
    """Ten pictures: four suspects, a pair, four losses."""
    folder = tmp_path / "fruit"
    folder.mkdir()
    paths = []
    for i in range(10):
        paths.append(folder / f"<img src=x onerror=alert(1)> {i}.png")
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(paths[-1])
    target = CategoryTarget(name="fruit", vocab=VOCAB)
    values = tuple(VOCAB[i % 4] for i in range(10))
    examples = Examples(Files(paths), tuple(f"{i:032x}" for i in range(10)), values)
    output = np.full((10, 4), 0.1)
    output[np.arange(10), (np.arange(10) + 1) % 4] = 0.7
    said = Predictions(ids=examples.digests, target=target, truth=target.encode(values), output=output)
    return ReviewRows(
        title="fruit.model",
        source="folder fruit",
        target=target,
        examples=examples,
        n_valid=6,
        said=said,
        judges=("the model", "a probe"),
        items={
            "labels": tuple(Item((i,), VOCAB[(i + 1) % 4]) for i in range(4)),
            "duplicates": (Item((4, 7)),),
            "losses": tuple(Item((i,)) for i in (0, 1, 5, 3)),
        },
        notes=("Training rows are judged by a probe.",),
    )


@pytest.fixture
def desk(rows, tmp_path):
    return Desk(rows, tmp_path / "review.jsonl")


@pytest.fixture
def server(desk):
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        yield server


def decided(desk):
    """Row → (action, label), as the file has it."""
    if not desk.out.exists():
        return {}
    rows = {digest: row for row, digest in enumerate(desk.rows.examples.digests)}
    return {rows[digest]: (made.action, made.label) for digest, made in read_review(desk.out).items()}


def saved(page, n):
    page.get_by_text(f"{n} of 7 decided").wait_for()


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_it_fits_its_window_and_says_no_error(server, open_page, viewport):
    watched = open_page(server.url, viewport=viewport)
    watched.page.get_by_role("tab", name="Likely wrong labels (4 left of 4)").wait_for()
    assert server.token not in watched.page.url, "the address can be shown around"
    for tab in watched.page.get_by_role("tab").all():
        tab.click()
        watched.page.wait_for_timeout(100)
        assert not watched.is_wider_than_its_window()
    assert watched.errors == [] and watched.dialogs == []
    assert all(url.startswith((f"http://127.0.0.1:{server.port}/", "data:")) for url in watched.requests)


def test_keys_decide_and_the_file_has_it_at_once(server, desk, open_page):
    page = open_page(server.url).page
    page.get_by_role("article").first.wait_for()
    page.keyboard.press("k")
    saved(page, 1)
    page.keyboard.press("r")
    saved(page, 2)
    page.keyboard.press("x")
    saved(page, 3)
    assert decided(desk) == {0: ("keep", None), 1: ("relabel", "plum"), 2: ("remove", None)}
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("k")
    page.locator("article").nth(2).filter(has_text="kept as it is").wait_for()
    assert decided(desk)[2] == ("keep", None), "a decision can be changed"


def test_buttons_decide_and_a_reload_shows_it(server, desk, open_page):
    page = open_page(server.url).page
    card = page.get_by_role("article").nth(1)
    card.get_by_role("button", name="Remove").click()
    saved(page, 1)
    page.reload()
    saved(page, 1)
    card = page.get_by_role("article").nth(1)
    assert card.get_by_role("button", name="Remove").get_attribute("aria-pressed") == "true"
    assert card.get_by_text("removed", exact=True).is_visible()
    assert "current" in page.get_by_role("article").first.get_attribute("class"), "goes on with what is left"


def test_another_label_is_chosen_from_a_list_by_keyboard(server, desk, open_page):
    page = open_page(server.url).page
    page.get_by_role("article").first.wait_for()
    page.keyboard.press("l")
    page.get_by_role("dialog", name="The right label").wait_for()
    assert page.get_by_role("option").count() == 4
    page.keyboard.type("p")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    saved(page, 1)
    assert decided(desk) == {0: ("relabel", "plum")}
    page.keyboard.press("l")
    page.keyboard.type("no such fruit")
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible(), "there is nothing to choose"
    page.keyboard.press("Escape")
    page.get_by_role("article").nth(2).get_by_role("button", name="Other label").click()
    page.get_by_role("option", name="<b>fig</b>").click()
    saved(page, 2)
    assert decided(desk)[2] == ("relabel", "<b>fig</b>")


def test_pairs_are_side_by_side_and_decided_one_by_one(server, desk, open_page):
    page = open_page(server.url + "#duplicates").page
    page.get_by_role("tab", name="Duplicates").click()
    pair = page.get_by_role("article")
    assert pair.count() == 2
    pair.nth(1).get_by_role("button", name="Remove").click()
    saved(page, 1)
    assert decided(desk) == {7: ("remove", None)}


def test_keys_decide_right_after_a_tab_was_clicked(server, desk, open_page):
    page = open_page(server.url).page
    page.get_by_role("tab", name="Duplicates").click()
    page.keyboard.press("x")
    saved(page, 1)
    assert decided(desk) == {4: ("remove", None)}


def test_copies_of_one_file_say_that_they_are_decided_together(rows, tmp_path, open_page):
    digests = (*rows.examples.digests[:7], rows.examples.digests[4], *rows.examples.digests[8:])
    twice = replace(rows, examples=replace(rows.examples, digests=digests))
    desk = Desk(twice, tmp_path / "review.jsonl")
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        page = open_page(server.url + "#duplicates").page
        page.get_by_role("tab", name="Duplicates").click()
        pair = page.get_by_role("article")
        assert pair.get_by_text("this very file is there 2 times").count() == 2
        assert pair.get_by_role("button", name="Remove", exact=True).count() == 0
        pair.first.get_by_role("button", name="Remove all 2").click()
        page.get_by_text("2 of 7 decided").wait_for()
        assert pair.locator(".done", has_text="removed").count() == 2
        page.get_by_role("tab", name="Highest losses").click()
        assert page.get_by_role("button", name="Remove", exact=True).count() == 4


def test_what_cannot_be_saved_is_not_shown_as_decided(desk, open_page):
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        page = open_page(server.url).page
        page.get_by_role("article").first.wait_for()
        page.keyboard.press("k")
        saved(page, 1)
    page.keyboard.press("x")  # the server is gone, as after a crash
    page.get_by_role("alert").get_by_text("Not saved").wait_for()
    saved(page, 1)
    assert decided(desk) == {0: ("keep", None)}
    with ReviewServer(*_again(desk)) as server:
        page.goto(server.url)
        saved(page, 1)


def _again(desk):
    after = Desk(desk.rows, desk.out)
    return after.items, after.picture, after.decide


def test_pictures_can_be_looked_at_larger(server, open_page):
    page = open_page(server.url).page
    page.get_by_role("article").first.wait_for()
    page.keyboard.press("z")
    assert page.get_by_role("dialog", name="The picture, larger").is_visible()
    page.keyboard.press("Escape")
    page.get_by_role("article").first.get_by_role("button", name="larger").click()
    assert page.get_by_role("dialog").is_visible()


def test_several_labels_are_typed(rows, tmp_path, open_page):
    target = CategoriesTarget(name="tags", vocab=VOCAB)
    values = tuple((VOCAB[i % 4],) for i in range(10))
    said = Predictions(ids=rows.examples.digests, target=target, truth=target.encode(values), output=rows.said.output)
    items = {"labels": (), "duplicates": (), "losses": (Item((0,)),)}
    changed = replace(rows, target=target, said=said, items=items, examples=replace(rows.examples, values=values))
    desk = Desk(changed, tmp_path / "tags.jsonl")
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        page = open_page(server.url).page
        page.get_by_role("article").first.wait_for()
        page.keyboard.press("l")
        page.get_by_label("Labels, with commas between them").fill("pear, plum")
        page.keyboard.press("Enter")
        page.get_by_text("1 of 1 decided").wait_for()
    assert decided(desk) == {0: ("relabel", ("pear", "plum"))}


def test_numbers_are_short_and_what_is_no_number_is_said_to_be_none(rows, tmp_path, open_page):
    target = NumberTarget.fit(("grams",), [(float(i),) for i in range(10)])
    values = tuple((100 / 3 + i,) for i in range(10))
    output = np.full((10, 1), 200 / 3)
    said = Predictions(ids=rows.examples.digests, target=target, truth=target.encode(values), output=output)
    items = {"labels": (), "duplicates": (), "losses": (Item((0,)),)}
    changed = replace(rows, target=target, said=said, items=items, examples=replace(rows.examples, values=values))
    desk = Desk(changed, tmp_path / "grams.jsonl")
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        page = open_page(server.url).page
        panel = page.get_by_role("article").first
        panel.wait_for()
        assert panel.locator("b").all_inner_texts() == ["33.33", "66.67"]
        for typed in ("heavy", "12.5"):
            page.keyboard.press("l")
            page.get_by_label("Numbers: grams").fill(typed)
            page.keyboard.press("Enter")
            if typed == "heavy":
                page.get_by_text("'heavy'] is no value for grams").wait_for()
                assert "still running" not in page.get_by_role("alert").inner_text()
        page.get_by_text("1 of 1 decided").wait_for()
        assert not page.get_by_role("alert").is_visible()
    assert decided(desk) == {0: ("relabel", (12.5,))}


@pytest.fixture
def text_desk(tmp_path):
    """Three texts, one of them long and hostile."""
    texts = ["my card is lost", "the pin is blocked", "<img src=x onerror=alert(1)>\n" + "long " * 2000]
    inputs = Cells({"question": np.array(texts, object)})
    target = CategoryTarget(name="topic", vocab=("card", "pin"))
    examples = Examples(inputs, inputs.digests(), ("card", "card", "pin"), kind="texts", options={"html": False})
    output = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    said = Predictions(ids=examples.digests, target=target, truth=target.encode(examples.values), output=output)
    found = {"labels": (Item((1,), "pin"), Item((2,), "card")), "duplicates": (Item((0, 1)),), "losses": ()}
    rows = ReviewRows("questions.model", "table q.csv", target, examples, 3, said, ("the model", ""), found, ())
    return Desk(rows, tmp_path / "texts.jsonl")


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["380 px", "1280 px"])
def test_texts_are_there_to_be_read(text_desk, open_page, viewport):
    with ReviewServer(text_desk.items, text_desk.picture, text_desk.decide) as server:
        watched = open_page(server.url, viewport=viewport)
        page = watched.page
        shown = page.locator("article p.text")
        shown.first.wait_for()
        assert shown.count() == 2 and page.locator("article img").count() == 0
        assert shown.first.text_content() == "the pin is blocked"
        assert shown.last.text_content().startswith("<img src=x") and len(shown.last.text_content()) > 9000
        assert not watched.is_wider_than_its_window() and watched.errors == [] and watched.dialogs == []
        low = shown.last.evaluate("element => element.clientHeight")
        page.locator("article").last.focus()
        page.keyboard.press("z")
        assert shown.last.evaluate("element => element.clientHeight") > 2 * low, "all of it"
        page.locator("article").first.focus()
        page.keyboard.press("r")
        page.get_by_text("relabelled: pin").wait_for()
    (made,) = read_review(text_desk.out).values()
    assert (made.action, made.label) == ("relabel", "pin")
