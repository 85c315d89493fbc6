"""What people hand over as pictures: taken where it has one meaning, refused by name where it has two or none."""

from __future__ import annotations

import io
import pathlib
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from drivetrain.errors import DrivetrainError, PictureError, SettingError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import NumberTarget

RED = (200, 60, 20)
READER = PictureInput(channels=3, size_px=4, crop_pct=1.0, mean=(0.5,) * 3, std=(0.5,) * 3)
CHANNELS = NumberTarget(names=("r", "g", "b"), mean=(0.0,) * 3, std=(1.0,) * 3)


def mean_colour(pictures: np.ndarray) -> np.ndarray:
    """A model that says the mean red, green and blue."""
    return pictures.mean(axis=(1, 2), dtype=np.float32)


PREDICTOR = Predictor(READER, CHANNELS, mean_colour)
ARRAY = np.full((20, 30, 3), RED, np.uint8)


def encoded() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(ARRAY).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "red.png").write_bytes(encoded())
    return tmp_path / "red.png"


def said(prediction) -> tuple[int, ...] | None:
    return prediction.values and tuple(round(value) for value in prediction.values.values())


def half_read() -> io.BytesIO:
    stream = io.BytesIO(b"header" + encoded())
    stream.read(6)
    return stream


FORMS = {
    "bytes": encoded,
    "bytearray": lambda: bytearray(encoded()),
    "memoryview": lambda: memoryview(encoded()),
    "file in memory": lambda: io.BytesIO(encoded()),
    "from where it stands": half_read,
    "Pillow": lambda: Image.fromarray(ARRAY),
    "array": lambda: ARRAY,
    "channels first": lambda: ARRAY.transpose(2, 0, 1),
    "16 bits": lambda: ARRAY.astype(np.uint16) * 256,
    "tensor": lambda: torch.tensor(ARRAY),
    "tensor, channels first": lambda: torch.tensor(ARRAY).permute(2, 0, 1),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_picture_are_read_alike(form: str) -> None:
    assert said(PREDICTOR.predict(FORMS[form]())) == RED
    assert [said(each) for each in PREDICTOR.predict_many([FORMS[form]()])] == [RED]


def test_forms_of_a_path_are_read_alike(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path.with_name("a.zip"), "w") as archive:
        archive.write(path, "red.png")
        with path.open("rb") as opened, archive.open("red.png") as inside:
            for source in (str(path), path, np.str_(path), opened, inside, zipfile.Path(archive, "red.png")):
                assert said(PREDICTOR.predict(source)) == RED
    with path.open("rb") as opened:
        assert PREDICTOR.predict(opened).path == str(path)
    assert type(PREDICTOR.predict(np.str_(path)).path) is str


@pytest.mark.parametrize(
    ("source", "reason", "fix"),
    [
        (np.stack([ARRAY] * 8), "batch of 8 pictures", "use predict_many"),
        (ARRAY[None], "batch of 1 picture", r"array\[0\]"),
        (ARRAY / 255, "does not say which value is white", r"\* 255\)\.round\(\)\.astype"),
        (torch.tensor(ARRAY / 255), "does not say which value is white", r"\* 255\)\.round\(\)\.byte\(\)"),
        (ARRAY.astype(np.float32), "values 20 to 200", r"array\.round\(\)\.astype"),
        (ARRAY.astype(np.int64), "int64", r"array\.astype\('uint8'\)"),
        ((ARRAY / 255 - 0.5) / 0.2, "does not say", "before it was normalised"),
        (ARRAY > 30, "array of bool", r"\* 255"),
        (np.zeros((8, 28, 28), np.uint8), "28 channels", "moveaxis"),
        (np.ma.masked_equal(ARRAY, 20), "masked", r"filled\(0\)"),
        (np.array(["a.jpg", "b.jpg"]), "2 texts", "predict_many"),
        (torch.zeros((3, 20, 30), dtype=torch.bfloat16), "BFloat16", "numpy array"),
        (io.StringIO("text"), "opened as text", "'rb'"),
        (io.BytesIO(b""), "nothing left to read", r"seek\(0\)"),
        ("https://example.org/a.jpg", "web address, and nothing is fetched", "download"),
        (pathlib.Path("s3://bucket/a.jpg"), "web address", "download"),
        ("", "path is empty", "give the path"),
        ("-", "standard input", "write it into a file"),
        ("data:image/png;base64,iVBORw0KGgo=", "no path", "b64decode"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(source: object, reason: str, fix: str) -> None:
    with pytest.raises(PictureError, match=f"{reason}.*To fix: .*{fix}"):
        PREDICTOR.predict(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "fix"),
    [
        (None, "leave out what is missing"),
        (float("nan"), "leave out what is missing"),
        (pd.NA, "leave out what is missing"),
        (7, "pass one of these"),
        (ARRAY.tolist(), "np.array"),
        ({"image": ARRAY}, "its 'image'"),
        ({"x": ARRAY}, "values"),
        (iter([ARRAY]), "predict_many"),
        (pd.Series(["a.jpg"]), "predict_many"),
        (pd.DataFrame({"path": ["a.jpg"]}), "column of paths"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(source: object, fix: str) -> None:
    with pytest.raises(SettingError, match=f"given as .*expected a path.*To fix: .*{fix}"):
        PREDICTOR.predict(source)  # type: ignore[arg-type]


def test_paths_that_are_none_are_looked_at(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(path.parent))
    for source, said_of_it in (
        (path.parent, "is a folder.*predict_many"),
        (path.parent / "*.png", r"pattern, which fits 1 file.*glob\.glob"),
        (path.parent / "*.jpg", "as a pattern it fits no file"),
        ("~/red.png", "expanduser"),
        (path.parent / "fruit.csv", "name is that of a table"),
    ):
        with pytest.raises(PictureError, match=f"(?s){said_of_it}"):
            PREDICTOR.predict(source)
    (path.parent / "fruit.csv").write_text("path\nred.png\n")
    for whole in (str(path.parent / "*.png"), "https://example.org/a.jpg", path.parent / "fruit.csv", ""):
        with pytest.raises(SettingError, match="To fix"):
            PREDICTOR.predict_many(whole)


def test_a_list_gives_a_list(path: pathlib.Path) -> None:
    found = PREDICTOR.predict([path, ARRAY, None, "x.png"])
    assert [said(each) for each in found] == [RED, said(PREDICTOR.predict(ARRAY)), None, None]
    assert PREDICTOR.predict([]) == [] and len(PREDICTOR.predict([path])) == 1
    assert found == list(PREDICTOR.predict_many([path, ARRAY, None, "x.png"]))


def test_rows_that_are_missing_do_not_stop_the_others(path: pathlib.Path) -> None:
    column = pd.Series([str(path), None, np.nan, str(path)])
    for sources in ([path, None, "x.png", path], column, column.tolist(), iter(column), column.to_numpy()):
        found = list(PREDICTOR.predict_many(sources))
        assert [said(each) for each in found] == [RED, None, None, RED]
        assert "given as None" in (found[1].error or "") or "given as nan" in (found[1].error or "")
        assert "To fix" in (found[2].error or "")


def test_many_pictures_in_any_form(path: pathlib.Path) -> None:
    two = np.stack([ARRAY, ARRAY[:, :, ::-1]])
    for batch in (two, two.transpose(0, 3, 1, 2), torch.tensor(two)):
        assert [said(each) for each in PREDICTOR.predict_many(batch)] == [RED, RED[::-1]]
    text = str(path)
    columns = (
        [text, text],
        np.array([text, text]),
        np.array([text, path], dtype=object),
        np.array([text.encode()] * 2),
        np.array([encoded(), text], dtype=object),
        pd.Series([text, text], dtype="category"),
        {"a": path, "b": path}.values(),
        (io.BytesIO(encoded()) for _ in range(2)),
    )
    for column in columns:
        assert [said(each) for each in PREDICTOR.predict_many(column)] == [RED, RED]
    for nothing in ([], iter([]), np.zeros((0, 4, 4, 3), np.uint8), pd.Series([], dtype=str)):
        assert list(PREDICTOR.predict_many(nothing)) == []
    with path.open("rb") as opened:
        for one in (bytearray(encoded()), io.BytesIO(encoded()), opened):
            assert [said(each) for each in PREDICTOR.predict_many(one)] == [RED]


def test_a_generator_may_use_its_array_and_close_its_files_again(path: pathlib.Path) -> None:
    def frames():
        frame = np.zeros((8, 8, 3), np.uint8)
        for channel in range(3):
            frame[:] = 0
            frame[:, :, channel] = 90
            yield frame

    def files():
        for _ in range(3):
            with Image.open(path) as opened:
                yield opened

    assert [said(each) for each in PREDICTOR.predict_many(frames())] == [(90, 0, 0), (0, 90, 0), (0, 0, 90)]
    assert [said(each) for each in PREDICTOR.predict_many(files())] == [RED] * 3


@pytest.mark.parametrize(
    "sources",
    [
        None,
        7,
        object(),
        {"a": ARRAY},
        pd.DataFrame({"path": ["a.jpg"]}),
        np.zeros((8, 28, 28), np.uint8),
        ARRAY.transpose(2, 0, 1),
        np.array([["a.jpg", "b.jpg"]]),
    ],
    ids=lambda sources: type(sources).__name__,
)
def test_what_is_neither_one_nor_many_is_refused(sources: object) -> None:
    with pytest.raises(DrivetrainError, match="To fix"):
        PREDICTOR.predict_many(sources)  # type: ignore[arg-type]
