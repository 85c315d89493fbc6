"""What every benchmark shares: the machine and the versions, where results are kept, how they are written down."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
QUICK_RESULTS = ROOT / ".drivetrain" / "benchmarks"
"""Where numbers go that mean nothing; git does not see it."""
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PRETRAINED = Path("weights") / "mobilenetv1_100.tf_in1k"
LIBRARIES = ("drivetrain", "fastai", "torch", "torchvision", "timm", "scikit-learn", "onnxruntime", "numpy", "pillow")


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """With the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute's try: the numbers mean nothing")
    parser.add_argument("--only", help="what to measure, by name, with commas between; all else keeps its result")
    parser.add_argument("--peers", type=Path, default=PEERS_PYTHON, help="the Python of the peers' environment")
    parser.add_argument("--results", type=Path, help="where the results go")
    return parser


def wanted(name: str, only: str | None) -> bool:
    """Whether a job was asked for: by its name or by the beginning of it, up to a dash."""
    return only is None or any(name == part or name.startswith(part + "-") for part in only.split(","))


def need_peers(python: Path) -> str:
    if not python.exists():
        raise SystemExit(f"{python} is not there. To fix: make bench-setup, or name another with --peers.")
    return os.path.abspath(python)  # noqa: PTH100  a link is kept: it is what makes a virtual environment


def hardware() -> dict[str, Any]:
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    memory = Path("/proc/meminfo").read_text() if Path("/proc/meminfo").exists() else ""
    return {
        "cpu": next((line.split(":")[1].strip() for line in cpu.splitlines() if "model name" in line), "unknown"),
        "cores": os.cpu_count(),
        "memory_gb": next((round(int(x.split()[1]) / 2**20, 1) for x in memory.splitlines() if "MemTotal" in x), None),
        "bf16": [name for name in ("amx_bf16", "avx512_bf16") if name in cpu],
        "system": platform.system(),
    }


def versions(python: str = sys.executable) -> dict[str, str]:
    """Of Python and of the libraries, in the environment of one interpreter."""
    program = (
        "import json, platform, sys; from importlib.metadata import distributions;"
        "found = {d.metadata['Name'].lower(): d.version for d in distributions()};"
        "print(json.dumps({'python': platform.python_version()} | {n: found[n] for n in sys.argv[1:] if n in found}))"
    )
    done = subprocess.run([python, "-c", program, *LIBRARIES], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def today() -> str:
    return datetime.date.today().isoformat()


@dataclass
class Results:
    """Rows by name, in a JSON file that is written anew after each row, so that an interrupted run keeps what it has.

    Args:
        path: The JSON file.
        hidden: Place → what stands for it wherever it occurs in a row (a place on this machine says nothing).
    """

    path: Path
    hidden: Mapping[str, str]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.rows = json.loads(self.path.read_text())["rows"]

    def put(self, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep one row under its name, with today's date and this machine."""
        text = json.dumps({"date": today(), **row, "hardware": hardware()})
        self.rows[name] = json.loads(self.plain(text))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".part")
        partial.write_text(json.dumps({"rows": self.rows}, indent=1) + "\n")
        partial.replace(self.path)
        return self.rows[name]

    def write(self, lines: Sequence[str]) -> None:
        """The page that a person reads, beside the JSON."""
        text = self.plain("\n".join([*lines, ""]))
        self.path.with_suffix(".md").write_text(text)

    def plain(self, text: str) -> str:
        for place in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(place, self.hidden[place])
        return text


def hidden_places(
    *, shared: Path | None = None, folder: Path | None = None, peers: str | None = None
) -> dict[str, str]:
    """Places on this machine → how they are written down."""
    places = {sys.executable: ".venv/bin/python", str(HERE): "benchmarks", str(ROOT): "."}
    if shared:
        places[str(shared)] = "../shared"
    if folder:
        places[str(folder)] = "."
    if peers:
        places[peers] = ".venv-peers/bin/python"
    return places


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def provenance(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Each row's command, and the machines and versions, each said once with the rows that it holds for."""
    lines = ["## Commands", ""]
    lines += [f"* {name} ({row['date']}): `{row['command']}`" for name, row in rows.items() if "command" in row]
    grounds: dict[str, list[str]] = {}
    for name, row in rows.items():
        ground = json.dumps({"hardware": row["hardware"], "versions": row.get("versions", {})})
        grounds.setdefault(ground, []).append(name)
    lines += ["", "## Hardware and versions", ""]
    return [*lines, *(f"* {', '.join(names)}: `{ground}`" for ground, names in grounds.items())]


def shown(value: float | None, digits: int = 1, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def megabytes(row: Mapping[str, Any], kind: str) -> str:
    found = row["memory_bytes"].get(kind)
    return shown(None if found is None else found / 1e6, 0)
