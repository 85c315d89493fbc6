"""Does each test fail when what it tests is broken? Bugs are planted one at a time in a copy of the package.

    python benchmarks/planted_bugs.py [--only metrics,folds]

tests/planted_bugs.toml lists them: a line of the source, what it becomes, the test that has to fail. First all these
tests run on the copy as it is, and have to pass. `--only` takes bugs whose file or test has one of the words in its
name; all else keeps its row. Results go to results/planted_bugs.json and .md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import RESULTS, Results, hidden_places, parser_of, provenance, table, versions

ROOT = Path(__file__).resolve().parent.parent
BUGS = ROOT / "tests" / "planted_bugs.toml"
PASSED, FAILED = 0, 1
"""Pytest's exit codes; any other means that nothing was tested."""


def pytest(source: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of the project on another copy of the package."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def why(output: str) -> str:
    """How the test failed, in a line."""
    said = re.search(r"^E +(.+)$", output, re.MULTILINE)
    return said[1].replace("|", "¦")[:110] if said else "–"


def plant(bug: Mapping[str, str], source: Path) -> dict[str, Any]:
    place = source / "drivetrain" / bug["file"]
    whole = place.read_text()
    if whole.count(bug["right"]) != 1:
        raise SystemExit(f"{bug['file']} has {bug['right']!r} {whole.count(bug['right'])} times, expected once")
    place.write_text(whole.replace(bug["right"], bug["wrong"]))
    try:
        ran = pytest(source, [str(Path("tests", bug["test"]))])
    finally:
        place.write_text(whole)
    caught = {FAILED: True, PASSED: False}.get(ran.returncode)
    if caught is None:
        raise SystemExit(f"{bug['test']} could not be run:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return {**bug, "caught": caught, "why": why(ran.stdout) if caught else ""}


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        [row["what"], f"`{row['file']}`", f"`{row['test']}`", "yes" if row["caught"] else "**no**", f"`{row['why']}`"]
        for row in rows.values()
    ]
    caught = sum(row["caught"] for row in rows.values())
    return [
        "# Bugs planted, and the tests that find them",
        "",
        f"{caught} of {len(rows)} bugs were caught by the test named for them. Without a bug these tests pass.",
        "",
        *table(["bug", "planted in", "test", "caught", "first thing it said"], lines),
        "",
        *provenance({"all": next(iter(rows.values()))}),
    ]


def main() -> None:
    options = parser_of(__doc__).parse_args()
    words = (options.only or "").split(",")
    bugs = tomllib.loads(BUGS.read_text())["bug"]
    with tempfile.TemporaryDirectory() as name:
        source = Path(name).resolve() / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        results = Results((options.results or RESULTS) / "planted_bugs.json", hidden_places(folder=Path(name)))
        for key in set(results.rows) - {bug["what"] for bug in bugs}:
            del results.rows[key]
        asked = [bug for bug in bugs if any(word in bug["file"] + bug["test"] for word in words)]
        if not asked:
            raise SystemExit(f"--only {options.only}: no bug's file or test has one of these words in its name")
        sound = pytest(source, sorted({str(Path("tests", bug["test"])) for bug in asked}))
        if sound.returncode != PASSED:
            raise SystemExit(f"the tests do not pass without a bug:\n{sound.stdout[-3000:]}{sound.stderr[-2000:]}")
        for bug in asked:
            row = plant(bug, source)
            command = {"command": "python benchmarks/planted_bugs.py", "versions": versions()}
            results.put(bug["what"], command | row)
            print(f"{'caught' if row['caught'] else 'NOT CAUGHT'}: {bug['what']}: {row['why']}", flush=True)
            results.write(report(results.rows))


if __name__ == "__main__":
    main()
