"""Pictures are not mirrored where left and right are the answer: by the names of the classes, and by the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.kinds.images.looks import mirroring
from drivetrain.kinds.images.looks.mirroring import why_not_mirror
from drivetrain.runtime.pictures.signatures import signature_of
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget


def rows_of(pictures, values) -> Examples:
    digests = tuple(f"{(7919 * i) % 2**32:032x}"[::-1] for i in range(len(pictures)))
    paths = tuple(Path(f"{value}/{i}.png") for i, value in enumerate(values))
    return Examples(
        Files(paths), digests, tuple(values), signatures=tuple(signature_of(picture) for picture in pictures)
    )


def scene(rng, *, side: float = 0.0, spot: float | None = None, size: int = 6):
    """Noise, lighter towards one side (−1 … 1), with a light spot whose centre is at `spot` (0 … 1) of the width."""
    picture = rng.normal(120, 20, (48, 48, 3)) + 40 * side * np.linspace(-1, 1, 48)[None, :, None]
    if spot is not None:
        x, y = int(spot * 47), int(rng.integers(8, 40))
        picture[max(0, y - size) : y + size, max(0, x - size) : x + size] = 240
    return picture.clip(0, 255).astype(np.uint8)


def category(*vocab: str) -> CategoryTarget:
    return CategoryTarget(name="class", vocab=vocab)


@pytest.mark.parametrize(
    "vocab",
    [
        ("left", "right"),
        ("turn-left", "stop", "turn-right"),
        ("TurnLeft", "TurnRight"),
        ("arrow_L", "arrow_R"),
        ("links abbiegen", "rechts abbiegen"),
        ("main gauche", "main droite"),
        ("←", "→"),
        ("左转", "右转"),
        ("b", "d", "x"),
        ("rotate clockwise", "rotate counterclockwise"),
        ("lefthand", "righthand"),
        ("left1", "right1"),
        ("LH", "RH"),
        ("linker Fuß", "rechter Fuß"),
        ("Pied gauche", "Pied droit"),
        ("sağ", "sol"),
        ("vlevo", "vpravo"),
        ("bal", "jobb"),
        ("يسار", "يمين"),
        ("왼쪽", "오른쪽"),
        ("👈", "👉"),
        ("↖", "↗"),
    ],
)
def test_names_that_change_places_in_a_mirror(vocab):
    assert "change places in a mirror" in (why_not_mirror(Examples(), category(*vocab)) or "")
    assert why_not_mirror(Examples(), CategoriesTarget(name="tags", vocab=vocab)) is not None


@pytest.mark.parametrize(
    "vocab",
    [
        ("leftover", "bright"),
        ("left", "centre"),
        ("cat", "dog"),
        ("0", "1"),
        ("up", "down"),
        ("B", "D"),
        ("hepatitis b", "hepatitis d"),
    ],
)
def test_other_names_say_nothing(vocab):
    assert why_not_mirror(Examples(), category(*vocab)) is None


@pytest.mark.parametrize(
    ("name", "sided"),
    [("steering_angle", True), ("x", True), ("X1", True), ("rotation", True), ("weight_g", False), ("max", False)],
)
def test_numbers_that_say_where_something_lies(name, sided):
    target = NumberTarget(names=(name,), mean=(0.0,), std=(1.0,))
    assert (why_not_mirror(Examples(), target) is not None) == sided


def test_classes_that_are_each_others_mirror_image_are_found_in_the_pictures():
    rng = np.random.default_rng(0)
    values = ["alpha", "beta"] * 60
    pictures = [scene(rng, side=0.5 if value == "alpha" else -0.5) for value in values]
    reason = why_not_mirror(rows_of(pictures, values), category("alpha", "beta"))
    assert reason == "mirrored pictures of 'alpha' look like 'beta', and the other way round"
    several = [(value,) if i % 3 else (value, "gamma") for i, value in enumerate(values)]
    rows = rows_of(pictures, several)
    assert why_not_mirror(rows, CategoriesTarget(name="tags", vocab=("alpha", "beta", "gamma"))) == reason


def test_classes_that_differ_in_what_a_mirror_keeps_may_be_mirrored():
    rng = np.random.default_rng(0)
    values = ["large", "small"] * 60
    sides = rng.uniform(-0.5, 0.5, len(values))
    pictures = [
        scene(rng, side=side, spot=rng.uniform(0.2, 0.8), size=12 if value == "large" else 3)
        for value, side in zip(values, sides, strict=True)
    ]
    assert why_not_mirror(rows_of(pictures, values), category("large", "small")) is None


def test_mirrored_copies_in_another_class_are_found_in_few_pictures():
    rng = np.random.default_rng(0)
    one = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(5)]
    rows = rows_of([*one, *(picture[:, ::-1] for picture in one)], ["a"] * 5 + ["z"] * 5)
    assert "5 pairs of pictures of different classes are mirror images" in (
        why_not_mirror(rows, category("a", "z")) or ""
    )
    same_class = rows_of([*one, *(picture[:, ::-1] for picture in one)], ["a", "z", "a", "z", "a"] * 2)
    assert why_not_mirror(same_class, category("a", "z")) is None


def test_a_number_that_a_mirror_reverses_is_found_in_the_pictures():
    rng = np.random.default_rng(0)
    places = rng.uniform(0.1, 0.9, 150)
    rows = rows_of([scene(rng, spot=place) for place in places], [(float(place),) for place in places])
    target = NumberTarget(names=("score",), mean=(0.5,), std=(0.2,))
    assert why_not_mirror(rows, target) == "mirrored pictures show 'score' reversed: what is high becomes low"
    sizes = rng.integers(2, 14, 150)
    pictures = [scene(rng, spot=rng.uniform(0.1, 0.9), size=int(size)) for size in sizes]
    assert why_not_mirror(rows_of(pictures, [(float(size),) for size in sizes]), target) is None


def test_digits_are_not_mirrored():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    pictures = [
        np.repeat((255 - image * 15).astype(np.uint8).repeat(4, 0).repeat(4, 1)[:, :, None], 3, 2)
        for image in digits.images
    ]
    rows = rows_of(pictures, [str(label) for label in digits.target])
    assert why_not_mirror(rows, category(*"0123456789")) is not None


def test_codes_that_are_digits_are_no_characters():
    rng = np.random.default_rng(0)
    values = [str(i % 6) for i in range(240)]
    pictures = [scene(rng, spot=rng.uniform(0.3, 0.7), size=3 + 3 * int(value)) for value in values]
    assert why_not_mirror(rows_of(pictures, values), category(*"012345")) is None


def test_pairs_of_classes_with_too_few_rows_to_tell_are_not_tried(monkeypatch):
    rng = np.random.default_rng(0)
    values = ["many"] * 30 + ["more"] * 30 + [f"rare {i}" for i in range(40)]
    tried = []
    monkeypatch.setattr(mirroring, "_pair_is_reversed", lambda probe, codes, a, b, p: tried.append((a, b)))
    assert why_not_mirror(rows_of([scene(rng) for _ in values], values), category(*sorted(set(values)))) is None
    assert tried == [(0, 1)]  # of 861 pairs
