"""`look_inside` of a Learner, of a saved model, and beside another one; on small nets and small pictures."""

import re

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, ModelError, SettingError
from drivetrain.insight.inside import with_attention
from drivetrain.insight.parts import Why
from drivetrain.learner.inside import asked_wanted, inside_saved


@pytest.fixture(scope="module")
def data(squares, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(tmp_path_factory.mktemp("rows") / "project"))
        return dt.images(squares, valid_pct=0.5, test_pct=0.1, seed=1)


@pytest.fixture(scope="module")
def learn(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(tmp_path_factory.mktemp("inside") / "project"))
        made = dt.Learner(data, "test_resnet", pretrained=False, size=32, precision="fp32", device="cpu")
        made.fine_tune(2)
        yield made


@pytest.fixture(scope="module")
def found(learn):
    return learn.look_inside(quick=True)


def test_it_looks_at_the_validation_rows_and_at_no_other(learn, found):
    assert found.found.rows == len(learn.data.valid) == 30
    assert set(found.subject.rows.digests) == set(learn.data.valid.digests)
    rows = {patch.row for feature in found.features for patch in feature.patches}
    assert rows <= set(range(30))


def test_features_are_chosen_by_stated_rules(found):
    rules = {re.sub(r" for .*", "", feature.chosen) for feature in found.features}
    assert rules == {"most selective", "most used", "drawn by chance (seed 0)"}
    for layer in found.layers:
        own = [feature for feature in found.features if feature.layer == layer.name]
        assert len({feature.channel for feature in own}) == len(own) == 9
        assert all(len(feature.patches) == len(feature.projections) == 9 for feature in own)


def test_patches_show_what_was_measured(found):
    """The row of a patch, run through the layer again, has its maximum where the patch was cut."""
    layer = found.layers[0]
    assert (layer.receptive_field_px, layer.stride) == (3, 2)
    feature = next(one for one in found.features if one.layer == layer.name)
    values = dt.explore.activations(found, layer.name, [patch.row for patch in feature.patches])
    for maps, patch in zip(values, feature.patches, strict=True):
        assert maps[feature.channel].max() == pytest.approx(patch.value, abs=1e-4)
        assert maps[feature.channel][patch.place] == pytest.approx(patch.value, abs=1e-4)


def test_a_feature_that_was_asked_for_is_shown(learn):
    found = learn.look_inside(layers=["conv1.0", "layer4.0.conv2"], also=["conv1.0:13"], features=2, quick=True)
    assert [layer.name for layer in found.layers] == ["body.conv1.0", "body.layer4.0.conv2"]
    assert (found.features[0].channel, found.features[0].chosen) == (13, "asked for")
    more = learn.look_inside(also="conv1.3:2", features=1, quick=True)
    assert "body.conv1.3" in [layer.name for layer in more.layers] and len(more.layers) > 5
    with pytest.raises(SettingError, match=r"conv1\.0:16"):
        learn.look_inside(also="conv1.0:16", quick=True)


def test_the_whole_of_it_is_one_page(learn, tmp_path):
    found = learn.look_inside(tmp_path / "inside.html", features=2, explain=1)
    page = (tmp_path / "inside.html").read_text(encoding="utf-8")
    assert "The task is solved" in page and "Why this answer" in page and "Which maps may be believed" in page
    assert len(found.found.why) == 1 and {check.method for check in found.found.checks} >= {"Grad-CAM", "occlusion"}
    silenced = [f for f in found.features if f.meaning is not None and f.meaning.silenced is not None]
    assert silenced and all(feature.chosen.startswith("most used") for feature in silenced)
    links, ids = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r'\bid="([^"]+)"', page)
    assert links <= set(ids) and len(ids) == len(set(ids))


def test_before_and_after(learn, data, tmp_path):
    before = dt.Learner(data, "test_resnet", pretrained=False, size=32, precision="fp32", device="cpu", seed=7)
    found = learn.look_inside(
        tmp_path / "both.html", against=before, features=3, quick=True, layers=["conv1.0", "layer4.0.conv2"]
    )
    assert [change.layer for change in found.found.changes] == ["body.conv1.0", "body.layer4.0.conv2"]
    assert all(pair.before.layer == pair.after.layer for pair in found.pairs) and len(found.pairs) == 6
    assert "Before and after" in (tmp_path / "both.html").read_text(encoding="utf-8")
    same = learn.look_inside(against=learn, features=1, quick=True, layers="conv1.0")
    assert same.found.changes[0].cka == pytest.approx(1.0, abs=1e-6)
    assert same.pairs[0].before.channel == same.pairs[0].after.channel


def test_another_architecture_is_refused_in_words(learn, data):
    other = dt.Learner(data, "test_efficientnet", pretrained=False, size=32, precision="fp32", device="cpu")
    with pytest.raises((SettingError, ModelError), match="To fix"):
        learn.look_inside(against=other, quick=True)


def test_a_body_from_scratch_has_no_before(learn):
    with pytest.raises(SettingError, match=r"trained from scratch.*To fix"):
        learn.look_inside(against="pretrained")


def test_a_model_without_layers_is_refused_in_words(data):
    class Constant(dt.ModelBase):
        def predict_rows(self, rows):
            raise NotImplementedError

        def identity(self):
            return "constant"

    with pytest.raises(ModelError, match=r"a Constant, expected a dt\.Learner"):
        Constant(data).look_inside()


def test_a_saved_model_is_looked_into_by_its_rows(learn, squares, tmp_path):
    learn.save(tmp_path / "squares.model")
    found = inside_saved(
        tmp_path / "squares.model",
        tmp_path / "inside.html",
        data=squares,
        device="cpu",
        wanted=asked_wanted(quick=True),
    )
    assert found.found.label == "squares.model" and found.found.rows == 30
    assert (tmp_path / "inside.html").stat().st_size < 15_000_000


def test_a_poisoned_sealed_set_changes_nothing(tmp_path, monkeypatch):
    """The test rows are pictures that nobody can open any more: looking inside never tries."""
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))
    rng = np.random.default_rng(0)
    for i in range(60):
        file = tmp_path / "pictures" / "ab"[i % 2] / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    data = dt.images(tmp_path / "pictures", valid_pct=0.3, test_pct=0.3, seed=3)
    learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, precision="fp32", device="cpu")
    known = {*map(str, data.train.inputs), *map(str, data.valid.inputs)}
    sealed = [file for file in (tmp_path / "pictures").rglob("*.png") if str(file) not in known]
    assert len(sealed) == data.n_test > 10
    for file in sealed:
        file.write_bytes(b"poison")
    found = learn.look_inside(features=2, quick=True)
    assert found.found.rows == len(data.valid)
    assert not {found.subject.rows.inputs.name(row) for row in range(found.found.rows)} & set(map(str, sealed))


@pytest.mark.filterwarnings("ignore::drivetrain.DrivetrainWarning")
def test_rows_that_the_other_model_has_learnt_are_told(learn, squares, tmp_path, forgetful):
    other_data = dt.images(squares, valid_pct=0.2, test_pct=0.2, seed=5)
    other = dt.Learner(other_data, "test_resnet", pretrained=False, size=32, precision="fp32", device="cpu")
    with pytest.warns(DrivetrainWarning, match="rows looked at were training rows of test_resnet"):
        learn.look_inside(against=other, features=1, quick=True, layers="conv1.0")


def test_without_validation_rows_it_says_so(squares, forgetful):
    data = dt.images(squares, valid_pct=0.0, test_pct=0.2, seed=1)
    learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, precision="fp32", device="cpu")
    with pytest.raises(DataError, match=r"no validation rows.*To fix"):
        learn.look_inside()


def test_arrays_are_the_same_as_on_the_page(learn, found):
    layer = found.layers[1]
    arrays = dt.explore.features(learn, layer.name.removeprefix("body."))
    feature = next(one for one in found.features if one.layer == layer.name)
    assert arrays.rows[feature.channel].tolist() == [patch.row for patch in feature.patches]
    assert arrays.fields.shape == (layer.channels, 9, 4) and arrays.strongest.shape == (30, layer.channels)
    left, top, width, height = arrays.fields[feature.channel, 0]
    view = found.subject.picture(feature.patches[0].row)
    assert np.array_equal(arrays.patch(feature.channel), view[top : top + height, left : left + width])
    assert dt.explore.layers(learn)[0].name == "body.conv1.0"


def test_of_a_transformer_it_shows_where_the_last_block_looks(data):
    learn = dt.Learner(data, "test_vit", pretrained=False, size=32, precision="fp32", device="cpu")
    found = learn.look_inside(features=1, quick=True)
    why = Why(0, "red, 40 %", {}, ())
    shown = with_attention(found.subject, why, found.layers)
    [name] = shown.maps
    assert name.startswith("attention in body.blocks.") and shown.maps[name].shape == (32, 32)
    assert with_attention(found.subject, why, found.layers[:0]) is why


def test_all_ways_back_to_pixels_are_of_the_same_patches(found):
    from drivetrain.insight.projecting import patches_of

    layer = found.layers[-1]
    feature = next(one for one in found.features if one.layer == layer.name)
    rules = [layer.projection, *feature.beside]
    patches, drawn = patches_of(found.subject, found.found.tops[layer.name], [feature.channel], rules=rules)[
        feature.channel
    ]
    assert feature.patches == patches and len(feature.beside) == 2
    np.testing.assert_allclose(np.stack(feature.projections), np.stack(drawn[layer.projection]), atol=1e-4)
    for rule, several in feature.beside.items():
        np.testing.assert_allclose(np.stack(several), np.stack(drawn[rule][:3]), atol=1e-4)


def test_what_was_left_out_of_the_layers_is_said(learn, monkeypatch):
    from drivetrain.insight import inside

    monkeypatch.setattr(inside, "notes_of", lambda subject: ("12 blocks are left out",))
    made = learn.look_inside(quick=True, rows=4, features=1)
    assert "12 blocks are left out" in made.page() and "note: 12 blocks are left out" in str(made)
