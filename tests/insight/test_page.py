"""The page about the inside of a network, made of what was made up."""

import html
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import SettingError
from drivetrain.insight.inspection import Inspection
from drivetrain.insight.page import document, pictures, pixels
from drivetrain.insight.page.changes import Pair, in_words
from drivetrain.insight.page.document import render
from drivetrain.insight.page.paper import montage
from drivetrain.insight.page.shown import Shown
from drivetrain.insight.parts import Box, Change
from tests.insight import made_up


@pytest.fixture(scope="module")
def look():
    subject = made_up.subject()
    return Shown(made_up.inside(subject), subject, {1: "banana, 93 %"})


@pytest.fixture(scope="module")
def page(look):
    return render(look)


def links(page):
    return set(re.findall(r'href="#([^"]+)"', page))


def ids(page):
    return re.findall(r'\bid="([^"]+)"', page)


def test_every_link_leads_somewhere_and_every_address_is_there_once(page):
    named = ids(page)
    assert len(set(named)) == len(named)
    assert links(page) - set(named) == set()


def test_layer_feature_and_picture_are_a_click_apart(look, page):
    """From the bar of layers to a layer, from there to each of its features, from there to each of its pictures."""
    jump = page[page.index("<nav") : page.index("</nav>")]
    for layer in look.found.layers:
        layer_id = look.layer_id(layer.name)
        assert f'href="#{layer_id}"' in jump
        start = page.index(f'<section id="{layer_id}"')
        section = page[start : page.index("</section>", start)]
        for feature in look.features_of(layer.name):
            id_ = look.feature_id(layer.name, feature.channel)
            assert f'href="#{id_}"' in section
            card = section[section.index(f'id="{id_}"') :]
            card = card[: card.index("</article>")]
            assert [f"picture-{patch.row}" for patch in feature.patches] == re.findall(r'href="#(picture-\d+)"', card)


def test_nothing_from_outside_becomes_markup_and_nothing_is_loaded(page):
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page
    sources = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert sources and all(source.startswith("data:image/webp;base64,") for source in sources)


def test_every_picture_has_words_that_stand_for_it(page):
    opened = re.findall(r"<svg[^>]*>(<title[^>]*>[^<]+</title>)?", page)
    decoration = page.count('aria-hidden="true"')
    assert len(opened) > 100 and sum(not said for said in opened) == decoration


def test_patches_are_cut_from_the_view_and_the_effective_field_lies_where_it_was_measured(look):
    feature = next(f for f in look.found.features if f.layer == "body.2.conv")
    patch = feature.patches[0]
    field = pixels.within(patch.field, look.subject.size)
    cut = pixels.cut(look.view(patch.row), patch.field)
    assert cut.shape == (field.height, field.width, 3)
    stored = np.asarray(Image.open(io.BytesIO(pixels.encoded(cut))).convert("RGB"))
    assert np.array_equal(stored, cut)  # small ones keep every pixel
    drawn = pixels.outline(Box(10, 12, 4, 5), Box(8, 9, 16, 16), "effective")
    assert 'class="effective" x="2" y="3" width="4" height="5"' in drawn


def test_fields_that_reach_beyond_the_border_are_cut_there():
    assert pixels.within(Box(-8, 60, 19, 19), (64, 64)) == Box(0, 60, 11, 4)
    assert pixels.within(Box(200, 200, 5, 5), (64, 64)) == Box(63, 63, 1, 1)


def test_projections_are_grey_where_they_say_nothing():
    assert pixels.signed(np.zeros((2, 2, 3))).tolist() == [[[128] * 3] * 2] * 2
    assert pixels.signed(np.full((1, 1, 1), np.nan)).tolist() == [[[128] * 3]]


def test_heat_is_brightest_where_a_map_is_highest():
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    made = pixels.heated(grey, values).astype(int).sum(axis=2)
    assert made.argmax() == 15 and made[0, 0] == made.min()
    assert pixels.heated(grey, np.zeros((4, 4))).std() < 40  # no division by nothing


def test_where_the_task_and_each_class_are_solved_is_said_and_drawn(page):
    assert "The task is solved at body.2.conv" in page
    assert "layer 2: 86.0 % [81.0 %, 91.0 %]" in page and "the constant answer reaches 34.0 %" in page
    classes = page[page.index("Where each class becomes separable") :]
    assert classes.index('href="#layer-1"') < classes.index('href="#layer-3"')
    assert "3 of 5 layers are shown" in page


def test_without_probes_the_layers_are_listed_alone(look):
    bare = render(replace(look, found=replace(look.found, separable=(), extras={})))
    assert "Where the task is solved" not in bare and "The layers" in bare and "3 of 3 layers are shown" in bare


def test_a_method_that_looks_the_same_with_random_weights_is_marked(page):
    start = page.index("guided backpropagation</strong>")
    assert "it says nothing about the decision" in page[start : start + 300]
    start = page.index("Grad-CAM</strong>")
    assert "Passed its checks." in page[start : start + 200]


def test_notes_and_limits_are_said(page):
    assert "body.4.attention: has no places" in page
    assert "recover pictures rather than decisions" in page


def test_all_channels_can_be_looked_up(look, page):
    for layer in look.found.layers:
        assert f"All {layer.channels} channels" in page
    assert page.count('data-value="11"') >= 1  # channel 11 of the last layer


def test_the_page_stays_below_its_bound_however_large_the_pictures(monkeypatch):
    subject = made_up.subject(60, side=256)
    look = Shown(made_up.inside(subject), subject)
    free = render(look)
    assert "stored at up to 320 px" in free
    bound = len(free) * 3 // 4
    monkeypatch.setattr(document, "MOST_BYTES", bound)
    smaller = render(look)
    side = int(re.search(r"stored at up to (\d+) px", smaller)[1])
    assert side < 320 and side in pictures.SIDES_PX
    assert len(smaller) < len(free)


def test_before_and_after_stand_side_by_side():
    subject = made_up.subject()
    after = Shown(replace(made_up.inside(subject), changes=made_up.changes()), subject)
    before = Shown(made_up.inside(subject), subject, prefix="before-")
    features = dict(zip([f.layer for f in after.found.features], after.found.features, strict=False))
    pairs = [Pair(feature, feature, 0.75) for feature in features.values()]
    page = render(after, before=before, pairs=pairs)
    named = ids(page)
    assert len(set(named)) == len(named) and links(page) - set(named) == set()
    assert "early layers stay, late ones move" in page
    assert page.count("1 − correlation: 0.75") == 3
    assert "0.40 [0.38, 0.42]" in page


def test_what_changed_is_said_as_it_is():
    none = np.zeros(0)

    def said(*values):
        return in_words([Change(str(i), v, v, v, none, none) for i, v in enumerate(values)])

    assert said(0.99, 0.97).startswith("All layers stayed")
    assert said(0.95, 0.78, 0.96).endswith("layer 2 moved most (0.78).") and "All layers" not in said(0.95, 0.78, 0.96)
    assert said(0.99, 0.4, 0.8).endswith("; layer 2 moved most (0.40).")
    assert said(0.99, 0.9, 0.8, 0.5).endswith("early layers stay, late ones move.")
    assert said(0.3, 0.9).endswith("the last one less (CKA 0.90): early layers did not stay.")
    assert said(0.95) == "The layer stayed (CKA 0.95)."


def test_a_montage_enlarges_without_blur():
    cell = np.zeros((2, 2, 3), dtype=np.uint8)
    cell[0, 0] = 255
    sheet = montage([cell] * 9)
    assert set(np.unique(sheet[:64, :64])) == {0, 255}
    assert sheet[0, 0, 0] == 255 and sheet[63, 63, 0] == 0


@pytest.fixture(scope="module")
def inspection(look):
    features = {(f.layer, f.channel): f for f in look.found.features}

    def look_up(layer, channel):
        return replace(features[layer.name, 0], channel=channel, chosen="looked up")

    return Inspection(look.found, look.subject, look_up, look.said)


@pytest.mark.parametrize("ending", ["html", "png", "pdf", "svg"])
def test_one_call_saves_page_or_chart(ending, inspection, tmp_path):
    file = inspection.save(tmp_path / f"inside.{ending}")
    start = file.read_bytes()[:15]
    assert start.startswith({"html": b"<!doctype html>", "png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<svg"}[ending])


def test_another_ending_is_refused_in_words(inspection, tmp_path):
    with pytest.raises(SettingError, match=r"expected a name that ends in \.html, .*To fix"):
        inspection.save(tmp_path / "inside.docx")


def test_any_feature_can_be_looked_up(inspection):
    assert inspection.feature("body.1.conv", 1).chosen == "most used for banana"
    assert inspection.feature("body.1.conv", 5).chosen == "looked up"
    with pytest.raises(SettingError, match="channel=6 cannot be used: expected a whole number from 0 to 5"):
        inspection.feature("body.1.conv", 6)
    with pytest.raises(SettingError, match=r"expected one of those shown: body\.1\.conv"):
        inspection.feature("body.9", 0)


def test_names_that_scripts_rely_on(inspection):
    found = inspection.as_json()
    assert {"layers", "rows", "seconds", "seconds_plain_pass", "checks"} <= set(found)
    for layer in found["layers"]:
        assert {"name", "channels", "receptive_field_px", "projection", "reason"} <= set(layer)
        assert layer["projection"] in {"deconvnet", "gradient × input"}
    assert found["checks"][0]["passed"] is True and found["rows"] == 30


def test_it_says_itself_in_short(inspection):
    said = str(inspection)
    assert "1. body.1.conv: 3 × 3 convolution, then ReLU, sees 3 of 64 px; banana 71 %" in said
    assert "guided backpropagation, randomised parameters: failed" in said


def test_a_gate_is_said_of_its_layer(look):
    first, *others = look.found.layers
    gated = replace(look, found=replace(look.found, layers=(replace(first, gates="pooling"), *others)))
    said = "the whole picture changes all of its places alike (pooling); fields and projections leave that out."
    assert render(gated).count(said) == 1 and said not in render(look)


def test_one_bright_px_leaves_the_rest_of_a_map_visible():
    picture, map_HW = np.full((40, 40, 3), 90, np.uint8), np.zeros((40, 40), np.float32)
    map_HW[:20], map_HW[0, 0] = 1.0, 1000.0
    drawn = pixels.heated(picture, map_HW).astype(int)
    assert drawn[10, 10].sum() > drawn[30, 30].sum() + 200


def test_of_a_layer_that_stayed_one_pair_is_shown():
    subject = made_up.subject()
    after = Shown(replace(made_up.inside(subject), changes=made_up.changes()), subject)
    before = Shown(made_up.inside(subject), subject, prefix="before-")
    first, second, *others = after.found.features
    last = after.found.layers[-1].name
    late = [one for one in others if one.layer == last]
    pairs = [
        Pair(first, first, 0.02),
        Pair(second, second, 0.01),
        Pair(late[0], late[0], 0.3),
        Pair(late[1], late[1], 0.01),
    ]
    page = render(after, before=before, pairs=pairs)
    shown = re.findall(r"1 − correlation: (0\.\d\d)", page)
    assert first.layer == second.layer and shown == ["0.02", "0.30"]
    assert page.count("None of its features changed to speak of.") == 1
