"""A kind of input that the package has never heard of becomes Data: listed, checked, divided, grouped and sealed."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drivetrain.data.assemble import open_source
from drivetrain.data.inputs import Cells, Files
from drivetrain.data.listing import SourceSpec
from drivetrain.data.review import record
from drivetrain.data.rows import open_rows
from drivetrain.data.sources import reread_source
from drivetrain.data.splitting.folds import make_folds
from drivetrain.errors import DataError, DrivetrainWarning, SealError, SettingError

pytestmark = pytest.mark.usefixtures("toys")
SHAPES = {"sine": np.sin, "ramp": lambda x: x, "step": np.sign}


def draw(path: Path, shape: str, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.linspace(-3, 3, 20 + seed % 5)
    np.save(path, SHAPES[shape](x) + np.random.default_rng(seed).normal(size=len(x)))
    return path


@pytest.fixture
def curves(tmp_path):
    """20 curves of each of three shapes, below one folder per shape."""
    for at, shape in enumerate(SHAPES):
        for i in range(20):
            draw(tmp_path / "curves" / shape / f"{i:02}.npy", shape, 100 * at + i)
    return tmp_path / "curves"


def table_of(root: Path) -> pd.DataFrame:
    rows = [
        {"curve": str(path), "shape": path.parent.name, "machine": f"m{int(path.stem) % 5}", "minute": int(path.stem)}
        for path in sorted(root.rglob("*.npy"))
    ]
    return pd.DataFrame(rows)


def names(rows):
    return [path.stem for path in rows.inputs]


def test_a_folder_of_curves(curves):
    (curves / "sine" / "broken.npy").write_bytes(b"no array")
    (curves / "sine" / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.warns(DrivetrainWarning, match=r"1 × not a curve \(neither the bytes of an \.npy file nor JSON\)"):
        data = open_source(curves, "toy", seed=3)
    assert (len(data.train), len(data.valid), data.n_test) == (36, 12, 12)
    assert Counter(data.valid.values) == dict.fromkeys(SHAPES, 4)
    assert data.kind == data.train.kind == "toy"
    assert isinstance(data.train.inputs, Files)
    assert data.report.ignored == {".jpg files": 1}, "a picture is no curve"
    assert data.seal is not None
    assert data.seal.n == 12
    assert str(data).startswith(f"curves from folder {curves}\n")


def test_options_of_the_kind_are_followed_and_kept(curves):
    np.save(curves / "ramp" / "99.npy", np.zeros(5))
    assert open_source(curves, "toy").report.n_rows == 61
    with pytest.warns(DrivetrainWarning, match=r"1 × not a curve \(shape \(5,\)\)"):
        data = open_source(curves, "toy", options={"least": 10})
    assert data.options == {"least": 10}
    assert SourceSpec.model_validate_json(data.spec.model_dump_json()) == data.spec
    with pytest.warns(DrivetrainWarning, match="not a curve"):
        again = open_rows(reread_source(curves, data.spec), decide=False)
    assert len(again.rows) == 60


def test_contents_that_are_known_are_not_opened_again(curves):
    data = open_source(curves, "toy")
    first, second = data.train.inputs[0], data.train.inputs[1]
    listed = reread_source(curves, data.spec)
    known = {*data.train.digests[1:], *data.valid.digests, *data.sealed_test.open().digests}
    assert set(open_rows(listed, decide=False, known=known).rows.digests) == {*known, data.train.digests[0]}
    np.save(first, np.zeros((3, 3)))
    second.unlink()
    with pytest.warns(DrivetrainWarning, match=r"58 of 60 rows can be used(?s:.)*not a curve"):
        again = open_rows(listed, decide=False, known=known)
    assert set(again.rows.digests) == known - {data.train.digests[1]}


def test_options_that_the_kind_does_not_have_are_refused(curves):
    for options, said in (
        ({"leats": 3}, "toy have no option 'leats'.*least"),
        ({"channels": 3}, "no option 'channels'"),
    ):
        with pytest.raises(SettingError, match=said):
            open_source(curves, "toy", options=options)
    with pytest.raises(SettingError, match=r"there is no kind of input 'toys'.*toy"):
        open_source(curves, "toys")


def test_what_is_said_of_curves_speaks_of_curves(curves, tmp_path):
    (tmp_path / "none" / "sub").mkdir(parents=True)
    for source, said in ((tmp_path / "none", "folder per class, with curves"), (tmp_path / "no", "a folder of curves")):
        with pytest.raises(DataError, match=said):
            open_source(source, "toy")
    with pytest.raises(DataError, match="no column looks like curve paths"):
        open_source({"a": ["x", "y"], "b": ["u", "v"]}, "toy")
    draw(curves / "loose.npy", "sine", 1)
    with pytest.warns(DrivetrainWarning, match="1 curve lies in"):
        data = open_source(curves, "toy")
    assert "1 × curves outside class folders" in str(data.report)


def test_the_kind_tells_groups(curves):
    for path in list(curves.rglob("*.npy")):
        path.rename(path.with_stem(f"m{int(path.stem) % 5}-{path.stem}"))
    with pytest.warns(DrivetrainWarning, match="rows seem to come in groups"):
        open_source(curves, "toy")
    data = open_source(curves, "toy", group="machine", retire="now by machine")
    machines = [{name[:2] for name in names(rows)} for rows in (data.train, data.valid, data.sealed_test.open())]
    assert sum(map(len, machines)) == len(set.union(*machines)) == 5, "no machine is in two parts"
    assert str(data.decisions["group"]) == "machine (the machine, as each curve names it; 5 groups)"
    for path in list(curves.rglob("*.npy")):
        path.rename(path.with_name(path.name.replace("-", "")))
    with pytest.raises(DataError, match="none of the 60 curves says its machine"):
        open_source(curves, "toy", group="machine", retire="other names")
    with pytest.raises(SettingError, match="'folder' or 'machine'"):
        open_source(curves, "toy", group="camera")


def test_a_table_of_curves_keeps_its_other_columns(curves):
    table = table_of(curves)
    data = open_source(table, "toy", target="shape", time="minute", gap=1)
    assert data.split.how.startswith("time")
    assert max(data.train.times) < min(data.valid.times) < min(data.sealed_test.open().times)
    assert data.train.columns["minute"].dtype == np.int64
    for rows in (data.train, data.valid):
        assert [f"{i:02}" for i in rows.columns["minute"]] == names(rows)
        assert [f"m{i % 5}" for i in rows.columns["minute"]] == list(rows.columns["machine"])
    assert str(data.decisions["path"]) == "curve (its name, and its cells look like curve files)"


def test_a_review_relabels_and_removes(curves, tmp_path):
    data = open_source(curves, "toy")
    gone, other = data.train.digests[:2]
    record(tmp_path / "review.json", gone, "remove")
    record(tmp_path / "review.json", other, "relabel", "step")
    again = open_source(curves, "toy", review=tmp_path / "review.json")
    values = {d: v for rows in (again.train, again.valid) for d, v in zip(rows.digests, rows.values, strict=True)}
    assert gone not in values
    assert values[other] == "step"


def test_sealed_curves_stay_sealed(curves, tmp_path):
    data = open_source(curves, "toy")
    data.open_test("to compare them with what the next split holds")
    other = open_source(curves, "toy", seed=9)
    assert {*other.sealed_test.open().digests} == {*data.sealed_test.open().digests}
    assert {*other.valid.digests} != {*data.valid.digests}
    lists = {"train": [path.as_posix() for path in data.sealed_test.open().inputs]}
    lists["valid"] = [path.as_posix() for path in data.valid.inputs]
    with pytest.raises(SealError, match=r"12 .* sealed"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        open_source(curves, "toy", split=lists)


def test_copies_are_told_and_folds_keep_them_together(curves):
    (curves / "sine" / "77.npy").write_bytes((curves / "sine" / "00.npy").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = open_source(curves, "toy")
    folds = make_folds(data, 3)
    assert all(not {*fold.train.digests} & {*fold.valid.digests} for fold in folds)


def test_a_class_that_training_lacks_is_left_out(curves):
    table = table_of(curves).assign(split="train")
    table.loc[::4, "split"] = "valid"
    table.loc[0, "shape"] = "zigzag"
    with pytest.warns(DrivetrainWarning, match="class is not in the training set|not in the training set"):
        data = open_source(table, "toy", target="shape", split="split")
    assert len(data.valid) == 14


PEOPLE = pd.DataFrame(
    {
        "age": [20 + i % 40 for i in range(100)],
        "town": ["Bern", "Chur", None, "Genf"] * 25,
        "weight": [50.5 + i if i % 7 else None for i in range(100)],
        "day": [f"2024-01-{1 + i % 28:02}" for i in range(100)],
        "household": [f"h{i // 4}" for i in range(100)],
        "ill": ["yes" if i % 3 else "no" for i in range(100)],
    }
)


def test_rows_of_a_table_need_no_paths(tmp_path):
    data = open_source(PEOPLE, "toy_table", target="ill", group="household", columns=["age", "town", "weight"])
    inputs = data.train.inputs
    assert isinstance(inputs, Cells)
    assert list(inputs.columns) == ["age", "town", "weight"]
    assert sorted(data.train.columns) == ["day", "household"]
    row = int(inputs.names()[0].split()[1]) - 1
    assert inputs[0]["age"] == PEOPLE["age"][row]
    assert not {*data.train.groups} & {*data.valid.groups}
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    PEOPLE.to_parquet(tmp_path / "people.parquet")
    for source in (tmp_path / "people.csv", tmp_path / "people.parquet", PEOPLE.sample(frac=1, random_state=1)):
        again = open_rows(reread_source(source, data.spec), decide=False).rows
        assert set(data.train.digests) <= set(again.digests), "the same cells have the same digest wherever they are"


def test_the_inputs_of_a_table_are_what_says_nothing_else():
    data = open_source(PEOPLE, "toy_table", target="ill", group="household", time="day")
    assert list(data.train.inputs.columns) == ["age", "town", "weight"]
    assert data.spec.inputs == ("age", "town", "weight")
    with pytest.raises(SettingError, match="cells of a table"):
        open_source(PEOPLE, "toy_table", target="ill", group="folder(x)")
    with pytest.raises(SettingError, match="leave path out"):
        open_source(PEOPLE, "toy_table", target="ill", path="town")
    with pytest.raises(DataError, match="is left for them"):
        open_source(PEOPLE[["ill"]].assign(fold="x"), "toy_table", target="ill", group="fold")
    with pytest.raises(DataError, match="is a folder, but rows are rows of a table"):
        open_source(".", "toy_table")


@pytest.mark.parametrize("columns", [["age"], {"age"}, ("age", "age")], ids=["list", "set", "twice"])
def test_columns_are_for_tables_without_files(curves, columns):
    with pytest.raises((SettingError, DataError), match="columns"):
        open_source(table_of(curves), "toy", target="shape", columns=columns)


def test_a_digest_is_that_of_the_values():
    one = Cells({"n": np.array([3, 4]), "w": np.array(["a", None], dtype=object)})
    other = Cells({"w": np.array(["a", None], dtype=object), "n": np.array([3.0, 4.0])})
    assert one.digests() == other.digests() == (one.digest(0), one.digest(1))
    apart = [
        {"w": "a", "n": None},
        {"w": None, "n": "a"},
        {"w": "a", "v": None},
        {"w": "ab", "n": ""},
        {"w": "a", "n": "b"},
        {"w": "3", "n": 3},
        {"w": 3, "n": "3"},
        {"w": 2**60, "n": 0},
        {"w": 2**60 + 1, "n": 0},
        {"w": float("inf"), "n": 0},
    ]
    cells = [Cells({name: np.array([cell], dtype=object) for name, cell in row.items()}) for row in apart]
    assert len({each.digest(0) for each in cells}) == len(apart)
    assert Cells({"n": np.array([0.0, -0.0])}).digests()[0] == Cells({"n": np.array([-0.0])}).digest(0)
    assert Cells({"n": np.array([np.nan])}).digest(0) == Cells({"n": np.array([None], dtype=object)}).digest(0)
