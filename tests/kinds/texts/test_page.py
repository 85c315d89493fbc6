"""The page of a model of texts in a browser: a text is written, answered, and its words are marked.

DRIVETRAIN_SCREENSHOTS=FOLDER keeps pictures of what was seen.
"""

import pytest

from tests.kinds.texts.conftest import LIMITS
from tests.serving.test_page import keep, page

__all__ = ["page"]

pytestmark = pytest.mark.slow

TEXT = "Good morning, my card is lost 👍🏽 and it is broken. Money? <b>Card</b> thank you"


def ask(page, text):
    page.fill("#text", text)
    page.click("#question .buttons button:first-child")
    page.wait_for_selector("#result:not([hidden])")


def test_write_a_text_read_the_answer_and_see_what_mattered(page, service):
    page.goto(service.url)
    page.wait_for_selector("#about:not([hidden])")
    assert "180 texts" in page.inner_text("#trained") and "question" in page.inner_text("#columns")
    ask(page, TEXT)
    assert page.evaluate("document.activeElement.id") == "answer"
    assert "card" in page.inner_text("#bars li.first")
    assert page.is_hidden("#marks")
    page.click("#explain")
    page.wait_for_selector("#marks:not([hidden])")
    assert page.get_attribute("#explain", "aria-pressed") == "true"
    assert page.inner_text("#marked") == TEXT.replace("<b>", "").replace("</b>", "")
    marks = page.eval_on_selector_all("#marked mark", "all => all.map((one) => [one.className, one.textContent])")
    assert ["for", "card"] in marks and ["for", "Card"] in marks and ["against", "Money"] in marks
    assert "probability of card" in page.inner_text("#where") and "rank correlation" in page.inner_text("#checked")
    assert page.inner_text("#strongest li:first-child .label") in {"card", "lost", "broken"}
    keep(page, "texts")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    page.click("#explain")
    assert page.is_hidden("#marks") and page.faults == []


def test_an_answer_to_another_text_forgets_the_marks(page, service):
    page.goto(service.url)
    ask(page, TEXT)
    page.click("#explain")
    page.wait_for_selector("#marks:not([hidden])")
    ask(page, "the pin is blocked")
    page.wait_for_selector("#answer:text-is('pin')")
    assert page.is_hidden("#marks") and page.get_attribute("#explain", "aria-pressed") == "false"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,question\n1,my card is lost\n2,the pin is blocked\n"),
        ("a.jsonl", '{"question": "my card is lost"}\n"the pin is blocked"\n'),
        ("a.json", '["my card is lost", "the pin is blocked"]'),
    ],
    ids=["csv", "lines", "list"],
)
def test_a_file_of_many_texts_is_answered_row_by_row(page, service, name, content):
    page.goto(service.url)
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content.encode()})
    page.wait_for_selector("#many:not([hidden])")
    cells = page.eval_on_selector_all("#many-rows tr", "all => all.map((row) => row.children[1].textContent)")
    assert cells == ["card", "pin"] and page.is_hidden("#result")
    assert page.get_attribute("#download", "href").startswith("blob:")


def test_a_file_of_one_text_is_answered_as_one(page, service):
    page.goto(service.url)
    content = "<html><body><p>the <i>pin</i> is blocked</p></body></html>".encode("utf-16")
    page.set_input_files("#file", {"name": "a.html", "mimeType": "text/html", "buffer": content})
    page.wait_for_selector("#answer:text-is('pin')")
    page.click("#explain")
    page.wait_for_selector("#marks:not([hidden])")
    assert page.inner_text("#marked") == "the pin is blocked" and page.faults == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("  \n", "There is no text yet"), ("x" * (LIMITS.picture_bytes + 1), "too long")],
    ids=["blank", "too long"],
)
def test_what_cannot_be_asked_is_said_aloud(page, service, text, words):
    page.goto(service.url)
    page.wait_for_selector("#about:not([hidden])")
    page.fill("#text", text)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#status.problem")
    assert words in page.inner_text("#status") and page.is_hidden("#result")


def test_a_text_that_is_no_words_says_that_no_word_decides(page, service):
    page.goto(service.url)
    ask(page, "我的 ☃ 在哪里")
    page.click("#explain")
    page.wait_for_selector("#marks:not([hidden])")
    assert page.inner_text("#where").startswith("No single word decides") and not page.query_selector("#marked mark")
