"""Splits by group: whole groups, in proportion, the same under any order; and what `group=` can name."""

import io
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import scene

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.reopen import reopen
from drivetrain.data.splitting.grouped import draw_groups
from drivetrain.data.splitting.split import PARTS
from drivetrain.data.splitting.ties import tie
from drivetrain.errors import DataError, DrivetrainWarning, SettingError, SplitError
from drivetrain.kinds.images.images import images

rows_with_groups = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abc"), st.integers(0, 12)), min_size=1, max_size=80
)
"""Content, class, group: contents recur, in one group and in several."""
fractions = st.sampled_from([0.0, 0.1, 0.2, 0.3])


def draw(units, digests, labels, **options):
    """The parts, or None where the split cannot be made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        try:
            return draw_groups(units, digests, labels, **options)
        except SplitError:
            return None


def tied(rows):
    digests = tuple(f"{content:032x}" for content, _, _ in rows)
    groups = tuple(f"g{group}" for _, _, group in rows)
    return (
        tie(Examples(Files([Path("x")] * len(rows)), digests, ("x",) * len(rows), groups=groups)).units,
        digests,
        groups,
    )


def parts_of(keys, parts):
    found = defaultdict(set)
    for key, part in zip(keys, parts, strict=True):
        found[key].add(part)
    return found


@settings(max_examples=200)
@given(
    rows=rows_with_groups,
    valid=fractions,
    test=fractions,
    seed=st.integers(0, 3),
    how=st.sampled_from("cmn"),
    stratify=st.booleans(),
)
def test_no_group_and_no_content_is_torn_and_every_label_trains(rows, valid, test, seed, how, stratify):
    units, digests, groups = tied(rows)
    labels = {
        "c": [name for _, name, _ in rows],
        "m": [(name, "odd") if content % 2 else (name,) for content, name, _ in rows],
        "n": None,
    }[how]
    parts = draw(units, digests, labels, valid_pct=valid, test_pct=test, seed=seed, stratify=stratify)
    assume(parts is not None)
    assert len(parts) == len(rows) and set(parts) <= set(PARTS)
    assert all(len(found) == 1 for keys in (groups, digests) for found in parts_of(keys, parts).values())
    for name, pct in (("valid", valid), ("test", test)):
        assert (name in parts) == (pct > 0)
    assert "train" in parts
    if labels is not None:
        trained = {label for value, part in zip(labels, parts, strict=True) if part == "train" for label in value}
        assert trained == {label for value in labels for label in value}


@settings(max_examples=150)
@given(rows=rows_with_groups, seed=st.integers(0, 3), data=st.data())
def test_order_and_repetition_change_nothing(rows, seed, data):
    units, digests, _ = tied(rows)
    labels = [name for _, name, _ in rows]
    options = {"valid_pct": 0.2, "test_pct": 0.2, "seed": seed}
    parts = draw(units, digests, labels, **options)
    assume(parts is not None)
    order = data.draw(st.permutations(range(len(rows))))
    units, digests, _ = tied([rows[i] for i in order])
    assert draw(units, digests, [labels[i] for i in order], **options) == [parts[i] for i in order]
    copies = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    longer = [*rows, *(rows[i] for i in copies)]
    units, digests, _ = tied(longer)
    assert draw(units, digests, [name for _, name, _ in longer], **options) == parts + [parts[i] for i in copies]
    more_valid = draw(*tied(rows)[:2], labels, **{**options, "valid_pct": 0.3})
    if more_valid is not None:
        assert [part == "test" for part in more_valid] == [part == "test" for part in parts]


@settings(max_examples=40)
@given(seed=st.integers(0, 50), n_groups=st.integers(30, 60), most=st.integers(1, 20))
def test_fractions_and_classes_come_out_nearly_as_asked(seed, n_groups, most):
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), random.integers(1, most + 1, n_groups))
    labels = random.choice(list("aab"), len(groups)).tolist()
    assume(len(set(labels)) == 2)
    units = [f"g{group}" for group in groups]
    parts = draw_groups(units, [str(i) for i in range(len(units))], labels, valid_pct=0.2, test_pct=0.2, seed=seed)
    for name in ("valid", "test"):
        assert abs(parts.count(name) - 0.2 * len(parts)) <= 1.5 * most
        taken = Counter(label for label, part in zip(labels, parts, strict=True) if part == name)
        assert all(abs(taken[label] - 0.2 * labels.count(label)) <= 2 * most for label in "ab")


def test_a_draw_by_group_that_must_never_change():
    """Golden: a sealed test set must stay what it is."""
    units = [f"g{i % 10}" for i in range(40)]
    parts = draw_groups(units, [str(i) for i in range(40)], ["x", "y"] * 20, valid_pct=0.2, test_pct=0.2, seed=42)
    assert "".join(part[1] for part in parts[:10]) == "rrerarrare"  # the second letters: tRain, vAlid, tEst


def test_large_groups_are_not_preferred():
    held_out = Counter()
    units = ["big"] * 12 + [f"g{i}" for i in range(48)]
    for seed in range(60):
        parts = draw_groups(units, [str(i) for i in range(60)], None, valid_pct=0, test_pct=0.3, seed=seed)
        held_out[parts[0]] += 1
    assert 5 <= held_out["test"] <= 35


def test_new_pictures_of_a_group_do_not_shuffle_the_others():
    units = [f"g{i % 20}" for i in range(100)]
    before = draw_groups(units, [str(i) for i in range(100)], None, valid_pct=0.2, test_pct=0.2, seed=1)
    after = draw_groups([*units, "g3"], [str(i) for i in range(101)], None, valid_pct=0.2, test_pct=0.2, seed=1)
    changed = sum(one != other for one, other in zip(before, after, strict=False))
    assert changed <= 20


def test_a_class_in_one_group_trains_with_a_warning():
    units = [f"g{i // 4}" for i in range(40)]
    with pytest.warns(DrivetrainWarning, match="1 class is in one group only.*: rare"):
        parts = draw_groups(
            units, [str(i) for i in range(40)], ["rare"] + ["x"] * 39, valid_pct=0.2, test_pct=0.2, seed=1
        )
    assert parts[0] == "train"


def test_too_few_groups_is_explained():
    for units in (["a"] * 9, ["a", "b"] * 5, []):
        digests = [str(i) for i in range(len(units))]
        with pytest.raises(SplitError, match=r"groups of .* cannot be split.*To fix: name a finer group"):
            draw_groups(units, digests, None, valid_pct=0.2, test_pct=0.2, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        with pytest.raises(SplitError, match="2 groups of 4 distinct rows"):
            draw_groups(list("ppqq"), list("0123"), list("xxyy"), valid_pct=0.5, test_pct=0, seed=1)


@pytest.fixture
def spoken(put, tmp_path):
    """Four digits of six speakers, three takes each; and the same as a table."""
    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    rows = [
        {"path": str(put(f"spoken/{digit}/{digit}_{who}_{take}.jpg", 100 * digit + 10 * take + i)), "speaker": who}
        for digit in range(4)
        for i, who in enumerate(speakers)
        for take in range(3)
    ]
    table = pd.DataFrame(rows)
    table["digit"] = [f"d{Path(path).parent.name}" for path in table["path"]]
    return tmp_path / "spoken", table


def everything(data):
    return Examples.concat([data.train, data.valid, data.sealed_test.open()])


def assert_pure(data):
    of = parts_of(
        data.train.groups + data.valid.groups + data.sealed_test.open().groups,
        ["train"] * len(data.train) + ["valid"] * len(data.valid) + ["test"] * data.n_test,
    )
    assert all(len(parts) == 1 for parts in of.values())
    return of


def test_groups_from_a_column_a_pattern_a_function_and_folders_are_the_same_split(spoken, put, tmp_path):
    root, table = spoken
    by_column = images(table, target="digit", group="speaker", project=tmp_path / "a")
    assert by_column.split.method == "stratified grouped"
    assert (len(by_column.train), len(by_column.valid), by_column.n_test) == (48, 12, 12)
    assert len(assert_pure(by_column)) == 6
    assert str(by_column.decisions["group"]) == "speaker (a column of the table; 6 groups)"
    pattern = images(root, group=r"_(\w+)_\d+$", project=tmp_path / "a")
    assert pattern.split.identity == by_column.split.identity
    assert pattern.split.group == r"_(\w+)_\d+$"
    function = images(root, group=lambda path: path.stem.split("_")[1], project=tmp_path / "a")
    assert function.split.identity == by_column.split.identity
    for path in sorted(root.rglob("*.jpg")):
        digit, who, take = path.stem.split("_")
        new = tmp_path / "deep" / digit / who / f"{take}.jpg"
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(path.read_bytes())
    folder = images(tmp_path / "deep", group=r"([^/]+)/[^/]+$", labels_from="top", project=tmp_path / "a")
    assert folder.split.identity == by_column.split.identity
    finer = images(tmp_path / "deep", group="folder", labels_from="top", valid_pct=0.2, test_pct=0)
    assert set(everything(finer).groups) == {f"{d}/{who}" for d in range(4) for who in set(table["speaker"])}


def test_near_duplicates_and_exif_as_groups(tmp_path):
    for i in range(10):
        picture = scene(i)
        for copy in range(2):
            exif = Image.Exif()
            exif[0x010F], exif[0x0110], exif[0x0132] = (
                "Maker",
                f"Model {i % 3}",
                f"2024:01:{1 + i // 2:02} 10:00:0{copy}",
            )
            path = tmp_path / "in" / "ab"[i % 2] / f"{i:02}{copy}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.resize((96 - 16 * copy, 72 - 12 * copy)).save(path, quality=90 - 20 * copy, exif=exif)
    for group, n in (("near-duplicates", 10), ("camera", 3), ("day", 10)):
        data = images(tmp_path / "in", group=group, valid_pct=0.3, test_pct=0)
        assert len(set(data.train.groups + data.valid.groups)) == n, group
        assert_pure(data)
        assert data.split.group == group
        assert f"{n} groups" in data.decisions["group"].reason
    everyone = images(tmp_path / "in", group=lambda path: path.stem, valid_pct=0.3, test_pct=0)
    stems = {
        part: {path.stem[:2] for path in rows.inputs.paths}
        for part, rows in (("t", everyone.train), ("v", everyone.valid))
    }
    assert not stems["t"] & stems["v"], "pictures that look the same stay together"
    assert "10 pictures that look the same as one elsewhere stay with it" in everyone.decisions["split"].reason


def test_rows_without_a_group_are_left_out_and_named(spoken):
    _, table = spoken
    table.loc[:4, "speaker"] = None
    with pytest.warns(DrivetrainWarning, match="5 × group is missing"):
        data = images(table, target="digit", group="speaker", test_pct=0)
    assert len(data.train) + len(data.valid) == 67
    with pytest.warns(DrivetrainWarning, match="3 × group is missing"):
        images(table, target="digit", group=lambda p: None if "0_theo" in p.name else p.stem[2:5], test_pct=0)
    with pytest.raises(DataError, match="group is missing: speaker, in all 72 rows"):
        images(table.assign(speaker=None), target="digit", group="speaker")


def test_what_group_cannot_be(spoken):
    root, table = spoken
    for source, group, error, says in (
        (table, "speakr", DataError, "no column 'speakr', named by group=.*Did you mean 'speaker'"),
        (table, "digit", SettingError, "group names 'digit', which is the path, target or split column"),
        (root, "speaker", SettingError, "group='speaker' names a column, but the source is a folder"),
        (root, "(", SettingError, "no regular expression"),
        (root, r"\(x", SettingError, r"no \(group\)"),
        (root, 3, SettingError, "group=3 cannot be used: expected the name of a column"),
        (root, r"_(theo)_", DataError, r"not found in 60 of 72 paths; the first is '0/0_george_0'"),
    ):
        with pytest.raises(error, match=says):
            images(source, group=group, **({"target": "digit"} if source is table else {}))


def test_one_group_for_all_is_named_and_nothing_else_is_warned_of(spoken, recwarn):
    _, table = spoken
    with pytest.raises(SplitError, match=r"all 72 rows are of one group, 'theo'.*To fix: name what tells rows apart"):
        images(table.assign(speaker="theo"), target="digit", group="speaker")
    assert not recwarn.list
    assert len(images(table.assign(speaker="theo"), target="digit", group="speaker", valid_pct=0, test_pct=0).train)


def test_pictures_that_do_not_say_their_camera_are_told(tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "Model 1"
    for i in range(12):
        path = tmp_path / "in" / "ab"[i % 2] / f"{i:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(i).save(path)
    for group in ("camera", "day"):
        with pytest.raises(
            DataError, match=f"group='{group}': none of the 12 pictures says its {group} in EXIF.*To fix"
        ):
            images(tmp_path / "in", group=group)
    for path in sorted((tmp_path / "in" / "a").iterdir())[:3]:
        Image.open(path).save(path, exif=exif)
    with pytest.warns(DrivetrainWarning, match="9 of 12 pictures do not say their camera in EXIF, and each is a group"):
        images(tmp_path / "in", group="camera", valid_pct=0.3, test_pct=0)


def test_a_given_split_that_tears_groups_is_told(spoken):
    _, table = spoken
    table["split"] = ["train", "train", "valid"] * 24
    with pytest.warns(DrivetrainWarning, match=r"6 of 6 groups are in more than one part of the split that the source"):
        data = images(table, target="digit", group="speaker")
    assert data.valid.groups and data.split.method == "given"
    table["split"] = ["valid" if who == "theo" else "train" for who in table["speaker"]]
    data = images(table, target="digit", group="speaker", test_pct=0.2)
    assert_pure(data)
    assert "stratified grouped" in data.decisions["split"].reason


def test_numbers_and_several_labels_by_group(spoken):
    _, table = spoken
    table["y"] = np.arange(72) / 7
    table["tags"] = [f"{who};loud" if i % 2 else who for i, who in enumerate(table["digit"])]
    numbers = images(table, target="y", group="speaker", test_pct=0)
    assert numbers.split.method == "grouped"
    assert_pure(numbers)
    tags = images(table, target="tags", label_delim=";", group="speaker", test_pct=0)
    assert_pure(tags)
    assert len(tags.valid) == len(numbers.valid) == 12


def test_a_saved_model_finds_the_groups_again(spoken):
    root, table = spoken
    for source, options in ((table, {"target": "digit", "group": "speaker"}), (root, {"group": r"_([a-z]+)_"})):
        data = images(source, test_pct=0, **options)
        found = reopen(source, data.spec, data.target, split=data.split).part("valid")
        assert found.examples == data.valid
    renamed = table.drop(columns="speaker")
    data = images(table, target="digit", group="speaker", test_pct=0)
    found = reopen(renamed, data.spec, data.target, split=data.split).part("valid")
    assert found.examples.groups == ()
    assert found.examples.digests == data.valid.digests
    table.loc[3, "speaker"] = None
    new = reopen(table, data.spec, data.target).all()
    assert len(new.examples) == 72, "new rows without a group are judged, too"


def test_strange_names_are_no_trouble(put, tmp_path):
    for i in range(30):
        put(f"odd/{'ab'[i % 2]}/{'..' if i % 3 else '_._'}x{i}.y.jpg", i)
    images(tmp_path / "odd", test_pct=0)
    stream = io.BytesIO()
    Image.linear_gradient("L").save(stream, "PNG")
    (tmp_path / "odd" / "a" / "-_-.png").write_bytes(stream.getvalue())
    images(tmp_path / "odd", group="folder", valid_pct=0, test_pct=0)


@pytest.mark.parametrize("setting", ["group", "time"])
def test_a_function_that_fails_is_named_with_its_row(setting, put, tmp_path):
    for i, name in enumerate(("a/1_x", "a/2_x", "b/3", "b/4_x")):
        put(f"in/{name}.png", i)
    with pytest.raises(
        DataError, match=f"given as {setting}= fails for row 3 of 4, .*3.png: IndexError: .*To fix"
    ) as it:
        images(tmp_path / "in", **{setting: lambda path: path.stem.split("_")[1]}, test_pct=0)
    assert isinstance(it.value.__cause__, IndexError)
