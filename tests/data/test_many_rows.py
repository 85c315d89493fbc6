"""Long lists are packed: seals, splits; and what says the rows may be arrays as well as tuples."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.record import DataRecord
from drivetrain.data.seals import sealed_set
from drivetrain.data.seals.seal import SealedSet
from drivetrain.data.splitting import split
from drivetrain.data.splitting.coded import packed, unpacked
from drivetrain.data.splitting.divide import Fractions, divide
from drivetrain.data.splitting.split import Split
from drivetrain.errors import SealError

GOLDEN = Path(__file__).parent.parent / "golden"
DIGESTS = tuple(hashlib.sha256(str(row).encode()).hexdigest() for row in range(60))


def rows_of(signatures=()) -> Examples:
    return Examples(
        (Path("rows.csv"),) * 60, DIGESTS, tuple("abc"[row % 3] for row in range(60)), signatures=signatures
    )


@pytest.fixture
def few(monkeypatch):
    """Ten contents are many."""
    monkeypatch.setattr(sealed_set, "MOST_LISTED", 10)
    monkeypatch.setattr(split, "MOST_LISTED", 10)


@pytest.mark.parametrize("looks", [(), tuple(b"\x01" + bytes([200, row]) + bytes(79) for row in range(60))], ids=len)
def test_a_seal_of_many_contents_is_packed_and_says_the_same(few, tmp_path, looks):
    sealed = SealedSet.of(rows_of(looks), source="rows")
    place = tmp_path / "seal.json"
    place.write_bytes(sealed.as_bytes())
    again = SealedSet.read(place)
    assert again == sealed and not again.looks
    assert (again.n, again.format_version, again.by) == (60, 2, "looks" if looks else "content")
    assert again.rows_of(["00", *DIGESTS[:3]]) == [1, 2, 3]
    expected = hashlib.blake2b(DIGESTS[7].encode(), digest_size=16, key=bytes.fromhex(sealed.salt)).digest()
    place_of_7 = again.contents.tobytes().index(expected) // 16
    assert again.signatures[place_of_7] == (looks[7] if looks else b"")
    assert DIGESTS[7] in again and "00" not in again
    assert DIGESTS[7] not in sealed.as_bytes().decode()


@pytest.mark.parametrize("change", ["shortened", "order", "lengths", "twice", "count", "none"])
def test_an_altered_packed_seal_is_refused(few, tmp_path, change):
    sealed = SealedSet.of(rows_of(), source="rows")
    said = json.loads(sealed.as_bytes())
    raw = bytes(sealed.contents.tobytes())
    if change == "shortened":
        said["packed"]["hashes"] = sealed.packed.model_copy(update={"hashes": raw[:-1]}).model_dump(mode="json")[
            "hashes"
        ]
    elif change == "order":
        turned = raw[16:32] + raw[:16] + raw[32:]
        said["packed"]["hashes"] = sealed.packed.model_copy(update={"hashes": turned}).model_dump(mode="json")["hashes"]
    elif change == "lengths":
        said["packed"]["signatures"] = "AAAA"
    elif change == "twice":
        said["looks"] = {"00" * 16: ""}
    elif change == "count":
        said["count"] = 59
    else:
        said["packed"] = None
    (tmp_path / "seal.json").write_text(json.dumps(said))
    with pytest.raises(SealError, match=r"is no seal, or was altered.*To fix"):
        SealedSet.read(tmp_path / "seal.json")


def test_a_small_seal_is_written_as_released_versions_read_it():
    said = json.loads(SealedSet.of(rows_of(tuple([b"\x01" + bytes(81)] * 60)), source="rows").as_bytes())
    assert said["format_version"] == 1 and len(said["looks"]) == 60
    assert not said.keys() & {"packed", "by"}


def test_a_split_of_many_rows_is_packed(few, tmp_path):
    parts = ["train"] * 40 + ["valid"] * 15 + ["test"] * 5
    made = Split.of(DIGESTS, parts, method="random", seed=1, valid_pct=0.2, test_pct=0.1)
    said = json.loads(made.save(tmp_path / "split.json").read_text())["split"]
    assert said["train"].keys() == {"digits", "packed"} and len(said["test"]) == 5
    assert Split.load(tmp_path / "split.json") == made
    assert made.train == tuple(sorted(DIGESTS[:40]))


@pytest.mark.parametrize("digests", [["0"], ["00", "1111"], ["0G"], ["0A"], []], ids=str)
def test_what_is_no_digest_is_listed(digests):
    assert packed(digests) == digests


@pytest.mark.parametrize(
    "said",
    [{"digits": 3, "packed": "AAAA"}, {"digits": 4, "packed": "AAAA"}, {"digits": 2, "packed": "*"}, {"digits": 2}],
)
def test_what_packs_no_digests_is_refused(said):
    with pytest.raises(ValueError, match=r".+"):
        unpacked(said)


@pytest.mark.parametrize("how", ["random", "stratified", "grouped", "time"])
def test_arrays_are_divided_as_tuples_are(how):
    groups = tuple(f"g{row % 20}" for row in range(60)) if how == "grouped" else ()
    times = tuple(float(row) for row in range(60)) if how == "time" else ()
    rows = Examples((Path("rows.csv"),) * 60, DIGESTS, rows_of().values, groups=groups, times=times)
    arrays = Examples(rows.inputs, DIGESTS, rows.values, groups=groups, times=times)
    for name in ("digests", "values", "groups", "times"):
        object.__setattr__(arrays, name, np.array(getattr(rows, name), None if name == "times" else object))
    asked = Fractions(0.2, 0.2, 1, stratify=how != "random")
    object.__setattr__(arrays, "times", arrays.times if how == "time" else ())
    object.__setattr__(arrays, "groups", arrays.groups if how == "grouped" else ())
    assert divide(arrays, None, kind="category", asked=asked) == divide(rows, None, kind="category", asked=asked)
    parts = divide(rows, None, kind="category", asked=asked).parts
    how_split = {"method": "random", "seed": 1, "valid_pct": 0.2, "test_pct": 0.2}
    assert Split.of(arrays.digests, parts, **how_split) == Split.of(DIGESTS, parts, **how_split)
    sealed = SealedSet.of(rows, source="rows")
    assert sealed.rows_of(arrays.digests) == list(range(60))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_data_json_of_released_versions_is_read(version):
    raw = json.loads((GOLDEN / f"{version}.model" / "data.json").read_text())
    record = DataRecord.model_validate(raw)
    assert list(record.split.train) == raw["split"]["train"] and record.spec.layout == raw["spec"]["layout"]
    assert DataRecord.model_validate(json.loads(record.as_bytes())) == record
