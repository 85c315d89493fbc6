"""What happens to the sealed test rows when a newcomer asks for another split, before and after the first training."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from scenes import scene, write

from drivetrain.data.data import Data
from drivetrain.data.seals.ledger import of_kind
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import Seals
from drivetrain.data.seals.sealing import begin_trial
from drivetrain.errors import SealError
from drivetrain.evaluation.record.openings import earlier_openings
from drivetrain.kinds.images.images import images

PER_CLASS = 20
CLASSES = ("hill", "lake", "moor")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Three classes of twenty scenes."""
    root = tmp_path_factory.mktemp("pictures")
    for c, label in enumerate(CLASSES):
        for i in range(PER_CLASS):
            write(root / label / f"{i:02}.png", scene(100 * c + i, 48, 36))
    return root


@pytest.fixture
def folder(pictures, tmp_path) -> Path:
    return Path(shutil.copytree(pictures, tmp_path / "fruit"))


def seals() -> Seals:
    return Seals(Project.find())


def train(data: Data) -> Data:
    """What a training does to the record before its first step."""
    begin_trial(data)
    return data


def test_rows(data: Data) -> set[str]:
    return set(data.sealed_test.open().digests)


test_rows.__test__ = False


def table_of(folder: Path) -> pd.DataFrame:
    paths = sorted(folder.glob("*/*.png"))
    numbers = [float(i) for i, _ in enumerate(paths)]
    return pd.DataFrame({"path": paths, "label": [p.parent.name for p in paths], "height": numbers})


# what is asked for after a training with seed 42 → rows in (training, validation, test)
AFTER_TRAINING = {
    "the same again": (images, (36, 12, 12)),
    "another seed": (lambda f: images(f, seed=1), (36, 12, 12)),
    "half the test fraction": (lambda f: images(f, test_pct=0.1), (36, 12, 12)),
    "twice the test fraction": (lambda f: images(f, test_pct=0.4), (36, 12, 12)),
    "no test set": (lambda f: images(f, test_pct=0), (36, 12, 12)),
    "another validation fraction": (lambda f: images(f, valid_pct=0.5), (18, 30, 12)),
    "no validation set": (lambda f: images(f, valid_pct=0), (48, 0, 12)),
    "not by class": (lambda f: images(f, stratify=False, seed=3), (36, 12, 12)),
    "a table of the same pictures": (lambda f: images(table_of(f), target="label", seed=7), (36, 12, 12)),
    "another target": (lambda f: images(table_of(f), target="height", task="number"), (36, 12, 12)),
}


@pytest.mark.parametrize("asked", AFTER_TRAINING)
def test_the_rows_that_were_sealed_stay_the_test_rows_once_a_trial_has_used_them(folder, asked):
    first = train(images(folder, seed=42))
    ask, sizes = AFTER_TRAINING[asked]
    data = train(ask(folder))
    assert (len(data.train), len(data.valid), data.n_test) == sizes
    assert test_rows(data) == test_rows(first) and data.seal == first.seal
    assert len(seals().known()) == 1 and not of_kind(seals().ledger.entries(), "retired")


def test_a_seed_divides_what_is_not_sealed_and_says_so_in_one_line(folder, capsys):
    first = train(images(folder, seed=42))
    with _aloud():
        capsys.readouterr()
        one, other = images(folder, seed=1), images(folder, seed=2)
    assert set(one.valid.digests) != set(other.valid.digests) != set(first.valid.digests)
    assert images(folder, seed=1).split == one.split, "the same arguments give the same split"
    said = [line for line in capsys.readouterr().err.splitlines() if "stay the test set" in line]
    assert len(said) == 2 and said[0].startswith(
        f"the 12 pictures sealed as test set {first.seal.id} stay the test set"
    )
    assert "seed 1 divides the others" in said[0] and 'retire="WHY"' in said[0]
    assert f"stays as it was sealed ({first.seal.id})" in one.decisions["split"].reason


def _aloud():
    from contextlib import contextmanager

    from drivetrain import progress

    @contextmanager
    def aloud():
        token = progress._quiet.set(False)
        try:
            yield
        finally:
            progress._quiet.reset(token)

    return aloud()


def test_a_size_that_is_not_followed_is_said(folder, capsys):
    train(images(folder))
    with _aloud():
        images(folder, test_pct=0.1)
    assert "test_pct would be 6 and is not followed" in capsys.readouterr().err


UNUSED = {"seed": 1}, {"test_pct": 0.1}, {"test_pct": 0}, {"stratify": False}, {"test_pct": 0.1, "seed": 5}


@pytest.mark.parametrize("other", UNUSED, ids=str)
def test_a_seal_that_nobody_has_used_gives_way_on_the_record(folder, other):
    first = images(folder, seed=42)
    second = images(folder, **other)
    assert second.n_test == {0.1: 6, 0: 0}.get(other.get("test_pct"), 12)
    assert test_rows(second) != test_rows(first)
    (entry,) = of_kind(seals().ledger.entries(), "retired")
    assert entry.facts["seal"] == first.seal.id and entry.facts["reason"].startswith("nobody had used it")
    assert [known.sealed for known in seals().live()] == ([second.seal] if second.seal else [])
    assert images(folder, seed=42).seal == first.seal, "and comes back when it is asked for"


def test_what_was_opened_or_handed_over_is_in_use(folder, tmp_path):
    first = images(folder)
    first.open_test("to look at them")
    assert images(folder, seed=1).seal == first.seal
    other = tmp_path / "other"
    for i in range(20):
        write(other / "ab"[i % 2] / f"{i}.png", scene(900 + i, 48, 36))
    handed = images(other)
    seals().export(handed.seal.id, tmp_path / "seal.json")
    assert images(other, seed=1).seal == handed.seal


def test_a_trial_of_an_earlier_version_counts(folder):
    """Its run is on record, and no line of the log says that it began."""
    first = images(folder)
    run = Project.find().runs / "20260101-000000000-abcd"
    run.mkdir(parents=True)
    (run / "run.json").write_text(f'{{"seal": "{first.seal.id}"}}')
    assert images(folder, seed=1).seal == first.seal


def test_a_class_is_dropped_then_pictures_are_added(folder):
    first = train(images(folder, seed=42))
    shutil.rmtree(folder / "moor")
    fewer = train(images(folder, seed=42))
    assert test_rows(fewer) < test_rows(first) and fewer.n_test == 8 and len(fewer.train) + len(fewer.valid) == 32
    assert fewer.seal.related == (first.seal.id,)
    for i in range(30):
        write(folder / "dune" / f"{i:02}.png", scene(700 + i, 48, 36))
    more = train(images(folder, seed=9))
    assert test_rows(more) == test_rows(fewer) and more.seal == fewer.seal
    assert len(more.train) + len(more.valid) == 62 and len(more.valid) == 14  # a fifth of 70


def test_a_handful_of_sealed_pictures_among_others_do_not_become_all_of_the_test_set(folder, tmp_path):
    first = train(images(folder))
    mixed = tmp_path / "mixed"
    for i in range(48):
        write(mixed / "ab"[i % 2] / f"{i}.png", scene(300 + i, 48, 36))
    for path in first.sealed_test.open().inputs.paths[:2]:
        shutil.copy(path, mixed / "a" / f"x{path.name}")
    data = images(mixed)
    assert data.n_test == 10 and len(test_rows(data) & test_rows(first)) == 2


def test_k_folds_leave_the_test_set_alone(folder):
    first = train(images(folder))
    folds = images(folder, seed=1).folds(4)
    for fold in folds:
        train(fold)
        assert fold.seal == first.seal and not test_rows(first) & {*fold.train.digests, *fold.valid.digests}


@pytest.mark.parametrize("used", [False, True])
def test_a_split_column_that_trains_on_sealed_rows(folder, used):
    first = images(folder)
    if used:
        train(first)
    table = table_of(folder)
    table["split"] = ["test" if i % 5 == 0 else "valid" if i % 5 == 1 else "train" for i in range(len(table))]
    if not used:
        assert images(table, target="label").n_test == 12
        return
    with pytest.raises(SealError) as stopped:
        images(table, target="label")
    said = str(stopped.value)
    assert said.count("\n") == 1 and said.splitlines()[1].startswith("  To fix: ")
    assert f'split="{(Project.find().seals / first.seal.id / "split.json").as_posix()}"' in said
    assert 'retire="WHY"' in said and f"drivetrain seals retire {first.seal.id}" in said
    kept = images(table, target="label", split=said.split('split="')[1].split('"')[0])
    assert (kept.seal, kept.split.identity) == (first.seal, first.split.identity)
    assert images(table, target="label", retire="the column is the right one").n_test == 12


def test_a_given_split_without_a_test_part_keeps_what_is_drawn_from_its_training_rows(folder, tmp_path):
    root = tmp_path / "given"
    for path in sorted(folder.glob("*/*.png")):
        part = "valid" if int(path.stem) % 4 == 0 else "train"
        place = root / part / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    first = train(images(root, test_pct=0.2, seed=42))
    again = images(root, test_pct=0.3, seed=1)
    assert again.seal == first.seal and test_rows(again) == test_rows(first)
    assert set(again.valid.digests) == set(first.valid.digests) and again.split.method == "given"
    with pytest.raises(SealError, match="and in use"):
        images(root)


# ── groups and times ────────────────────────────────────────────────────────────────────────────────────────────


def grouped(folder: Path) -> pd.DataFrame:
    table = table_of(folder)
    table["person"] = [f"p{i % 10}" for i in range(len(table))]
    table["day"] = [float(i % 10) for i in range(len(table))]
    return table


def test_whole_groups_stay_the_test_set_under_another_seed(folder):
    table = grouped(folder)
    first = train(images(table, target="label", group="person"))
    other = images(table, target="label", group="person", seed=5)
    assert other.seal == first.seal and test_rows(other) == test_rows(first)
    assert not set(other.train.groups) & set(other.valid.groups) and len(other.valid)
    assert not set(other.sealed_test.open().groups) & {*other.train.groups, *other.valid.groups}


def test_new_pictures_of_a_sealed_group_are_left_out_with_a_count(folder):
    table = grouped(folder)
    first = train(images(table, target="label", group="person"))
    person = first.sealed_test.open().groups[0]
    new = [write(folder / "hill" / f"n{i}.png", scene(800 + i, 48, 36)) for i in range(3)]
    more = pd.concat([table, pd.DataFrame({"path": new, "label": "hill", "person": [person, person, "p99"]})])
    data = images(more, target="label", group="person", seed=5)
    assert data.seal == first.seal
    left = [row.path for row in data.report.left_out]
    assert left == [str(new[0]), str(new[1])] and len(data.train) + len(data.valid) == 60 - first.n_test + 1


def test_groups_that_a_random_test_set_tore_apart_stop_in_two_lines(folder):
    table = grouped(folder)
    first = train(images(table[["path", "label"]], target="label"))
    with pytest.raises(SealError, match=rf"group that has sealed test pictures \({first.seal.id}\)") as stopped:
        images(table, target="label", group="person")
    assert str(stopped.value).count("\n") == 1 and 'retire="WHY"' in str(stopped.value)
    assert images(table, target="label", group="person", retire="people must not be torn").n_test


def test_by_time_earlier_pictures_can_be_added_and_later_ones_cannot(folder):
    table = grouped(folder)
    first = train(images(table, target="label", time="day"))
    assert set(first.sealed_test.open().times) == {8.0, 9.0}
    early = write(folder / "hill" / "early.png", scene(850, 48, 36))
    with_early = pd.concat([table, pd.DataFrame({"path": [early], "label": "hill", "day": [-1.0]})])
    more = images(with_early, target="label", time="day", valid_pct=0.3)
    assert more.seal == first.seal and max(more.train.times) < min(more.valid.times) < max(more.valid.times) < 8
    late = with_early.assign(day=with_early["day"].where(with_early["path"] != early, 12.0))
    with pytest.raises(SealError, match="1 picture is as late as sealed test pictures, or later"):
        images(late, target="label", time="day")


# ── between making data and training on them ────────────────────────────────────────────────────────────────────


def test_of_two_data_made_before_any_training_the_first_to_train_keeps_its_test_set(folder):
    one = images(folder, seed=1)
    other = images(folder, seed=2)
    train(one)
    assert [known.sealed for known in seals().live()] == [one.seal]
    with pytest.raises(SealError, match=r"another training has begun to use since these data were made(?s:.*)To fix"):
        train(other)
    again = train(images(folder, seed=2))
    assert again.seal == one.seal


def test_where_nothing_can_be_written_training_goes_on(folder, tmp_path, monkeypatch):
    data = images(folder)
    monkeypatch.setattr("drivetrain.data.seals.project.locked", _cannot)
    begin_trial(data)
    assert os.environ["DRIVETRAIN_PROJECT"]


def _cannot(_):
    raise OSError(30, "Read-only file system")


# ── from another folder ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def in_folders(tmp_path, monkeypatch):
    """Nobody names a project: it is the folder `.drivetrain` of where one stands."""
    monkeypatch.delenv("DRIVETRAIN_PROJECT")

    def stand(name: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        return tmp_path / name / ".drivetrain"

    return stand


def test_from_another_folder_the_test_set_stays(folder, in_folders, capsys):
    one = in_folders("one")
    first = train(images(folder))
    in_folders("two")
    with _aloud():
        data = images(folder, seed=1)
    assert data.seal == first.seal and test_rows(data) == test_rows(first)
    assert f"sealed as test set {first.seal.id} in {one} stay the test set" in capsys.readouterr().err
    assert seals().in_use() == {first.seal.id}, "it is taken over, and in use here too"
    shutil.rmtree(one)
    assert images(folder, seed=3).seal == first.seal


def test_openings_in_another_folder_count(folder, in_folders):
    in_folders("one")
    first = images(folder)
    first.open_test("here")
    in_folders("two")
    data = images(folder)
    assert data.seal == first.seal
    assert len(earlier_openings(data.seal, Project.find())) == 1
    data.open_test("there")
    assert len(earlier_openings(data.seal, Project.find())) == 2
    in_folders("one")
    assert len(earlier_openings(data.seal, Project.find())) == 2


def test_pictures_that_were_all_saved_anew_may_be_trained_on_once_the_test_set_is_given_up(folder):
    first = train(images(folder))
    for path in sorted(folder.glob("*/*.png")):
        with Image.open(path) as picture:
            picture.resize((72, 54)).save(path.with_suffix(".jpg"), quality=90)
        path.unlink()
    with pytest.raises(SealError, match=r"copies of pictures that are sealed .*(?s:.)* with retire=\"WHY\""):
        images(folder)
    second = images(folder, retire="smaller pictures")
    assert second.n_test == 12 and second.seal.id != first.seal.id
    assert {k.sealed.id: k.retired is None for k in seals().known()} == {first.seal.id: False, second.seal.id: True}
    assert images(folder).seal == second.seal


def test_openings_elsewhere_of_what_is_much_the_same_count_here(folder, in_folders):
    in_folders("one")
    first = train(images(folder))
    first.open_test("whole")
    for path in first.sealed_test.open().inputs.paths[:2]:
        path.unlink()
    in_folders("two")
    fewer = images(folder)
    assert fewer.n_test == 10 and fewer.seal.id != first.seal.id
    assert len(earlier_openings(fewer.seal, Project.find())) == 1
    train(fewer).open_test("fewer")
    in_folders("one")
    assert len(earlier_openings(first.seal, Project.find())) == 2


def test_what_nobody_has_used_elsewhere_binds_nobody(folder, in_folders):
    in_folders("one")
    first = images(folder)
    in_folders("two")
    assert test_rows(images(folder, seed=1)) != test_rows(first)


def test_whoever_names_a_project_is_told_of_the_other_and_goes_on(folder, in_folders, tmp_path, capsys):
    one = in_folders("one")
    first = train(images(folder))
    with _aloud():
        data = images(folder, seed=1, project=tmp_path / "mine")
    assert test_rows(data) != test_rows(first)
    said = capsys.readouterr().err
    assert f"12 of these pictures are sealed as test set {first.seal.id} in another project, {one}" in said
    assert f"project={str(one)!r}" in said
    assert images(folder, seed=1, project=one).seal == first.seal


def test_the_list_of_projects_holds_paths_and_nothing_else(folder, in_folders):
    one = in_folders("one")
    images(folder)
    (entry,) = Path(os.environ["DRIVETRAIN_INDEX_DIR"]).glob("*")
    assert json.loads(entry.read_text()) == {"project": str(one)}


@pytest.mark.parametrize("damage", ["", "[]", '{"project": 3}', '{"project": "/no/such/project"}', "\0"])
def test_damaged_and_stale_entries_say_nothing(folder, in_folders, damage):
    in_folders("one")
    first = train(images(folder))
    (entry,) = Path(os.environ["DRIVETRAIN_INDEX_DIR"]).glob("*")
    entry.write_text(damage)
    in_folders("two")
    assert test_rows(images(folder, seed=1)) != test_rows(first)


def test_another_project_that_was_tampered_with_stops_nobody(folder, in_folders):
    one = in_folders("one")
    train(images(folder))
    (one / "log.jsonl").write_text("nonsense\n")
    in_folders("two")
    assert images(folder, seed=1).n_test == 12


@pytest.mark.parametrize("place", ["", "/proc/no/such/folder", "a file"])
def test_where_the_list_cannot_be_kept_work_goes_on(folder, in_folders, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRIVETRAIN_INDEX_DIR", str(tmp_path / "file") if place == "a file" else place)
    in_folders("one")
    first = train(images(folder))
    in_folders("two")
    assert test_rows(images(folder, seed=1)) != test_rows(first)
