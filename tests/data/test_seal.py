"""The seal: no test picture gets into training unnoticed, whatever it is called and however it was saved."""

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from scenes import COPIES, scene, write
from tests.races import race

from drivetrain.cli.handwriting import write_handwriting
from drivetrain.data.data import Data, Sealed
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.seals.ledger import of_kind
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import SealedSet, Seals, identity_of, retire_seal
from drivetrain.data.seals.sealing import begin_trial
from drivetrain.errors import DrivetrainWarning, SealError, SettingError
from drivetrain.kinds.images.images import images
from drivetrain.runtime.pictures.read import digest

PER_CLASS = 10


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """Two classes of scenes, in a folder that says which are test pictures."""
    root = tmp_path_factory.mktemp("originals")
    for label, first in (("hill", 0), ("lake", 100)):
        for i in range(PER_CLASS):
            part = "test" if i < 3 else "valid" if i < 5 else "train"
            write(root / part / label / f"{i}.png", scene(first + i))
    return root


@pytest.fixture
def divided(originals, tmp_path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "divided"))


@pytest.fixture
def mixed(originals, tmp_path) -> Path:
    """The same pictures, not divided."""
    for path in originals.glob("*/*/*.png"):
        place = tmp_path / "mixed" / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return tmp_path / "mixed"


def seals() -> Seals:
    return Seals(Project.find())


def sealed_paths(data: Data) -> list[Path]:
    return list(data.sealed_test.open().inputs.paths)


# ── what is sealed ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_test_part_is_sealed_when_the_split_is_made(mixed):
    data = images(mixed, seed=1)
    assert data.seal is not None and data.seal.n == data.n_test == 4
    (known,) = seals().live()
    assert known.sealed == data.seal
    assert data.seal.rows_of(data.sealed_test.open().digests) == [0, 1, 2, 3]
    assert data.seal.rows_of((*data.train.digests, *data.valid.digests)) == []
    assert data.seal.id in data.summary()
    (entry,) = of_kind(seals().ledger.entries(), "sealed")
    assert (entry.facts["seal"], entry.facts["n"]) == (data.seal.id, 4)


def test_reading_the_test_rows_by_hand_is_an_opening_on_record(mixed):
    data = images(mixed, seed=1)
    with pytest.raises(SettingError, match="expected a reason, in your words"):
        data.open_test(" ")
    assert not seals().openings(data.seal)
    rows = data.open_test("a figure of the test pictures")
    assert rows == data.sealed_test.open() and len(rows) == 4
    (entry,) = seals().openings(data.seal)
    assert entry.facts["reason"] == "a figure of the test pictures"
    images(mixed, test_pct=0, project=Path("other")).open_test("there are none")  # nothing is sealed, nothing written
    assert not Project.find("other").folder.exists()


def test_a_seal_holds_no_names_no_labels_and_no_readable_contents(mixed):
    data = images(mixed, seed=1)
    text = (Project.find().seals / data.seal.id / "seal.json").read_text()
    test = data.sealed_test.open()
    for path, content, value in zip(test.inputs.paths, test.digests, test.values, strict=True):
        assert path.name not in text.replace("seal.json", "") and content not in text and value not in text
    again = SealedSet.of(test, source="mixed")
    assert again.identity == data.seal.identity, "the same pictures are the same test set"
    assert not set(again.looks) & set(data.seal.looks), "every seal has a salt of its own"


def test_without_a_test_part_nothing_is_sealed(mixed):
    assert images(mixed, test_pct=0).seal is None
    assert not Project.find().folder.exists()


def test_the_test_rows_are_not_reached_by_accident(mixed):
    data = images(mixed, seed=1)
    assert len(data.sealed_test) == 4 and "4 sealed rows" in repr(data.sealed_test)
    for name in ("paths", "digests", "values", "subset"):
        with pytest.raises(AttributeError, match=r"learn\.test\(\)"):
            getattr(data.sealed_test, name)
    with pytest.raises(TypeError):
        list(data.sealed_test)
    assert not any(str(path) in repr(data) for path in sealed_paths(data))


# ── the same split, more pictures, another split ────────────────────────────────────────────────────────────────


def test_the_same_command_twice_is_no_contamination(mixed):
    first = images(mixed, seed=1)
    again = images(mixed, seed=1)
    assert again.seal == first.seal and again.split == first.split
    assert images(mixed, seed=1, valid_pct=0.3).seal == first.seal, "another validation set leaves the test set alone"
    assert len(seals().known()) == 1 and [e.kind for e in seals().ledger.entries()] == ["began", "sealed"]


def test_a_seal_is_given_up_on_the_record(mixed):
    first = images(mixed, seed=1)
    with pytest.raises(SettingError, match="reason"):
        images(mixed, seed=2, retire=" ")
    begin_trial(first)
    second = images(mixed, seed=2, retire="only trying")
    assert [known.sealed.id for known in seals().live()] == [second.seal.id]
    (entry,) = of_kind(seals().ledger.entries(), "retired")
    assert entry.facts == {"seal": first.seal.id, "reason": "only trying"}
    with pytest.warns(DrivetrainWarning, match=r"given up on .* \('only trying'\); it is sealed again"):
        back = images(mixed, seed=1, retire="back again")
    assert back.seal == first.seal
    assert [known.sealed.id for known in seals().live()] == [first.seal.id]
    with pytest.raises(SettingError, match="retired before"):
        retire_seal(second.seal.id, "twice")


def test_added_pictures_leave_the_sealed_ones_where_they_are(mixed):
    first = images(mixed, seed=1)
    for i in range(20, 34):
        write(mixed / ("hill" if i % 2 else "lake") / f"{i}.png", scene(i))
    grown = images(mixed, seed=1)
    assert set(grown.sealed_test.open().digests) == set(first.sealed_test.open().digests)
    assert grown.seal == first.seal
    assert len(grown.train) + len(grown.valid) == 30 and len(grown.valid) >= 6
    assert f"stays as it was sealed ({first.seal.id})" in grown.decisions["split"].reason
    before = set(first.valid.digests)
    assert not before & set(grown.sealed_test.open().digests)


def test_pictures_taken_away_leave_the_rest_of_the_test_set(mixed):
    first = images(mixed, seed=1)
    sealed_paths(first)[0].unlink()
    first.train.inputs.paths[0].unlink()
    fewer = images(mixed, seed=1)
    assert set(fewer.sealed_test.open().digests) == set(first.sealed_test.open().digests[1:])
    assert fewer.seal.related == (first.seal.id,)


def test_other_pictures_are_another_matter(mixed, divided, tmp_path):
    images(mixed, seed=1)
    for i in range(300, 312):
        write(tmp_path / "other" / ("dune" if i % 2 else "reef") / f"{i}.png", scene(i))
    other = images(tmp_path / "other", seed=5)
    assert len(seals().live()) == 2 and other.seal.related == ()


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────────────────

SAVED = {
    "copied": shutil.copy,
    "a JPEG of quality 85": lambda path, place: Image.open(path).save(place.with_suffix(".jpg"), quality=85),
    "a JPEG of quality 40": lambda path, place: Image.open(path).save(place.with_suffix(".jpg"), quality=40),
    "a WebP": lambda path, place: Image.open(path).save(place.with_suffix(".webp"), quality=60),
    "halved": lambda path, place: Image.open(path).resize((48, 36)).save(place),
    "enlarged": lambda path, place: Image.open(path).resize((300, 225)).save(place),
    "stretched": lambda path, place: Image.open(path).resize((90, 90)).save(place),
    "mirrored": lambda path, place: COPIES["mirrored"](Image.open(path)).save(place),
    "brightened": lambda path, place: COPIES["brightened"](Image.open(path)).save(place),
    "turned": lambda path, place: Image.open(path).transpose(Image.Transpose.ROTATE_90).save(place),
    "turned in EXIF alone": lambda path, place: Image.open(path).save(place.with_suffix(".jpg"), exif=turned_in_exif()),
    "turned by half": lambda path, place: Image.open(path).transpose(Image.Transpose.ROTATE_180).save(place),
    "mirrored and turned": lambda path, place: Image.open(path).transpose(Image.Transpose.TRANSVERSE).save(place),
    "upside down": lambda path, place: Image.open(path).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(place),
    "a negative": lambda path, place: ImageOps.invert(Image.open(path)).save(place.with_suffix(".jpg"), quality=85),
    "with a border": lambda path, place: ImageOps.expand(Image.open(path), 3, "white").save(place),
    "with bars": lambda path, place: ImageOps.pad(Image.open(path), (96, 96), color="black").save(place),
    "all at once": lambda path, place: ImageOps.expand(
        ImageOps.invert(Image.open(path)).transpose(Image.Transpose.ROTATE_270), 4, "grey"
    ).save(place),
}


def turned_in_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    return exif


@pytest.mark.parametrize("how", SAVED)
@pytest.mark.parametrize("part", ["train", "valid"])
def test_a_copy_of_a_test_picture_is_caught(divided, how, part):
    data = images(divided)
    stolen = sealed_paths(data)[2]
    SAVED[how](stolen, divided / part / "lake" / "holiday.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the same content in two parts
        with pytest.raises(SealError, match=r"(?s)1 training or validation picture is a copy.*holiday.*To fix"):
            images(divided)


@pytest.mark.parametrize("how", [how for how in SAVED if how != "copied"])
def test_a_copy_is_caught_before_another_split_is_spoken_of(mixed, how):
    data = images(mixed, seed=1)
    SAVED[how](sealed_paths(data)[0], mixed / "hill" / "holiday.png")
    with pytest.raises(SealError, match=r"(?s)holiday.*looks like"):
        images(mixed, seed=1)
        images(mixed, seed=1, valid_pct=0.05)  # wherever the copy was drawn to, it is not trained on


def test_months_later_without_the_test_pictures(divided, tmp_path):
    """Their files are gone: content and looks in the seal are all there is."""
    data = images(divided)
    stolen = [Image.open(path) for path in sealed_paths(data)]
    for i, picture in enumerate(stolen):
        write(tmp_path / "new" / "a" / f"{i}.jpg", picture, quality=80)
        write(tmp_path / "new" / "b" / f"{i}.png", scene(500 + i))
    shutil.rmtree(divided)
    with pytest.raises(SealError, match=r"(?s)\d training or validation pictures are copies.*new/a/"):
        images(tmp_path / "new", test_pct=0)


def test_what_only_looks_alike_can_be_allowed_on_the_record(divided):
    data = images(divided)
    twin = divided / "train" / "lake" / "twin.jpg"
    SAVED["a JPEG of quality 85"](sealed_paths(data)[2], twin)
    with pytest.raises(SealError, match=f"drivetrain seals allow {data.seal.id}"):
        images(divided)
    with pytest.raises(SettingError, match="cannot be allowed"):
        seals().allow(data.seal.id, data.sealed_test.open().digests, "why not")
    seals().allow(data.seal.id, [digest(twin.read_bytes())], "the same place, another day")
    assert images(divided).seal == data.seal


def test_copies_that_were_there_before_are_a_warning_and_stay_known(divided):
    SAVED["a JPEG of quality 85"](next((divided / "test" / "lake").iterdir()), divided / "train" / "lake" / "old.png")
    with pytest.warns(DrivetrainWarning, match=r"1 training or validation pictures look like test pictures"):
        data = images(divided)
    assert len(data.seal.overlap) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images(divided).seal == data.seal


# ── no false alarms ─────────────────────────────────────────────────────────────────────────────────────────────


def flat(value: int) -> Image.Image:
    return Image.new("RGB", (64, 64), (value, value // 2, 10))


def test_flat_and_dark_pictures_are_compared_by_content_alone(tmp_path):
    root = tmp_path / "flat"
    for i in range(12):
        write(root / "dark" / f"{i}.png", flat(i))
        write(root / "pale" / f"{i}.png", flat(200 + i))
    with pytest.warns(DrivetrainWarning, match="24 of 24 pictures are of one colour"):
        data = images(root)
    assert not data.seal.overlap
    for i in range(12, 20):
        write(root / "dark" / f"{i}.png", flat(i))
    with pytest.warns(DrivetrainWarning, match="32 of 32 pictures are of one colour"):
        assert images(root).seal == data.seal
    shutil.copy(sealed_paths(data)[0], root / "dark" / "copy.png")
    of_one_colour = pytest.warns(DrivetrainWarning, match="33 of 33 pictures are of one colour")
    with of_one_colour, pytest.warns(DrivetrainWarning, match=r"test rows are \d different pictures"):
        again = images(root)  # the same content goes where its twin is: into the test set
    assert again.seal == data.seal and again.n_test == data.n_test + 1


def test_handwritten_digits_raise_no_alarm(tmp_path):
    """8×8 strokes of many hands: much alike, and not the same."""
    sklearn = pytest.importorskip("sklearn.datasets")
    digits = sklearn.load_digits()
    half = len(digits.images) // 2

    def save(rows: range) -> None:
        for row in rows:
            pixels = (255 - digits.images[row] * 255 / 16).astype(np.uint8)
            write(tmp_path / "digits" / str(digits.target[row]) / f"{row}.png", Image.fromarray(pixels))

    save(range(half))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = images(tmp_path / "digits", channels=1)
    save(range(half, len(digits.images)))
    grown = images(tmp_path / "digits", channels=1)
    assert grown.seal == data.seal


def test_the_pictures_of_the_demo_raise_no_alarm(tmp_path):
    """No two of them are copies, and nothing is said of copies."""
    pytest.importorskip("sklearn.datasets")
    data = images(write_handwriting(tmp_path / "digits"), channels=1)  # a warning would be an error here
    assert data.n_test == 359 and not data.seal.overlap


# ── tampering, handing over, other places ───────────────────────────────────────────────────────────────────────


def test_a_seal_that_was_altered_is_refused(mixed):
    data = images(mixed, seed=1)
    path = Project.find().seals / data.seal.id / "seal.json"
    content = json.loads(path.read_text())
    content["looks"].popitem()
    path.write_text(json.dumps(content))
    with pytest.raises(SealError, match="is not what was sealed"):
        images(mixed, seed=1)
    retire_seal(data.seal.id[:6], "it was altered")
    assert images(mixed, seed=2).seal


def test_a_seal_that_was_deleted_is_missed(mixed):
    data = images(mixed, seed=1)
    shutil.rmtree(Project.find().seals / data.seal.id)
    with pytest.raises(SealError, match=f"lacks {data.seal.id}"):
        images(mixed, seed=2)
    retire_seal(data.seal.id, "it is gone")
    assert images(mixed, seed=2).seal


def test_a_log_that_was_deleted_is_missed(mixed):
    """With its head, so that no line is left that could name another."""
    images(mixed, seed=1)
    project = Project.find()
    for file in (project.log, project.head):
        file.unlink()
    for work in (lambda: images(mixed, seed=1), lambda: seals().known(), lambda: images(mixed, seed=2, retire="again")):
        with pytest.raises(SealError, match=r"log.jsonl is missing, but .*seals holds .* was deleted.*To fix: put"):
            work()
    assert not project.log.exists()


def test_somebody_else_checks_against_a_seal_without_seeing_the_pictures(divided, tmp_path):
    data = images(divided)
    seals().export("", tmp_path / "seal.json", tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open() as stream:
        labels = {row["content"]: row["label"] for row in csv.DictReader(stream)}
    test = data.sealed_test.open()
    assert labels == {data.seal.hash_of(d): v for d, v in zip(test.digests, test.values, strict=True)}
    assert "lake" not in (tmp_path / "seal.json").read_text()
    theirs = tmp_path / "theirs"
    for i in range(400, 412):
        write(theirs / ("hill" if i % 2 else "lake") / f"{i}.png", scene(i))
    ours = {"project": tmp_path / "vendor", "seal": tmp_path / "seal.json", "test_pct": 0}
    assert len(images(theirs, **ours).train)
    Image.open(test.inputs.paths[0]).save(theirs / "hill" / "found.jpg", quality=90)
    with pytest.raises(SealError, match=r"(?s)found\.jpg.*|somebody else holds"):
        images(theirs, **ours)


def tampered(content: dict, how: str) -> dict:
    looks = content["looks"]
    first = next(iter(looks))
    if how == "shortened":
        looks[first] = looks[first][:-2]
    elif how == "all shortened":
        content["looks"] = {name: look[:20] for name, look in looks.items()}
    elif how == "emptied":
        looks[first] = ""
    elif how == "all emptied":
        content["looks"] = dict.fromkeys(looks, "")
    elif how == "one taken out":
        del looks[first]
    elif how == "another count":
        content["count"] += 1
    elif how == "of another version":
        looks[first] = "63" + looks[first][2:]
    elif how == "no digits":
        looks[first] = "zz" + looks[first][2:]
    elif how == "a short hash":
        looks[first[:-2]] = looks.pop(first)
    return content


TAMPERED = {
    "shortened": "a signature has 81 bytes; expected 82",
    "all shortened": "a signature has 10 bytes; expected 82",
    "emptied": "1 of its 6 rows has no signature",
    "all emptied": "6 of its 6 rows have no signature",
    "one taken out": "it holds 5 rows, and says that there are 6",
    "another count": "it holds 6 rows, and says that there are 7",
    "of another version": "expected 82, of version 1",
    "no digits": "non-hexadecimal",
    "a short hash": "another length than 16 bytes",
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_seal_that_was_handed_over_and_altered_is_refused(divided, tmp_path, how):
    images(divided)
    seals().export("", tmp_path / "seal.json")
    content = tampered(json.loads((tmp_path / "seal.json").read_text()), how)
    (tmp_path / "seal.json").write_text(json.dumps(content))
    with pytest.raises(SealError, match=rf"(?s)seal\.json.*{TAMPERED[how]}.*To fix: give the file"):
        images(divided, seal=tmp_path / "seal.json", project=tmp_path / "other")


def test_a_seal_of_an_earlier_version_has_no_count(divided, tmp_path):
    sealed = images(divided).seal
    content = json.loads(sealed.as_bytes())
    del content["count"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    assert SealedSet.read(tmp_path / "old.json").looks == sealed.looks


def test_a_seal_does_not_say_where_the_pictures_lie(divided, tmp_path):
    data = images(str(divided))
    seals().export("", tmp_path / "seal.json")
    assert data.seal.source == "divided"
    assert tmp_path.name not in (tmp_path / "seal.json").read_text()
    old = data.seal.model_copy(update={"source": f"folder {divided}"})  # as earlier versions wrote them
    other = Seals(Project.find(tmp_path / "old"))
    other.add(old)
    assert other.export("", tmp_path / "seal.json") == old
    assert SealedSet.read(tmp_path / "seal.json").source == "divided"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "drivetrain seal"}'])
def test_what_is_no_seal_is_refused(tmp_path, content):
    (tmp_path / "seal.json").write_text(content)
    with pytest.raises(SealError, match="is no seal"):
        SealedSet.read(tmp_path / "seal.json")


def test_where_nothing_can_be_written_the_run_goes_on(mixed, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drivetrain.data.seals.seal.add_folder", full)
    with pytest.warns(DrivetrainWarning, match="sealed for this run only"):
        data = images(mixed, seed=1)
    assert data.seal is not None and data.seal.n == data.n_test


def test_two_processes_that_seal_at_once_make_one_seal(mixed, tmp_path):
    code = """
        import sys
        from drivetrain.kinds.images.images import images
        from drivetrain.progress import quiet
        with quiet():
            print(images(sys.argv[1], seed=1, project=sys.argv[2]).seal.salt)
    """
    salts = set(race(code, [(mixed, tmp_path / "p")] * 3))
    assert len(salts) == 1 and salts != {""}
    assert len(Seals(Project.find(tmp_path / "p")).known()) == 1


def test_identity_is_of_the_set():
    assert identity_of(["b", "a"]) == identity_of(["a", "b", "b"]) != identity_of(["a"])


def test_data_made_by_hand_has_sealed_rows_too():
    assert len(Sealed()) == 0
    with pytest.raises(AttributeError, match="sealed"):
        Sealed().inputs  # noqa: B018


@pytest.mark.parametrize(
    ("signature", "is_one"),
    [
        *((b"\2" * 129, True), (b"\2" * 128, False), (b"\3" * 245, True), (b"\4" * 129, True), (b"\5" * 129, False)),
        *((b"\2", True), (b"\5", False)),
    ],
)
def test_signatures_of_other_kinds_have_their_own_first_byte_and_length(signature, is_one):
    sealed = SealedSet.of(Examples(Files([Path("a")]), ("00",), ("x",), signatures=(b"",)), source="files")
    looks = {content: signature.hex() for content in sealed.looks}
    changed = json.dumps(json.loads(sealed.model_dump_json()) | {"looks": looks})
    if is_one:
        assert SealedSet.model_validate_json(changed).signatures == (signature,)
    else:
        with pytest.raises(ValueError, match="expected 82, of version 1"):
            SealedSet.model_validate_json(changed)
