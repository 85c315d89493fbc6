"""Answers in the order of the questions, whatever some of them are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drivetrain.errors import PictureError, SettingError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.golden import Golden
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target

READER = PictureInput(channels=3, size_px=4, crop_pct=1.0, mean=(0.5,) * 3, std=(0.5,) * 3)
LIGHT = CategoryTarget(name="light", vocab=("dark", "pale"))


def engine(pictures: np.ndarray) -> np.ndarray:
    """A model that tells dark from pale."""
    brightness = pictures.reshape(len(pictures), -1).mean(axis=1) / 127.5 - 1
    return np.stack([-5 * brightness, 5 * brightness], axis=1).astype(np.float32)


def make(target: Target = LIGHT, **options: int) -> Predictor:
    return Predictor(READER, target, engine, **options)


def picture(value: int) -> np.ndarray:
    return np.full((6, 5, 3), value, np.uint8)


@given(values=st.lists(st.sampled_from([0, 255]), min_size=0, max_size=20), batch_size=st.integers(1, 7))
def test_order_is_kept(values: list[int], batch_size: int) -> None:
    answers = make().predict_many((picture(v) for v in values), batch_size=batch_size)
    assert [a.label for a in answers] == ["pale" if v else "dark" for v in values]


def test_unreadable_rows_are_reported_in_place(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    sources = [picture(0), tmp_path / "bad.jpg", b"", picture(255), tmp_path / "missing.png"]
    answers = list(make().predict_many(sources, batch_size=2))
    assert [a.label for a in answers] == ["dark", None, None, "pale", None]
    assert "bad.jpg" in (answers[1].error or "")
    assert answers[1].as_json() == {"path": str(tmp_path / "bad.jpg"), "error": answers[1].error}
    assert all(a.error for a in list(make().predict_many([b"", b"x"])))
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        make().predict(tmp_path / "bad.jpg")


def test_generators_are_consumed_one_batch_ahead() -> None:
    asked = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal asked
        while True:
            asked += 1
            yield picture(0)

    answers = make().predict_many(endless(), batch_size=3)
    next(answers)
    assert asked == 6


def test_folders_files_and_single_pictures(tmp_path: Path) -> None:
    for name, value in (("b/2.png", 255), ("a.png", 0), (".hidden.png", 0), ("note.txt", 0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture(value)).save(tmp_path / name, format="PNG")
    answers = list(make().predict_many(tmp_path))
    assert [(Path(a.path or "").name, a.label) for a in answers] == [("a.png", "dark"), ("2.png", "pale")]
    for one in (tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), picture(0), Image.fromarray(picture(0))):
        assert [a.label for a in make().predict_many(one)] == ["dark"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="holds no pictures"):
        make().predict_many(tmp_path / "empty")


def test_settings_are_checked() -> None:
    with pytest.raises(SettingError, match="batch_size=0"):
        make().predict_many([], batch_size=0)
    with pytest.raises(SettingError, match="top_k=0"):
        make(top_k=0)


def test_each_kind_of_target_answers_in_its_own_words() -> None:
    category = make(top_k=1).predict(picture(255))
    assert category.label == "pale" and category.probability == pytest.approx(1, abs=1e-3)
    assert category.as_json() == {
        "path": None,
        "label": "pale",
        "probability": category.probability,
        "top": [{"label": "pale", "probability": category.probability}],
        "set": [],
        "abstained": False,
    }
    several = make(CategoriesTarget(name="t", vocab=("dark", "pale"))).predict(picture(0))
    assert several.labels == ("dark",) and several.label is None
    assert several.as_json()["labels"] == ["dark"]
    number = make(NumberTarget(names=("a", "b"), mean=(10.0, 0.0), std=(2.0, 1.0))).predict(picture(255))
    assert number.values == pytest.approx({"a": 0.0, "b": 5.0}) and number.value is None
    assert number.as_json() == {"path": None, "values": number.values, "intervals": {}}


CALIBRATED = Calibration(temperature=4.0, coverage=0.9, quantile=0.95, abstain_below=0.8, n=100, max_error=0.1)


def test_a_calibrated_model_says_what_its_probabilities_are_worth() -> None:
    bare, calibrated = make(), Predictor(READER, LIGHT, engine, calibration=CALIBRATED)
    outputs = np.array([[0.0, 4.0], [0.0, 8.0]], np.float32)
    assert [a.probability for a in bare.answers(outputs)] == pytest.approx([0.9820, 0.9997], abs=1e-4)
    unsure, sure = calibrated.answers(outputs, ["a.jpg", None])
    assert (unsure.path, unsure.label, unsure.probability) == ("a.jpg", "pale", pytest.approx(0.7311, abs=1e-4))
    assert unsure.set == ("pale", "dark") and unsure.abstained
    assert sure.probability == pytest.approx(0.8808, abs=1e-4) and not sure.abstained
    assert unsure.as_json()["set"] == ["pale", "dark"] and unsure.as_json()["abstained"] is True
    assert calibrated.predict(picture(255)).probability < 1 - 1e-3  # the same path as that of `answers`
    assert next(calibrated.predict_many([picture(255)])).set


def test_numbers_come_with_intervals_where_calibrated() -> None:
    target = NumberTarget(names=("a", "b"), mean=(10.0, 0.0), std=(2.0, 1.0))
    fitted = Calibration(kind="number", coverage=0.9, n=50, half_widths=(1.0, 0.25))
    found = Predictor(READER, target, engine, calibration=fitted).answers(np.array([[0.0, 5.0]], np.float32))[0]
    assert found.values == {"a": 10.0, "b": 5.0} and found.intervals == {"a": (9.0, 11.0), "b": (4.75, 5.25)}
    assert found.as_json()["intervals"] == {"a": [9.0, 11.0], "b": [4.75, 5.25]}


def encoded(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(value)).save(stream, "PNG")
    return stream.getvalue()


def test_the_self_test_answers_the_golden_examples() -> None:
    expected = np.array([[5.0, -5.0], [-5.0, 5.0]], np.float32)
    golden = Golden((encoded(0), encoded(255)), expected, tolerance=0.01)
    good = Predictor(READER, LIGHT, engine, golden=golden).self_test()
    assert good.passed and good.n == 2 and good.max_abs_difference < 0.01
    for wrong, said in (
        (lambda pixels: engine(pixels)[:, ::-1], "differ by 10"),
        (lambda pixels: engine(pixels)[:, :1], "outputs of shape"),
        (lambda pixels: engine(pixels) * np.float32(np.nan), "differ by inf"),
    ):
        bad = Predictor(READER, LIGHT, wrong, golden=golden).self_test()
        assert not bad.passed and said in bad.reason
    unreadable = Predictor(READER, LIGHT, engine, golden=Golden((b"x",), expected[:1], 0.01)).self_test()
    assert not unreadable.passed and "cannot be read" in unreadable.reason
    assert not make().self_test().passed, "nothing was proved"


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (3, 50), (400, 7)])
def test_pictures_of_any_shape_become_the_same_square(shape: tuple[int, int]) -> None:
    reader = PictureInput(channels=3, size_px=16, crop_pct=0.875, mean=(0.5,) * 3, std=(0.5,) * 3)
    loaded = reader.load(np.full((*shape, 3), 7, np.uint8))
    [working], [view] = loaded, reader.view(loaded)
    assert min(working.shape[:2]) == reader.working_px == 18
    assert max(working.shape[:2]) <= 3 * 18
    assert (view == 7).all() and view.shape == (16, 16, 3)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_any_number_of_channels_is_resized_alike(channels: int) -> None:
    from drivetrain.kinds.images.spec import resize

    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (20, 30, channels), dtype=np.uint8)
    whole = resize(source, 7, 9, "bicubic")
    alone = [
        np.asarray(Image.fromarray(source[:, :, c]).resize((9, 7), Image.Resampling.BICUBIC)) for c in range(channels)
    ]
    assert whole.shape == (7, 9, channels)
    assert (whole == np.stack(alone, axis=2)).all()


def test_an_inconsistent_description_is_refused() -> None:
    with pytest.raises(ValueError, match="one value per channel"):
        PictureInput(channels=3, size_px=4, mean=(0.5,), std=(0.5,))
    with pytest.raises(ValueError, match="above 0"):
        PictureInput(channels=1, size_px=4, mean=(0.5,), std=(0.0,))
