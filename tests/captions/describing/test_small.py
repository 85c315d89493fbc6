"""The whole way: a small captioner, trained on pictures whose content is known, judged, saved, loaded, abstaining."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import drivetrain as dt
from drivetrain.captions.caption import Captioner
from drivetrain.captions.describing.small import squared
from drivetrain.errors import DataError, DrivetrainError, DrivetrainWarning, ModelError, SettingError
from tests.captions.scenes import FRUIT, write

ARCH = "test_resnet"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Pictures, what is in them, and a model that has learnt a little from a part of them."""
    folder = tmp_path_factory.mktemp("captions") / "table"
    made = write(folder, 120)
    learnt, fresh = made[:80], made[80:]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with dt.quiet():
        model = dt.train_captioner(
            {s.name: s.caption for s in learnt}, folder, arch=ARCH, pretrained=False, size=48, epochs=60
        )
    yield folder, fresh, model
    torch.set_num_threads(threads)


def test_it_learns_from_what_it_sees(world):
    folder, fresh, model = world
    mine = np.mean([math.log(model.likelihood(folder / s.name, s.caption)) for s in fresh])
    other = np.mean([math.log(model.likelihood(folder / s.name, t.caption)) for s, t in pairwise(fresh)])
    assert mine > other + 0.1
    assert model.decisions["held out"].value == 16 and 1 <= model.decisions["epoch"].value <= 60


def test_the_likelihood_of_its_own_caption_is_that_of_writing_it(world):
    folder, fresh, model = world
    for scene in fresh[:5]:
        said = model.caption(folder / scene.name)
        assert model.likelihood(folder / scene.name, said.text) == pytest.approx(said.likelihood, rel=0.02)
        assert model(folder / scene.name) == said and isinstance(model, Captioner)


def test_a_word_it_never_met_is_unlikely(world):
    folder, fresh, model = world
    said = model.caption(folder / fresh[0].name).text
    assert model.likelihood(folder / fresh[0].name, f"{said} zebra") < 0.2 * model.likelihood(
        folder / fresh[0].name, said
    )


def test_its_report_counts_what_it_makes_up(world):
    folder, fresh, model = world
    with pytest.warns(DrivetrainWarning, match="trained on 1 of 40 pictures"):  # one was drawn twice, by chance
        report = dt.caption_report(
            model,
            [folder / scene.name for scene in fresh],
            objects={scene.name: list(scene.things) for scene in fresh},
            references={scene.name: scene.caption for scene in fresh},
            synonyms={kind: [] for kind in FRUIT},
            rivals=2,
        )
    wrong = 0
    for scene in fresh:
        said = model.caption(folder / scene.name).text
        wrong += any(kind in said and kind not in scene.things for kind in FRUIT)
    assert report.scores["captions_wrong"].value == wrong / 40
    assert report.scores["ranking"].value > 0.5 and report.scores["calibration_error"].value is not None
    assert report.decisions["likelihood"].reason == "it comes with the captions"


def test_pictures_it_was_trained_on_flatter_it(world, tmp_path):
    folder, fresh, model = world
    pixels = {path.name: np.asarray(Image.open(path)).tobytes() for path in folder.iterdir()}
    learnt = {name for name in pixels if name not in {scene.name for scene in fresh}}
    again = dt.captioner(model.save(tmp_path / "fruit.captioner"))
    twice = [scene.name for scene in fresh if pixels[scene.name] in {pixels[name] for name in learnt}]
    assert len(learnt) == 80 and all(again.has_learnt(folder / name) for name in learnt)
    assert [scene.name for scene in fresh if again.has_learnt(folder / scene.name)] == twice and len(twice) == 1
    assert not again.has_learnt("/no/such.png") and not again.has_learnt(np.zeros((48, 48, 3), np.uint8))


def test_captions_of_which_only_the_beginning_is_learned_are_told(tmp_path):
    scenes = write(tmp_path / "table", 12)
    with pytest.warns(DrivetrainWarning, match="12 captions of 12 have over 62 words"), dt.quiet():
        dt.train_captioner({s.name: "two red apples " * 30 for s in scenes}, tmp_path / "table", arch=ARCH,
                           pretrained=False, size=48, epochs=1)  # fmt: skip


def test_it_is_saved_and_loaded_as_it_was(world, tmp_path):
    folder, fresh, model = world
    picture = folder / fresh[0].name
    again = dt.captioner(model.save(tmp_path / "fruit.captioner"))
    assert again.caption(picture) == model.caption(picture) and again.decisions == model.decisions
    shy = dt.captioner(tmp_path / "fruit.captioner", abstain_below=1.0)
    assert shy.caption(picture).abstained and str(shy.caption(picture)).startswith("not sure enough")
    assert len(dt.captioner(tmp_path / "fruit.captioner", max_words=2).caption(picture).text.split()) == 2


def test_what_was_altered_is_refused(world, tmp_path):
    _, _, model = world
    folder = model.save(tmp_path / "m")
    weights, described = (
        load_file(folder / "captioner.safetensors"),
        json.loads((folder / "captioner.json").read_text()),
    )
    for change in (
        {"vocab": ["a"]},
        {"size_px": 10**9},
        {"format": 99},
        {"extra": 1},
        {"architecture": {"name": "os.system"}},
    ):
        (folder / "captioner.json").write_text(json.dumps(described | change))
        with pytest.raises(ModelError, match="To fix"):
            dt.captioner(folder)
    (folder / "captioner.json").write_text(json.dumps(described))
    save_file(
        {name: value for name, value in weights.items() if name != "decoder.area"}, folder / "captioner.safetensors"
    )
    with pytest.raises(ModelError, match="do not fit"):
        dt.captioner(folder)
    (folder / "captioner.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ModelError, match="cannot be read"):
        dt.captioner(folder)
    (folder / "captioner.safetensors").unlink()
    with pytest.raises(ModelError, match="To fix"):
        dt.captioner(folder)


def test_calibrating_abstains_so_that_those_given_are_right(world, tmp_path):
    _, _, model = world
    rows = [{"image": str(i), "caption": "an apple" if i > 80 else "a lime", "likelihood": i / 400} for i in range(400)]
    report = dt.caption_report(rows, objects={str(i): ["apple"] for i in range(400)}, synonyms={"lime": []})
    found = model.calibrate(report, wrong=0.05)
    assert 0.15 < found < 0.25 and model.abstain_below == found
    assert dt.captioner(model.save(tmp_path / "c")).abstain_below == found
    with pytest.warns(DrivetrainWarning, match="abstains from all"):
        assert model.calibrate(dt.caption_report(rows[:90], objects={str(i): ["apple"] for i in range(400)},
                                                 synonyms={"lime": []}), wrong=0.05) is None  # fmt: skip
    assert model.caption(np.zeros((20, 20, 3), np.uint8)).abstained
    model.abstain_below = None


def test_pictures_that_cannot_be_read_are_told(world, tmp_path):
    _, _, model = world
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    good, broken, none = model.caption_many([np.zeros((30, 30, 3), np.uint8), tmp_path / "broken.jpg", "no.jpg"])
    assert good.error is None and broken.error and none.error and "no caption" in str(none)
    with pytest.raises(SettingError, match="list"):
        model.caption_many("a.jpg")
    with pytest.raises(DataError, match="no word"):
        model.likelihood(np.zeros((30, 30, 3), np.uint8), "?!")


def test_training_says_what_it_leaves_out(tmp_path):
    made = write(tmp_path / "table", 14)
    (tmp_path / "table" / made[0].name).write_bytes(b"no picture")
    said = {scene.name: scene.caption for scene in made} | {"missing.png": "a lime"}
    with pytest.warns(DrivetrainWarning) as told, dt.quiet():
        dt.train_captioner(said, tmp_path / "table", arch=ARCH, pretrained=False, size=32, epochs=1)
    words = " ".join(str(each.message) for each in told)
    assert "1 picture of 15 that have captions" in words and "1 picture of 14 cannot be read" in words
    with pytest.raises(DataError, match="at least 10"):
        dt.train_captioner(dict.fromkeys(list(said)[1:6], "a lime"), tmp_path / "table", arch=ARCH, pretrained=False)


@pytest.mark.parametrize(
    ("arch", "size"), [("test_vit", 64), ("swin_tiny_patch4_window7_224", 224), ("test_convnext", 64)]
)
def test_bodies_of_other_families_see_areas(arch, size):
    from drivetrain.captions.describing.small import Sees
    from drivetrain.kinds.images.bodies.load import load_body

    body = load_body(arch, pretrained=False, channels=3, size_px=size, dropout=0.0)
    seen = Sees(body.module, (0.5,) * 3, (0.5,) * 3).eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    assert seen.shape == (1, min(16, seen.shape[1]), body.architecture.features) and seen.shape[1] >= 4


def test_a_picture_is_squeezed_not_cropped():
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, :10] = 255
    assert squared(wide, 8)[0, 4, 0] > 200 and squared(wide, 8)[0, 4, 7] < 50


@pytest.mark.parametrize("source", ["none", "no/such/place/here", "/dev/null", "", "\0", 3, None, ["a"]])
def test_what_is_no_captioner_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DrivetrainError, match="To fix"):
        dt.captioner(source)


def test_a_small_captioner_takes_no_prompt(world, tmp_path):
    with pytest.raises(SettingError, match="takes none"):
        dt.captioner(world[2].save(tmp_path / "m"), prompt="a photo of")


def test_pictures_come_in_any_form(world):
    folder, fresh, model = world
    path = folder / fresh[0].name
    forms = [path, str(path), path.read_bytes(), Image.open(path), np.asarray(Image.open(path))]
    assert len({model.caption(form).text for form in forms}) == 1


def test_the_same_seed_makes_the_same_captioner(tmp_path):
    made = write(tmp_path / "table", 20)
    with dt.quiet():
        first, second = (
            dt.train_captioner(
                {s.name: s.caption for s in made}, tmp_path / "table", arch=ARCH, pretrained=False, size=32, epochs=2
            )
            for _ in range(2)
        )
    picture = tmp_path / "table" / made[0].name
    assert first.likelihood(picture, made[0].caption) == second.likelihood(picture, made[0].caption)
