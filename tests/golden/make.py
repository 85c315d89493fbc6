"""Make the golden artefact of this format version; once per version, and never again.

python make.py FOLDER

Writes into FOLDER, which is there and empty: v2.model, a few test pictures, and what the model says of them. The net is
a ResNet of a few thousand parameters, the pictures are squares of three colours, so that all of it weighs little.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import drivetrain as dt
from drivetrain.runtime.manifest import FORMAT_VERSION

COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (210, 50, 40)}
TINY = {
    "architecture": "test_resnet",
    "num_classes": 3,
    "model_args": {"channels": [4, 8, 8, 8], "stem_width": 4},
    "pretrained_cfg": {"input_size": [3, 32, 32]},
}


def paint(folder: Path) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = []
    for label, colour in COLOURS.items():
        for i in range(40):
            pixels = rng.integers(90, 170, (40, 48, 3), dtype=np.uint8)
            top, left = rng.integers(0, 20, 2)
            pixels[top : top + 20, left : left + 24] = np.clip(
                np.array(colour) + rng.integers(-25, 25, (20, 24, 3)), 0, 255
            )
            path = folder / f"{label}-{i:02}.png"
            Image.fromarray(pixels).save(path)
            rows.append({"path": str(path), "label": label, "split": ("train", "valid", "test")[(i % 8) // 3]})
    return pd.DataFrame(rows)


def main() -> None:
    os.chdir(sys.argv[1])
    pictures, body = Path("pictures"), Path("body")
    for folder in (pictures, body):
        folder.mkdir()
    (body / "config.json").write_text(json.dumps(TINY))
    frame = paint(pictures)
    learn = dt.Learner(dt.images(frame), f"local-dir:{body}", pretrained=False, size=32, precision="fp32", device="cpu")
    learn.fit(12, lr=5e-3, checkpoint=False)
    path = learn.save(f"v{FORMAT_VERSION}.model")
    chosen = sorted(frame[frame["split"] == "test"]["path"])[::4]
    answers = [dt.load(path).predict(file).as_json() for file in chosen]
    Path(f"v{FORMAT_VERSION}.json").write_text(json.dumps(answers, indent=1) + "\n")
    for file in set(pictures.iterdir()) - set(map(Path, chosen)):
        file.unlink()
    print(learn.validate(), sum(item.stat().st_size for item in path.rglob("*") if item.is_file()))


if __name__ == "__main__":
    main()
