"""Splits by time: later rows validate, the latest test; gaps, groups, and what counts as a time."""

import datetime as dt
import itertools
import warnings
from collections import defaultdict

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivetrain.data.tables.times import seconds_of_gap, split_by_time, times_of
from drivetrain.errors import DataError, DrivetrainWarning, SettingError, SplitError
from drivetrain.kinds.images.images import images

rows_with_times = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 40), st.integers(0, 200)), min_size=1, max_size=60
)
"""Time, unit, content; a content is always in one unit."""
fractions = st.sampled_from([0.0, 0.1, 0.2, 0.3])
gaps = st.sampled_from([0.0, 0.0, 1.0, 2.5, 5.0])


def columns(rows):
    unit_of = {}
    units = [f"u{unit_of.setdefault(content, unit)}" for _, unit, content in rows]
    return [float(time) for time, _, _ in rows], units, [str(content) for _, _, content in rows]


def split(rows, **options):
    try:
        return split_by_time(*columns(rows), **options)
    except SplitError:
        return None


def by_part(values, parts):
    found = defaultdict(list)
    for value, part in zip(values, parts, strict=True):
        found[part].append(value)
    return found


@settings(max_examples=300)
@given(rows=rows_with_times, valid=fractions, test=fractions, gap=gaps)
def test_later_parts_are_later_by_the_gap_units_are_whole_and_nothing_vanishes(rows, valid, test, gap):
    found = split(rows, valid_pct=valid, test_pct=test, gap=gap)
    assume(found is not None)
    times, units, _ = columns(rows)
    of = by_part(times, found.parts)
    named = [part for part, pct in (("train", 1), ("valid", valid), ("test", test)) if pct]
    assert set(of) - {None} == set(named)
    for earlier, later in itertools.pairwise(named):
        assert max(of[earlier]) < min(of[later])
        assert min(of[later]) - max(of[earlier]) >= gap
    in_parts = defaultdict(set)
    for unit, part in zip(units, found.parts, strict=True):
        if part is not None:
            in_parts[unit].add(part)
    assert all(len(parts) == 1 for parts in in_parts.values())
    assert {row for row, part in enumerate(found.parts) if part is None} == set(found.reasons)
    if not gap and len(set(units)) == len(rows):
        assert not found.reasons, "without gaps and groups every row has a part"


@settings(max_examples=150)
@given(rows=rows_with_times, gap=gaps, data=st.data())
def test_order_changes_nothing(rows, gap, data):
    options = {"valid_pct": 0.2, "test_pct": 0.2, "gap": gap}
    found = split(rows, **options)
    assume(found is not None)
    unit_of = dict(zip(columns(rows)[2], columns(rows)[1], strict=True))
    order = data.draw(st.permutations(range(len(rows))))
    times, _, digests = columns([rows[i] for i in order])
    again = split_by_time(times, [unit_of[digest] for digest in digests], digests, **options)
    assert again.parts == tuple(found.parts[i] for i in order)


@settings(max_examples=60)
@given(n=st.integers(20, 200), valid=st.sampled_from([0.1, 0.2]), test=st.sampled_from([0.1, 0.2]))
def test_fractions_are_right_where_times_differ(n, valid, test):
    ids = [str(i) for i in range(n)]
    parts = split_by_time(list(range(n)), ids, ids, valid_pct=valid, test_pct=test).parts
    assert abs(parts.count("valid") - valid * n) <= 1
    assert abs(parts.count("test") - test * n) <= 1


def test_rows_in_the_gap_come_from_the_earlier_part():
    ids = [str(i) for i in range(20)]
    found = split_by_time(list(range(20)), ids, ids, valid_pct=0.2, test_pct=0.2, gap=3)
    assert "".join("-" if part is None else part[1] for part in found.parts) == "rrrrrrrr--aaaa--eeee"
    assert found.reasons[8] == "in the gap: before the validation set"
    assert found.reasons[14] == "in the gap: before the test set"


def test_groups_that_go_on_belong_to_their_latest_part():
    found = split_by_time([1, 2, 3, 4, 5], list("abcab"), list("vwxyz"), valid_pct=0.2, test_pct=0.2)
    assert found.parts == (None, None, "train", "valid", "test")
    assert found.reasons[1] == "reaches into a later part: rows of the same group or content are in the test set"
    with pytest.raises(SplitError, match=r"no training row is left: 2 rows are of groups.*To fix: group by something"):
        split_by_time([1, 2, 3, 4], list("abab"), list("wxyz"), valid_pct=0.25, test_pct=0.25)


def test_a_copy_counts_at_its_latest_time():
    found = split_by_time([1, 2, 3, 4, 5, 10], list("abcdea"), list("abcdea"), valid_pct=0.2, test_pct=0.2)
    assert found.parts == (None, "train", "train", "train", "valid", "test"), "of five contents the last is tested"


@pytest.mark.parametrize(
    ("times", "options", "says"),
    [
        ([1.0] * 9, {}, "9 distinct rows at 1 distinct time,"),
        ([1.0, 2.0], {}, "no row is left before the validation set"),
        (list(range(20)), {"gap": 100.0}, "with a gap of 100 "),
    ],
)
def test_what_cannot_be_split_by_time_is_explained(times, options, says):
    ids = [str(i) for i in range(len(times))]
    with pytest.raises(SplitError, match=says):
        split_by_time(times, ids, ids, valid_pct=0.2, test_pct=0.2, **options)


def test_what_counts_as_a_time():
    day = 86_400.0
    for cells, expected in (
        (["1970-01-02", " 1970-01-01T00:00:10 "], [day, 10.0]),
        (["1970:01:02 00:00:01", "1970:01:03"], [day + 1, 2 * day]),
        (["1970-01-02T02:00:00+02:00", "1970-01-01T00:00:00Z"], [day, 0.0]),
        ([dt.date(1970, 1, 2), dt.datetime(1970, 1, 1, 0, 0, 5)], [day, 5.0]),
        ([pd.Timestamp("1970-01-02")], [day]),
        ([19700102, 20240131], [day, 1706659200.0]),
        (["19700102"], [day]),
        ([1.5, 2], [1.5, 2.0]),
        (["3", "2.5"], [3.0, 2.5]),
        ([], []),
    ):
        assert times_of(cells, "x") == expected


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["2024-01-31", "31/01/2024"], "row 2 .* says '31/01/2024'; expected a date such as 2024-01-31"),
        (["2024-01-31", "soon"], "'soon'"),
        ([1, "2024-01-31"], "row 1 .* says '1'; expected a date, as others are"),
        (["2024-01-31", 5], "row 2 .* says '5'"),
        (["2024-01-31T10:00:00Z", "2024-01-31"], "row 2 .*expected a date with a time zone"),
        ([1.0, float("inf")], "row 2 .* says 'inf'; expected a finite number"),
        ([True], "says 'True'"),
        ([20240131, 20240231], "says '20240231'"),
    ],
)
def test_what_is_no_time_is_named(cells, says):
    with pytest.raises(DataError, match=f"column 'd' cannot be read as times.*{says}"):
        times_of(cells, "column 'd'")


def test_gaps():
    for gap, seconds in ((None, 0), ("7d", 604_800), ("1.5 h", 5400), (dt.timedelta(days=1), 86_400), (3, 3), ("3", 3)):
        assert seconds_of_gap(gap) == seconds
    for gap in ("7 days", -1, True, "", float("nan")):
        with pytest.raises(SettingError, match="expected a time such as"):
            seconds_of_gap(gap)


@pytest.fixture
def season(put):
    """Forty pictures of as many days, two classes in turn, four trees."""
    return pd.DataFrame(
        {
            "path": [str(put(f"p/{i}.jpg", i)) for i in range(40)],
            "label": ["a", "b"] * 20,
            "day": [str(dt.date(2024, 1, 1) + dt.timedelta(days=i)) for i in range(40)],
            "tree": [f"t{i // 5}" for i in range(40)],
        }
    ).sample(frac=1, random_state=0)


def test_images_by_time(season):
    data = images(season, target="label", time="day")
    assert (len(data.train), len(data.valid), data.n_test) == (24, 8, 8)
    assert max(data.train.times) < min(data.valid.times) < max(data.valid.times) < min(data.sealed_test.open().times)
    assert (data.split.method, data.split.time, data.split.gap) == ("time", "day", 0)
    assert str(data.decisions["time"]) == "day (a column of the table; 40 distinct times)"
    again = images(season.sample(frac=1, random_state=1), target="label", time="day")
    assert again.split == data.split


def test_images_by_time_with_gap_and_groups(season):
    data = images(season, target="label", time="day", gap="3d", test_pct=0)
    assert min(data.valid.times) - max(data.train.times) == 3 * 86_400
    assert data.report.by_reason["in the gap"] and len(data.report.left_out) == 2
    assert "2 rows between them" in data.decisions["split"].reason
    season["tree"] = [f"t{int(day[-2:]) // 3}" for day in season["day"]]
    data = images(season, target="label", time="day", group="tree", test_pct=0.2, project=season["path"].iloc[0] + ".d")
    groups = [set(rows.groups) for rows in (data.train, data.valid, data.sealed_test.open())]
    assert not groups[0] & groups[1] and not groups[1] & groups[2] and not groups[0] & groups[2]
    assert data.split.method == "time" and data.split.group == "tree"


def test_times_from_paths_and_missing_times(season, put, tmp_path):
    for i in range(20):
        put(f"t/{'ab'[i % 2]}/IMG_202401{1 + i:02}.jpg", i)
    data = images(tmp_path / "t", time=r"_(\d{8})$", test_pct=0)
    assert min(data.valid.times) > max(data.train.times)
    function = images(tmp_path / "t", time=lambda path: int(path.stem[-8:]), test_pct=0)
    assert function.split.identity == data.split.identity and function.split.time == "a function"
    season.iloc[:4, list(season.columns).index("day")] = None
    with pytest.warns(DrivetrainWarning, match=r"4 × time is missing"):
        images(season, target="label", time="day", test_pct=0)
    with pytest.raises(SettingError, match="gap='3d' has no effect without time"):
        images(season, target="label", gap="3d")
    with pytest.raises(DataError, match=r"no column 'dya', named by time=.*Did you mean 'day'"):
        images(season, target="label", time="dya")


def test_a_given_split_that_goes_back_in_time_is_told(season):
    season["split"] = ["train", "valid"] * 20
    with pytest.warns(
        DrivetrainWarning, match="the validation set that the source brings begins before the training set"
    ):
        images(season, target="label", time="day")
    season["split"] = ["train" if day < "2024-02-01" else "valid" for day in season["day"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images(season, target="label", time="day")
