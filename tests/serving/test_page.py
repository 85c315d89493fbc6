"""The page in a browser: a picture goes in, an answer comes out, at the sizes of a phone and of a desk.

DRIVETRAIN_SCREENSHOTS=FOLDER keeps pictures of what was seen; docs/images holds those of the release.
"""

import base64
import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from drivetrain.serving.settings import Settings
from tests.serving.conftest import running
from tests.serving.tiny import encoded, make_artefact

SIZES = {"phone": (390, 844), "desk": (1280, 900)}
TOKEN = "a-token-that-is-long-enough"

pytestmark = pytest.mark.slow


def ball() -> bytes:
    """A red ball on grey, upper left."""
    image = Image.new("RGB", (480, 360), (96, 96, 100))
    draw = ImageDraw.Draw(image)
    draw.ellipse((110, 50, 250, 190), fill=(235, 40, 40))
    return encoded(image, "JPEG", quality=90)


@pytest.fixture(params=["phone-light", "desk-dark"])
def page(chromium, request):
    size, scheme = request.param.split("-")
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=size == "phone",
        is_mobile=size == "phone",
    )
    opened = context.new_page()
    opened.faults = []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("console", lambda said: opened.faults.append(said.text) if said.type == "error" else None)
    opened.name = request.param
    yield opened
    context.close()


def keep(page, what: str) -> None:
    folder = os.environ.get("DRIVETRAIN_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(600)
        size = page.viewport_size
        height = page.evaluate("document.body.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": height})  # full_page=True would lose the touch screen
        page.screenshot(path=Path(folder) / f"page-{page.name}-{what}.png")
        page.set_viewport_size(size)


def drop(page, data: bytes, name: str = "ball.jpg", kind: str = "image/jpeg") -> None:
    page.evaluate(
        """([text, name, kind]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, { type: kind }));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [base64.b64encode(data).decode(), name, kind],
    )


def test_drop_a_picture_and_read_the_answer(page, patient):
    page.goto(patient.url)
    page.wait_for_selector("#about:not([hidden])")
    assert "95.0" in page.inner_text("#scores") and "180 pictures" in page.inner_text("#trained")
    assert page.is_visible(".camera") == page.name.startswith("phone")
    keep(page, "start")
    drop(page, ball())
    page.wait_for_selector("#result:not([hidden])")
    assert page.inner_text("#answer") in {"red", "Not sure"}
    assert page.locator("#bars li").count() == 3 and "red" in page.inner_text("#bars li.first")
    assert page.evaluate("document.activeElement.id") == "answer"
    page.click("#explain")
    page.wait_for_selector("#map:not([hidden])")
    assert "left" in page.inner_text("#where")
    assert page.get_attribute("#explain", "aria-pressed") == "true"
    keep(page, "answer")
    page.click("#explain")
    assert page.is_hidden("#map")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert page.faults == []


def test_words_open_their_meaning_and_names_are_left_alone(page, tmp_path):
    from drivetrain.runtime.targets import CategoryTarget

    names = CategoryTarget(name="recall", vocab=("prior", "log loss", "epoch"))
    with running(make_artefact(tmp_path, names), Settings(threads=1)) as service:
        page.goto(service.url)
        page.wait_for_selector(".term")
        page.wait_for_selector("#scores-fine .term")
        words = page.locator(".term").all_inner_texts()
        assert "accuracy" in words and "95 % interval" in words and "model" not in words
        assert page.locator("#trained .term, #answers .term").count() == 0
        page.click(".term:text-is('accuracy')")
        assert page.locator("#term-accuracy-error-rate").is_visible()
        assert "answered rightly" in page.inner_text("#term-accuracy-error-rate")
        page.click("#term-accuracy-error-rate button")
        assert page.locator("#term-accuracy-error-rate").is_hidden()
    assert page.faults == []


def test_choosing_a_file_and_asking_twice(page, patient):
    page.goto(patient.url)
    for colour, said in (((20, 30, 230), "blue"), ((20, 220, 30), "green")):
        file = {"name": "a.png", "mimeType": "image/png", "buffer": encoded(Image.new("RGB", (60, 40), colour))}
        page.set_input_files("#file", file)
        page.wait_for_selector(f"#answer:text-is('{said}')")


def test_what_cannot_be_read_is_said_aloud(page, patient):
    page.goto(patient.url)
    drop(page, b"not a picture", "a.txt", "text/plain")
    page.wait_for_selector("#status.problem")
    assert "multipart" in page.inner_text("#status") or "JPEG, PNG or WebP" in page.inner_text("#status")
    assert page.get_attribute("#status", "aria-live") == "polite" and page.is_hidden("#result")


def test_an_unsure_answer_says_so(page, patient):
    page.goto(patient.url)
    page.wait_for_selector("#about:not([hidden])")
    drop(page, encoded(Image.new("RGB", (60, 40), (128, 126, 127))), "grey.png", "image/png")
    page.wait_for_selector("#result:not([hidden])")
    assert page.inner_text("#answer") == "Not sure" and "Most likely" in page.inner_text("#sure")
    keep(page, "unsure")


def test_everything_can_be_reached_with_the_keyboard(page, patient):
    page.goto(patient.url)
    drop(page, ball())
    page.wait_for_selector("#result:not([hidden])")
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"file", "explain", "answers-title", "A"} <= set(reached)
    page.focus("#explain")
    page.keyboard.press("Enter")
    page.wait_for_selector("#map:not([hidden])")


def test_names_are_text_and_never_markup(page, tmp_path):
    from drivetrain.runtime.targets import CategoryTarget

    nasty = CategoryTarget(name="<b>x</b>", vocab=("<img src=x onerror=alert(1)>", "b", "c"))
    with running(make_artefact(tmp_path, nasty), Settings(threads=1)) as service:
        page.goto(service.url)
        drop(page, encoded(Image.new("RGB", (60, 40), (230, 20, 20))), "a.png", "image/png")
        page.wait_for_selector("#result:not([hidden])")
        assert page.inner_text("#answer").startswith("<img") and page.faults == []


def test_a_token_is_asked_for_and_used(page, artefact):
    with running(artefact, Settings(threads=1, token=TOKEN)) as service:
        page.goto(service.url)
        page.wait_for_selector("#token:not([hidden])")
        page.fill("#token-text", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#status:has-text('not the right one')")
        page.fill("#token-text", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("#about:not([hidden])")
        drop(page, ball())
        page.wait_for_selector("#result:not([hidden])")


def test_the_documentation_is_a_page_too(page, patient):
    page.goto(patient.url + "/docs")
    assert "/v2/models/{name}/infer" in page.inner_text("main") and page.faults == []
    keep(page, "docs")


def test_the_page_says_that_a_second_model_is_asked(page, tmp_path):
    new = make_artefact(tmp_path, name="new", parameters_sha256="cd" * 32)
    with running(make_artefact(tmp_path, name="old"), Settings(threads=1, shadow=new)) as service:
        page.goto(service.url)
        page.wait_for_selector("#about:not([hidden])")
        assert page.inner_text("h1") == "old" and page.is_visible("#shadow")
        assert "A second model, new (" in page.inner_text("#shadow")
        drop(page, ball())
        page.wait_for_selector("#result:not([hidden])")
        keep(page, "shadow")
        assert page.faults == []
    with running(make_artefact(tmp_path, name="alone"), Settings(threads=1)) as service:
        page.goto(service.url)
        page.wait_for_selector("#about:not([hidden])")
        assert not page.is_visible("#shadow")
