"""What a container grants is found, in both versions of control groups, and bounds what the machine has."""

import os

import pytest

from drivetrain.runtime import cpus
from drivetrain.runtime.cpus import usable_cpus


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """groups("0::/a", {"a/cpu.max": "max 100000"}) on a machine of 64 processors gives usable_cpus()."""
    monkeypatch.setattr(cpus, "_pinned", lambda: 64)

    def ask(own: str | None, files: dict[str, str]) -> int:
        if own is not None:
            (tmp_path / "own").write_text(own + "\n")
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return usable_cpus(control_groups=tmp_path / "groups", own_groups=tmp_path / "own")

    return ask


def version_1(folder: str, quota_us: int) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": str(quota_us), f"{folder}/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "max 100000"}, 64),
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "1000 100000"}, 1),
        ("0::/", {"cpu.max": "9900000 100000"}, 64),
        ("0::/", {}, 64),
        ("0::/pod/box", {"pod/box/cpu.max": "max 100000", "pod/cpu.max": "300000 100000"}, 3),
        ("0::/pod/box", {"pod/box/cpu.max": "200000 100000", "pod/cpu.max": "800000 100000"}, 2),
        ("0::/pod/box", {"other/cpu.max": "100000 100000"}, 64),
        ("0::/of/the/host", {"cpu.max": "400000 100000"}, 4),
        ("0::/", {"unified/cpu.max": "500000 100000"}, 5),
        ("3:cpu,cpuacct:/box", version_1("cpu,cpuacct/box", 300000), 3),
        ("1:cpu:/box", version_1("cpu", 700000), 7),
        ("1:cpu:/", version_1("cpu", -1), 64),
        ("2:cpuacct:/", version_1("cpuacct", 100000), 64),
        (None, {"cpu.max": "200000 100000"}, 2),
    ],
)
def test_the_tightest_quota_counts(groups, own, files, expected):
    assert groups(own, files) == expected


@pytest.mark.parametrize("text", ["", "two 100000", "200000", "200000 0", "-5 100000", "1 2 3", "\N{DEGREE SIGN}"])
def test_what_cannot_be_understood_is_no_limit(groups, text):
    assert groups("0::/", {"cpu.max": text}) == 64


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no processes")
def test_pinning_counts():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
