"""Three tasks for a model that is in use: other pictures altogether, new classes of the same, another camera."""

from __future__ import annotations

import hashlib
import io
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from sets import Row, Table, grocery_table, tiny_table, write_table

TINY_CLASSES = 40
STEPS = 10
"""Updates in a row."""


@dataclass(frozen=True)
class Task:
    """What a model knows, and what it is to learn; test rows are in neither training table."""

    name: str
    about: str
    old: list[Row]
    new: list[Row]

    def table(self, folder: Path, name: str, rows: list[Row]) -> Table:
        """Training and validation rows alone: the benchmark judges by test rows itself."""
        return write_table(folder / f"{self.name}-{name}.csv", [row for row in rows if row[2] != "test"])

    def part(self, which: str, part: str) -> list[Row]:
        return [row for row in (self.old if which == "old" else self.new) if row[2] == part]


def some_of_each(rows: list[Row], per_class: int, seed: int) -> list[Row]:
    """Training rows drawn by chance, at most so many of a class."""
    of_class: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[2] == "train":
            of_class[row[1]].append(row)
    draw = random.Random(seed)
    return [row for label in sorted(of_class) for row in draw.sample(of_class[label], len(of_class[label]))[:per_class]]


def other_pictures(shared: Path, folder: Path) -> Task:
    """40 classes of Tiny ImageNet, then 81 groceries."""
    tiny = tiny_table(shared, folder, step=5, train=60, valid=15, test=20)
    known = set(sorted({label for _, label, _ in tiny.rows})[:TINY_CLASSES])
    about = "old: 40 classes of Tiny ImageNet, 60 training rows each; new: Grocery Store, 81 classes"
    return Task("pictures", about, [row for row in tiny.rows if row[1] in known], grocery_table(shared, folder).rows)


def new_classes(shared: Path, folder: Path) -> Task:
    """Fruit, then vegetables and packages."""
    rows = grocery_table(shared, folder).rows
    fruit = [row for row in rows if "/Fruit/" in row[0]]
    others = [row for row in rows if "/Fruit/" not in row[0]]
    about = (
        f"old: the {len(labels(fruit))} fruits of Grocery Store; new: its {len(labels(others))} vegetables and packages"
    )
    return Task("classes", about, fruit, others)


def another_camera(shared: Path, folder: Path) -> Task:
    """Fruit as photographed, then the same photographs as a cheap camera would have taken them."""
    fruit = new_classes(shared, folder).old
    cheap = [(str(as_cheap_camera(Path(path), folder / "cheap")), label, part) for path, label, part in fruit]
    about = (
        "old: the fruits of Grocery Store; new: the same photographs as a cheap camera takes them (a third of the "
        "pixels, blur, noise, a yellow cast, JPEG at quality 25); a row stays in its part"
    )
    return Task("camera", about, fruit, cheap)


TASKS: dict[str, Callable[[Path, Path], Task]] = {
    "pictures": other_pictures,
    "classes": new_classes,
    "camera": another_camera,
}


def ten_steps(shared: Path, folder: Path) -> list[list[Row]]:
    """Grocery Store in eleven portions of its classes, the first for the model that is then updated ten times."""
    rows = grocery_table(shared, folder).rows
    names = labels(rows)
    random.Random(0).shuffle(names)
    first = len(names) - STEPS * (len(names) // (STEPS + 1))
    portions = [names[:first], *np.array_split(names[first:], STEPS)]
    return [[row for row in rows if row[1] in set(portion)] for portion in portions]


def labels(rows: list[Row]) -> list[str]:
    return sorted({label for _, label, _ in rows})


def as_cheap_camera(path: Path, folder: Path) -> Path:
    """The same picture from a cheap camera, always the same one; written once, under a name that says which it is."""
    within = path.parts[path.parts.index("grocery") + 1 :]  # train/… or test/…, which have files of one name
    name = hashlib.sha256("/".join(within).encode()).hexdigest()[:16]
    made = folder / f"{name}.jpg"
    if made.exists():
        return made
    random_ = np.random.default_rng(int(name, 16))
    with Image.open(path) as picture:
        sharp = picture.convert("RGB")
    small = sharp.resize((max(8, sharp.width // 3), max(8, sharp.height // 3)), Image.Resampling.BILINEAR)
    pixels = np.asarray(small.filter(ImageFilter.GaussianBlur(0.8)), np.float32)
    pixels = pixels * np.array([0.85, 0.78, 0.55], np.float32) + random_.normal(0, 12, pixels.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize(sharp.size).save(out, "JPEG", quality=25)
    folder.mkdir(parents=True, exist_ok=True)
    made.write_bytes(out.getvalue())
    return made
