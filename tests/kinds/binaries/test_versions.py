"""A split by time keeps the earlier versions of what it is judged on; a split by groups keeps versions together."""

import warnings

import drivetrain as dt
from drivetrain.errors import DrivetrainWarning
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
