"""Pictures whose content is known to the last thing, with captions that say it; and captions with known mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FRUIT = {"apple": (205, 45, 45), "lemon": (235, 205, 50), "plum": (95, 45, 140), "lime": (70, 170, 60)}
NUMBERS = ("", "one", "two", "three")
PX = 64


@dataclass(frozen=True)
class Scene:
    """One picture, and what is in it: fruit → how many."""

    name: str
    things: dict[str, int]

    @property
    def caption(self) -> str:
        named = [f"{NUMBERS[n]} {kind}{'s' * (n > 1)}" for kind, n in sorted(self.things.items())]
        return f"{' and '.join(named)} on a table"


def draw(scene: Scene, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (PX, PX), (225, 215, 200))
    pen = ImageDraw.Draw(picture)
    places = random.permutation([(x, y) for x in (4, 24, 44) for y in (4, 24, 44)]).tolist()
    for kind, n in sorted(scene.things.items()):
        for _ in range(n):
            x, y = places.pop()
            pen.ellipse((x, y, x + 16, y + 16), fill=FRUIT[kind])
    return picture


def scenes(n: int, seed: int = 0) -> list[Scene]:
    random = np.random.default_rng(seed)
    found = []
    for i in range(n):
        kinds = random.choice(list(FRUIT), size=random.integers(1, 3), replace=False).tolist()
        found.append(Scene(f"{i:04}.png", {kind: int(random.integers(1, 4)) for kind in kinds}))
    return found


def write(folder: Path, n: int, seed: int = 0) -> list[Scene]:
    folder.mkdir(parents=True, exist_ok=True)
    made = scenes(n, seed)
    for i, scene in enumerate(made):
        draw(scene, seed * 100_000 + i).save(folder / scene.name)
    return made


def with_mistakes(made: list[Scene], share: float, seed: int = 0) -> tuple[dict[str, str], int]:
    """Captions of which a share names a fruit more than there is, and how many do."""
    random = np.random.default_rng(seed)
    said, wrong = {}, 0
    for scene in made:
        text = scene.caption
        if random.random() < share:
            other = next(kind for kind in random.permutation(list(FRUIT)).tolist() if kind not in scene.things)
            text, wrong = f"{text} with one {other}", wrong + 1
        said[scene.name] = text
    return said, wrong
