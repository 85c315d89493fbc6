"""How many processors this process may keep busy: what it is pinned to, and what its container is granted.

A container on a 64-core host with a quota of 2 sees 64 cores. 64 threads there are stopped for most of every tenth
of a second, which costs more than they bring.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cpus(*, control_groups: Path = CONTROL_GROUPS, own_groups: Path = OWN_GROUPS) -> int:
    """Processors that threads of this process can use at once, at least 1.

    The least of three: the processors of the machine, those it is pinned to (affinity; `PYTHON_CPU_COUNT` from
    Python 3.13 on), and the quota of its control group or any group above it, rounded up. Where the system has no
    such thing (macOS, Windows) or it cannot be read, it does not count.

    Args:
        control_groups: Where the system shows control groups, version 1 or 2.
        own_groups: The file that names this process's groups.

    Example:
        >>> 1 <= usable_cpus() <= (os.cpu_count() or 1)
        True
    """
    quotas = list(_quotas(control_groups, own_groups))
    granted = math.ceil(min(quotas)) if quotas else sys.maxsize
    return min(_pinned(), granted)


def _pinned() -> int:
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(control_groups: Path, own_groups: Path) -> Iterator[float]:
    """Processors granted to each control group that this process is in; nothing for a group without a limit."""
    for folder in _folders(control_groups, own_groups):
        quota = _version_2(folder) or _version_1(folder)
        if quota is not None:
            yield quota


def _folders(control_groups: Path, own_groups: Path) -> Iterator[Path]:
    """Folders of this process's groups and of all groups above them; not all exist, as a container sees few."""
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = ["0::/"]
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        mounts = ("", "unified") if number == "0" else (controllers, "cpu")
        inside = PurePosixPath("/", group).relative_to("/")
        for mount in mounts:
            for part in (inside, *inside.parents):
                yield control_groups / mount / part


def _version_2(folder: Path) -> float | None:
    """`cpu.max` reads "200000 100000" (microseconds of processor time per microseconds), or "max 100000"."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return _share(int(quota), int(period))
    except (OSError, ValueError):
        return None


def _version_1(folder: Path) -> float | None:
    """The same in two files; a quota of -1 is no limit."""
    try:
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    except (OSError, ValueError):
        return None
    return _share(quota, period)


def _share(quota_us: int, period_us: int) -> float | None:
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None
