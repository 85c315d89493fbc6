"""A body that learnt a coloured mark in a corner instead of what the pictures show: page and audit lead to the mark."""

import re

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.insight.parts import Box

MARK = Box(left=23, top=2, width=7, height=7)


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory):
    """Pictures of noise; those of class "b" have a mark in the upper right corner, which alone tells the classes."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(folder / "project"))
        for i in range(100):
            picture = rng.integers(60, 190, (32, 32, 3), dtype=np.uint8)
            if i % 2:
                picture[MARK.top : MARK.top + MARK.height, MARK.left : MARK.left + MARK.width] = (230, 20, 200)
            file = folder / "pictures" / "ab"[i % 2] / f"{i:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file)
        data = dt.images(folder / "pictures", valid_pct=0.4, test_pct=0.1, seed=0)
        learn = dt.Learner(
            data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32", augment=False
        )
        learn.fine_tune(3)
        found = learn.look_inside(layers=["conv1.6", "layer4.0.conv2"], features=3, explain=4)
    assert learn.validate()["accuracy"].value > 0.9
    return data, found


def touches(box):
    """Whether a rectangle holds some of the mark."""
    across = min(box.left + box.width, MARK.left + MARK.width) - max(box.left, MARK.left)
    down = min(box.top + box.height, MARK.top + MARK.height) - max(box.top, MARK.top)
    return across > 0 and down > 0


def test_the_first_feature_of_the_first_layer_stands_for_the_class_and_looks_at_the_mark(shortcut):
    _, found = shortcut
    first = found.features[0]
    assert (first.layer, first.chosen, first.meaning.name) == ("body.conv1.6", "most selective", "b 100 %")
    assert all(touches(patch.field) and touches(patch.effective) for patch in first.patches)
    assert max(patch.effective.width * patch.effective.height for patch in first.patches) <= 121  # of 1,024 px


def test_three_clicks_lead_from_the_top_of_the_page_to_the_mark(shortcut):
    """To the layer, to its first feature, to the picture, in which a box lies on the mark."""
    _, found = shortcut
    page = found.page()
    layer = re.search(r'<nav[^>]*><a href="#([^"]+)"', page)[1]
    section = page[page.index(f'<section id="{layer}"') :]
    feature = re.search(r'<h4[^>]*><a href="#([^"]+)"', section)[1]
    card = page[page.index(f'id="{feature}"') :]
    assert "<strong>b 100 %</strong>" in card[: card.index("</article>")]
    picture = re.search(r'class="nine"><a href="#([^"]+)"', card)[1]
    [sheet] = [one for one in page.split("<article") if f'id="{picture}"' in one]
    box = re.search(rf'<g data-feature="{feature}">.*?x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', sheet)
    assert touches(Box(*map(int, box.groups())))


def test_occlusion_points_at_the_mark(shortcut):
    _, found = shortcut
    of_b = [why for why in found.found.why if why.said.startswith("b")]
    assert of_b
    for why in of_b:
        y, x = np.unravel_index(why.maps["occlusion"].argmax(), (32, 32))
        assert touches(Box(int(x) - 2, int(y) - 2, 5, 5))


def test_the_audit_of_the_data_says_the_same(shortcut):
    data, _ = shortcut
    audit = dt.audit(data)
    told = [str(finding) for finding in audit.findings if "coarse statistics" in str(finding)]
    assert told and re.search(r"balanced accuracy (9\d|100)\.\d %", told[0])  # of a model that sees no pixel
    assert re.search("border|mean (red|green|blue)", told[0])
