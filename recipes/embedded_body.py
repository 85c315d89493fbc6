"""Train the body that ships with drivetrain: a small residual net, from scratch, on Tiny ImageNet.

    python recipes/embedded_body.py ../shared/data/tiny-imagenet --out build/embedded

Two runs, one after the other: first on small views, which cost half, then on whole ones. Killed or interrupted, the
same command goes on where it was. At the end the 5,000 validation pictures of Tiny ImageNet, which nothing was
trained on or chosen by, are judged once, and the folder `body` is written: config.json, model.safetensors (fp16) and
README.md, a card. Copied to src/drivetrain/kinds/images/bodies/embedded, it is what `arch="embedded"` loads.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

import drivetrain as dt
from drivetrain.learner.learner import Learner
from drivetrain.training.checkpoint import snapshot

ARCHITECTURE: dict[str, Any] = {
    "architecture": "resnet18",
    "model_args": {
        "layers": [2, 2, 2, 2],
        "channels": [32, 64, 160, 240],
        "stem_width": 16,
        "stem_type": "deep",
        "avg_down": True,
    },
}
"""timm's residual net, narrow: 2.9 million parameters, ordinary convolutions, which every CPU computes fast. Its stem
divides the side by four, which is too much for 64 px: pictures are enlarged to 96 px, which finds more in them than
wider layers at 64 px would in the same time."""
PX = 96
VALID_PER_CLASS = 10
RUNS = (
    # name, side of the views in px, epochs, peak rate
    ("small", 64, 24, 4e-3),
    ("large", PX, 22, 2e-3),
)
VIEWS = dt.Augmentation(crop=0.25, light=0.3)
MIXUP = 0.1
BATCH_SIZE = 128
SEED = 42


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with train.zip, val.zip and words.txt")
    parser.add_argument("--out", type=Path, default=Path("build/embedded"))
    parser.add_argument("--epochs", type=float, default=1.0, help="times as many epochs as the recipe says")
    parser.add_argument("--classes", type=int, default=200, help="fewer, to try the recipe in minutes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    table = unpacked(options.source, options.out / "pictures", options.classes)
    data = dt.images(table, split="split", seed=SEED)
    print(data)
    learn = train(data, options.out, options.epochs)
    write_body(learn, options.out / "body", judged(learn, options.out / "card.json"))


def unpacked(source: Path, folder: Path, classes: int) -> Path:
    """Unpack both archives once, and write the table of their pictures; Tiny ImageNet's validation set is `test`.

    Pictures of the training set that are held out elsewhere too, byte for byte, are left out.
    """
    rows: list[tuple[str, str, str]] = []
    content: dict[str, str] = {}
    for archive_name in ("train", "val"):
        with zipfile.ZipFile(source / f"{archive_name}.zip") as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".JPEG"))
            kept = set(sorted({name.split("/")[0] for name in names})[:classes])
            seen: dict[str, int] = {}
            for name in names:
                label = name.split("/")[0]
                if label not in kept:
                    continue
                seen[label] = seen.get(label, 0) + 1
                path = folder / archive_name / name
                if not path.is_file():
                    archive.extract(name, folder / archive_name)
                content[f"{archive_name}/{name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
                held_out = "valid" if seen[label] <= VALID_PER_CLASS else "train"
                rows.append((f"{archive_name}/{name}", label, "test" if archive_name == "val" else held_out))
    held_out_content = {content[path] for path, _, part in rows if part != "train"}
    rows = [row for row in rows if row[2] != "train" or content[row[0]] not in held_out_content]
    table = folder / f"pictures-{classes}.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label", "split"), *rows])
    return table


def train(data: Any, out: Path, times: float) -> Learner:
    """Both runs; the parameters of a finished one are kept in the folder."""
    learn: Learner | None = None
    for name, size, epochs, lr in RUNS:
        before, finished = learn, out / f"{name}.safetensors"
        learn = make_learner(data, out, size)
        if finished.is_file():
            learn.network.load_state_dict(load_file(finished))
            continue
        if before is not None:
            learn.network.load_state_dict(before.network.state_dict())
        learn.fit(max(1, round(epochs * times)), lr, checkpoint=out / f"checkpoint-{name}")
        save_file({name: tensor.contiguous() for name, tensor in snapshot(learn.network).items()}, finished)
    assert learn is not None
    return learn


def make_learner(data: Any, out: Path, size: int) -> Learner:
    shape = out / f"net-{size}"
    shape.mkdir(exist_ok=True)
    (shape / "config.json").write_text(json.dumps(config_of(size)))
    return dt.Learner(
        data,
        f"local-dir:{shape}",
        pretrained=False,
        size=size,
        recipe=dt.Recipe(batch_size=BATCH_SIZE, mixup=MIXUP, weight_decay=0.05, dropout=0.1),
        augment=VIEWS,
        metrics=["accuracy", "top_5_accuracy"],
        seed=SEED,
    )


def config_of(size: int) -> dict[str, Any]:
    """A timm folder's config.json, without the mean and deviation, which are measured on the training pictures."""
    expects = {"input_size": [3, size, size], "crop_pct": 1.0, "interpolation": "bicubic", "first_conv": "conv1.0"}
    return {**ARCHITECTURE, "num_classes": 0, "pretrained_cfg": expects}


def judged(learn: Learner, kept: Path) -> dict[str, Any]:
    """What the card says; the test set is opened once, and its scores are kept."""
    if kept.is_file():
        return json.loads(kept.read_text())
    validation, test = learn.validate(), learn.test()
    print(f"validation: {validation}\ntest: {test}")
    card = {
        "seed": SEED,
        "runs": [dict(zip(("name", "size_px", "epochs", "lr"), run, strict=True)) for run in RUNS],
        "torch": torch.__version__,
        "device": str(learn.decisions["device"].value),
        "precision": learn.decisions["precision"].value,
        "rows": {"train": len(learn.data.train), "valid": len(learn.data.valid), "test": learn.data.n_test},
        "validation": validation.as_json(),
        "test": test.as_json(),
    }
    kept.write_text(json.dumps(card, indent=2) + "\n")
    return card


def write_body(learn: Learner, folder: Path, card: dict[str, Any]) -> None:
    """The body alone, in half precision, in timm's layout, with its card."""
    folder.mkdir(exist_ok=True)
    body = {name: tensor.detach().half().contiguous() for name, tensor in learn.network.body.state_dict().items()}
    body = {name: tensor for name, tensor in body.items() if not name.endswith("num_batches_tracked")}
    save_file(body, folder / "model.safetensors")
    accuracy, top_5 = (said(card["test"]["metrics"][name]) for name in ("accuracy", "top_5_accuracy"))
    config = config_of(PX) | {"drivetrain": {"accuracy": f"Tiny ImageNet, 200 classes: {accuracy}"}}
    reader = learn.kind.spec
    config["pretrained_cfg"] |= {"mean": reader.mean, "std": reader.std}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    parameters = sum(tensor.numel() for tensor in body.values())
    runs = "\n".join(
        f"* {run['epochs']} epochs of views of {run['size_px']} px, peak rate {run['lr']}" for run in card["runs"]
    )
    (folder / "README.md").write_text(
        CARD.format(
            parameters=f"{parameters / 1e6:.1f} million",
            px=PX,
            rows=f"{card['rows']['train']:,}",
            n_test=f"{card['test']['metrics']['accuracy']['n']:,}",
            runs=runs,
            accuracy=accuracy,
            top_5=top_5,
            seed=card["seed"],
            machine=f"{card['device']} in {card['precision']}, torch {card['torch']}",
        )
    )


def said(score: dict[str, Any]) -> str:
    return "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * score[key] for key in ("value", "low", "high")))


CARD = """# The body that ships with drivetrain

A small residual net of {parameters} parameters (timm's `resnet18` with narrow layers, see `config.json`), for machines
that reach no model hub. It reads pictures of {px} px; of other sizes better multiples of 32 (on validation rows 46.5 %
are right at 96 px, 43.5 % at 128, 41.3 % at 160, 34.2 % at 64, but 37.9 % at 112 and 36.9 % at 80).

**Trained on** {rows} pictures of 200 classes, 64 px, of Tiny ImageNet (Stanford CS231n), from random parameters, by
`recipes/embedded_body.py` with drivetrain itself; seed {seed}; on {machine}:

{runs}

AdamW, one cycle a run, batches of 128, random crops of at least a quarter of the picture, mirrored, turned, sheared,
lit; MixUp 0.1, label smoothing 0.1, dropout 0.1, weight decay 0.05. No weights of any other net, and no other
pictures, went into it.

**How good it is**: of {n_test} validation pictures of Tiny ImageNet, never trained on and judged once, it names
{accuracy} right, and {top_5} among its first five (95 % intervals).
What it is worth on other pictures is in `benchmarks/results/embedded.md`.

**Licence**: Tiny ImageNet derives from ImageNet, whose terms allow research and education, and the rights in the
pictures are their authors'. Whether parameters fitted to them may be used commercially is not settled: take them as for
research use, and take another body where that matters.

**What it is not good for**: fine detail, as it has seen nothing but 64 px; accuracy where a hub can be reached, as a
body trained on the whole of ImageNet is far better; people, medical or satellite pictures, without a test on your own.
It has ImageNet's views of the world, with its gaps.
"""


if __name__ == "__main__":
    main()
