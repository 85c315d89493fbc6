"""A split by time keeps the earlier versions of what it is judged on; a split by groups keeps versions together."""

import json
import warnings

import pytest

import drivetrain as dt
from drivetrain.data.seals.sealed_set import SealedSet
from drivetrain.errors import DrivetrainWarning, SealError
from tests.kinds.binaries.conftest import FAMILIES, content


def test_later_versions_are_judged_and_earlier_ones_trained_on(tmp_path):
    rows = []
    for family in FAMILIES:
        for module in range(6):
            for version in range(1, 6):
                path = tmp_path / f"{family}-{module}-{version}"
                path.write_bytes(content(family, module, version))
                rows.append({"path": str(path), "family": family, "released": f"202{version}-01-01"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        table = {name: [row[name] for row in rows] for name in rows[0]}
        data = dt.binaries(table, target="family", time="released", project=str(tmp_path / "p"))
    assert len(data.train) == 54 and {path.name[-1] for path in data.train.inputs} == {"1", "2", "3"}
    assert {path.name[-1] for path in data.valid.inputs} == {"4"}


def test_a_seal_of_files_of_which_nothing_can_be_told_is_read(tmp_path):
    """Of a word that repeats there is no signature; that another one lost its own is told all the same."""
    for family in ("words", "text"):
        (tmp_path / "files" / family).mkdir(parents=True)
        for i in range(12):
            data = b"ab" * 900 + bytes([i]) if family == "words" else content(FAMILIES[0], i, 1)
            (tmp_path / "files" / family / f"{i}.bin").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        sealed = dt.binaries(tmp_path / "files", project=str(tmp_path / "p"), test_pct=0.5).seal
    assert sealed is not None
    assert {len(look) for look in sealed.signatures} == {1, 129}
    written = tmp_path / "seal.json"
    written.write_bytes(sealed.as_bytes())
    assert SealedSet.read(written) == sealed
    said = json.loads(sealed.as_bytes())
    said["looks"][next(name for name, look in said["looks"].items() if look)] = ""
    written.write_text(json.dumps(said))
    with pytest.raises(SealError, match=r"1 of its \d+ rows has no signature"):
        SealedSet.read(written)
