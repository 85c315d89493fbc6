import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import drivetrain as dt
from drivetrain.kinds.ratings import reading
from drivetrain.kinds.ratings.describing import described, rows_of
from drivetrain.kinds.ratings.spec import Spec

THREE = {"user": ["a", "b", "c", "a", "b", "c"], "item": ["x", "x", "x", "y", "y", "z"], "rating": [1, 2, 5, 3, 2, 4]}


def pairs(rows):
    columns = rows.inputs.columns
    return set(zip(map(str, columns["user"].tolist()), map(str, columns["item"].tolist()), strict=True))


def made(table, **asked):
    return dt.ratings(table, rating="rating", valid_pct=0.0, test_pct=0.0, **asked)


def test_newest_rows_are_held_out_where_there_is_time(table):
    data = dt.ratings(table, rating="rating", time="time")
    train, valid, test = data.train.times, data.valid.times, data.sealed_test.open().times
    assert max(train) < min(valid) <= max(valid) < min(test)
    assert len(valid) == pytest.approx(0.2 * len(table["user"]), abs=2)


@pytest.mark.parametrize("asked", [{"hold_out": "chance"}, {"group": "user"}, {"group": "item"}], ids=str)
def test_rows_are_drawn_otherwise_on_request(table, asked):
    data = dt.ratings(table, rating="rating", time="time", **asked)
    assert data.split.method == ("grouped" if "group" in asked else "random")
    if "group" in asked:
        of = data.train.inputs.columns[asked["group"]].tolist()
        assert not set(of) & set(data.valid.inputs.columns[asked["group"]].tolist())


def test_rows_without_rating_are_events(table):
    data = dt.ratings({name: table[name] for name in ("user", "item", "time")}, time="time")
    assert data.target.names == ("event",)
    assert set(data.train.values) == {(1.0,)}
    assert described(data).is_events


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame(THREE),
        pa.table(THREE),
        {name: np.array(cells) for name, cells in THREE.items()},
        [dict(zip(THREE, row, strict=True)) for row in zip(*THREE.values(), strict=True)],
    ],
    ids=["pandas", "arrow", "arrays", "dicts"],
)
def test_any_table_is_read_alike(source):
    assert made(source).train.digests == made(THREE).train.digests


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_files_are_read_alike(tmp_path, monkeypatch, suffix, large):
    monkeypatch.setattr(reading, "LARGE_BYTES", 0 if large else 1 << 30)
    place, frame = tmp_path / f"ratings{suffix}", pd.DataFrame(THREE)
    if suffix == ".parquet":
        frame.to_parquet(place)
    else:
        frame.to_csv(place, index=False, sep="," if suffix == ".csv" else "\t")
    data = made(place)
    assert pairs(data.train) == pairs(made(THREE).train)
    assert data.train.values == ((1.0,), (2.0,), (5.0,), (3.0,), (2.0,), (4.0,))


@pytest.mark.parametrize(
    ("ids", "n"),
    [
        ([7, 7.0, "7", " 7 ", "07", 8], 3),
        ([True, "true", False, "yes", "no", "x"], 5),
        ([pd.Timestamp("2024-01-01"), "2024-01-01 00:00:00", 1, 2, 3, 4], 5),
        ([2**60, 2**60 + 1, str(2**60), 1, 2, 3], 5),
        (["é", "e\u0301", "É", "a", "b", "c"], 6),
    ],
    ids=["numbers", "truth", "dates", "large", "accents"],
)
def test_ids_are_of_any_type(ids, n):
    data = dt.ratings({**THREE, "user": ids, "item": list("uvwxyz")}, rating="rating", valid_pct=0.0, test_pct=0.0)
    assert len(described(data).users) == n


@pytest.mark.parametrize("gap", [None, float("nan"), "", "NaN", pd.NA, pd.NaT], ids=repr)
def test_rows_without_an_id_are_left_out_with_a_word(gap):
    with pytest.warns(dt.DrivetrainWarning, match=r"1 × id is missing \(user\)"):
        data = made({**THREE, "user": ["a", "b", gap, "a", "b", "c"]})
    assert len(data.train) == 5


def test_all_ids_missing_is_an_error():
    with pytest.raises(dt.DataError, match=r"no usable row: 6 × id is missing: item"):
        made({**THREE, "item": [None] * 6})


def test_last_rating_of_a_pair_counts_by_time():
    table = {"user": list("aabb"), "item": list("xxxy"), "rating": [5, 1, 2, 3], "time": [20, 10, 5, 6]}
    with pytest.warns(dt.DrivetrainWarning, match="1 × rated again later"):
        data = made(table, time="time", hold_out="chance")
    assert (5.0,) in data.train.values
    assert (1.0,) not in data.train.values
    assert "by time" in str(data.decisions["repeated ratings"])


def test_last_rating_of_a_pair_counts_by_the_order_of_rows():
    with pytest.warns(dt.DrivetrainWarning, match="rated again later"):
        data = made({"user": list("aabb"), "item": list("xxxy"), "rating": [5, 1, 2, 3]})
    assert (1.0,) in data.train.values
    assert (5.0,) not in data.train.values


def test_first_event_of_a_pair_counts():
    table = {"user": list("aabb"), "item": list("xxxy"), "time": [20, 10, 5, 6]}
    with pytest.warns(dt.DrivetrainWarning, match="happened before"):
        data = dt.ratings(table, time="time", hold_out="chance", valid_pct=0.0, test_pct=0.0)
    assert rows_of(described(data), data.train).times.tolist() == [10, 5, 6]


def test_scale_is_inferred_and_told():
    data = made(THREE)
    assert data.options["scale"] == (1.0, 5.0)
    assert "inferred: the values 1, 2, 3, 4, 5" in str(data.decisions["scale"])
    assert made(THREE, scale=(0, 10)).options["scale"] == (0.0, 10.0)


@pytest.mark.parametrize("cells", [["1,5", "2", "5", "3", "2", "4"], ["1.5", "2.0", "5", "3", "2", "4"]], ids=repr)
def test_ratings_are_numbers_as_people_write_them(cells):
    assert made({**THREE, "rating": cells}).train.values[:2] == ((1.5,), (2.0,))


def test_what_is_no_rating_is_left_out():
    with pytest.warns(dt.DrivetrainWarning, match="1 × rating is missing or no number"):
        assert len(made({**THREE, "rating": [1, None, 5, 3, 2, 4]}).train) == 5


def test_equal_ratings_say_what_to_do():
    with pytest.raises(dt.DataError, match=r"all 6 ratings .* are 4.*leave rating= out"):
        made({**THREE, "rating": [4] * 6})


def test_words_are_no_ratings():
    with pytest.raises(dt.DataError, match=r"holds words, such as 'good', 'bad'; expected numbers"):
        made({**THREE, "rating": ["good", "bad", None, "good", "bad", "good"]})


@pytest.mark.parametrize(("far", "said"), [(99, "2 ratings of 99"), (-99, "2 ratings of -99"), (9, "")])
def test_a_number_that_stands_for_a_missing_rating_is_noticed(far, said, recwarn):
    table = {"user": list("abcdef") * 2, "item": ["x"] * 6 + ["y"] * 6, "rating": [1, 2, 3, 4, 5, far] * 2}
    made(table)
    told = [str(each.message) for each in recwarn if "stand for a missing one" in str(each.message)]
    assert [said in one for one in told] == ([True] if said else [])
    if said:
        with pytest.warns(dt.DrivetrainWarning, match="2 × rating is outside the scale"):
            assert len(made(table, scale=(1, 5)).train) == 10


def test_ratings_outside_an_asked_scale_are_left_out():
    with pytest.warns(dt.DrivetrainWarning, match="rating is outside the scale"):
        assert len(made(THREE, scale=(1, 4)).train) == 5


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"user": "who"}, r"there is no column 'who', named by user="),
        ({"rating": "stars"}, r"there is no column 'stars', named by rating="),
        ({"item": "user"}, r"column 'user' is named for user, item"),
        ({"scale": (5, 1)}, r"scale=\(5, 1\) cannot be used"),
        ({"rating": None, "scale": (1, 5)}, r"no effect without rating="),
        ({"hold_out": "time"}, r"needs time="),
        ({"hold_out": "chance", "group": "user"}, r"leave one of them out"),
        ({"gap": "7d"}, r"no effect without a split by time"),
        ({"weight": "w"}, r"there is no column 'w'"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_cannot_be_asked_for(asked, said):
    with pytest.raises(dt.DrivetrainError, match=said):
        dt.ratings(THREE, **{"rating": "rating", **asked})


def test_bots_are_reported():
    n = 1500
    user = ["bot"] * n + [f"u{at}" for at in range(200)]
    item = [f"i{at}" for at in range(n)] + ["i1"] * 200
    with pytest.warns(dt.DrivetrainWarning, match=r"1 user has more than 50 times the usual 1 rows, 88% of all: bot"):
        dt.ratings({"user": user, "item": item}, valid_pct=0.1, test_pct=0.0)


def test_side_tables_add_users_and_items_without_rows():
    items = {"item": ["x", "y", "new"], "author": ["Austen", "Joyce", "Joyce"]}
    data = made(THREE, items=items)
    spec = described(data)
    assert (spec.items, spec.n_trained) == (("x", "y", "z", "new"), 3)
    assert data.items.of(spec.items, "author").tolist() == ["Austen", "Joyce", None, "Joyce"]


def test_side_tables_tell_what_they_leave_out():
    with pytest.warns(dt.DrivetrainWarning, match="2 of 4 rows .* 1 without an id, 1 of an id that comes before"):
        data = made(THREE, items={"item": ["x", "x", None, "y"], "author": list("abcd")})
    assert data.items.ids == ("x", "y")


def test_ids_of_a_side_table_by_another_name_are_its_first_column():
    with pytest.warns(dt.DrivetrainWarning, match=r"no column 'item'; the ids are taken from its first column, 'book'"):
        assert made(THREE, items={"book": ["x"], "author": ["a"]}).items.ids == ("x",)


def test_weights_count_rows():
    data = made({**THREE, "n": [1, 2, 3, 4, 5, 6]}, weight="n")
    assert rows_of(described(data), data.train).weights.tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.warns(dt.DrivetrainWarning, match="2 × weight is not above 0"):
        assert len(made({**THREE, "n": [1, 0, -3, 4, 5, 6]}, weight="n").train) == 4


def test_description_reads_pairs():
    spec = Spec(user="who", item="what", users=("1", "2"), items=("x",), scale=(1, 5))
    assert [
        code.tolist() for code in spec.load_many({"who": np.array([2, 9]), "what": np.array(["x", "y"], object)})
    ] == [
        [2, 0],
        [1, 0],
    ]
    for wrong, said in (({"who": 1}, "column 'what' is not there"), ({"who": None, "what": "x"}, "expected an id"),
                        ("{", "not a row"), ({"who": [1], "what": "x"}, "expected one id")):  # fmt: skip
        with pytest.raises(dt.InputError, match=said):
            spec.load(wrong)
    data, suffix = spec.encode(spec.load({"who": 1, "what": "unknown"}))
    assert suffix == ".json"
    assert [int(code) for code in spec.load(data)] == [1, 0]


def test_rows_are_drawn_within_each_user(table):
    data = dt.ratings(table, rating="rating", time="time", hold_out="within user", valid_pct=0.25, test_pct=0.1)
    assert str(data.decisions["split"]).startswith("within user")
    of = {name: rows.inputs.columns["user"] for name, rows in (("valid", data.valid), ("train", data.train))}
    for user in range(60):
        n = int((table["user"] == user).sum())
        assert (of["valid"] == user).sum() == int(n * 0.25 + 0.5)
        assert (of["train"] == user).sum() == n - int(n * 0.25 + 0.5) - int(n * 0.1 + 0.5)
    turned = {name: cells[::-1] for name, cells in table.items()}
    again = dt.ratings(turned, rating="rating", time="time", hold_out="within user", valid_pct=0.25, test_pct=0.1)
    assert set(again.valid.digests) == set(data.valid.digests)
