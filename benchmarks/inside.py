#!/usr/bin/env python
"""Looking inside MobileNetV1 on photographs at 224 px (2,500 unless fewer are asked for), against a plain pass over
the same rows, and projections against Captum's and pytorch-grad-cam's.

Turn by turn, some rows pass plainly, then with the layers that a page shows, then with all layers; both times are of
decoded pictures. Seconds are of all cores together, since others may use the machine.
Projections of 32 activations of a ReLU net are compared number by number, and of a ReLU6 net, too. Peers are measured
where they can be imported: `pip install --no-deps captum grad-cam ttach opencv-python-headless`.

    python benchmarks/inside.py --shared ../shared
"""

from __future__ import annotations

import copy
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from common import HERE, QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted
from sets import write_table
from torch import Tensor, nn

import drivetrain as dt
from drivetrain.insight.finding import find_layers
from drivetrain.insight.layers import activations, layers_of, shown_layers
from drivetrain.insight.parts import Layer, Subject
from drivetrain.insight.projecting import Rule, Spot, project
from drivetrain.insight.subject import subject_of
from drivetrain.insight.tops import find_tops
from drivetrain.progress import quiet
from drivetrain.training.network import Network

N, PART, SPOTS = 2_500, 125, 32
SCALE = 4
"""Of the random pictures: large enough that a ReLU6 net reaches 6 in places."""
COMMAND = "python benchmarks/inside.py --shared ../shared"


def photographs(shared: Path, folder: Path, n: int) -> dt.Data:
    """Grocery, so many of them as validation rows."""
    root = shared / "data" / "grocery"
    lines = [line for part in ("train", "val", "test") for line in (root / f"{part}.txt").read_text().splitlines()]
    random.Random(1).shuffle(lines)
    cells = [line.split(", ") for line in lines[: n + 300]]
    rows = [(str(root / path), coarse, "valid" if i < n else "train") for i, (path, _, coarse) in enumerate(cells)]
    return dt.images(write_table(folder / "rows.csv", rows).path, project=folder / "project")


def part_of(subject: Subject, start: int, stop: int) -> Subject:
    """Some rows of a subject, decoded before the clock runs."""
    views = subject.batch(range(start, stop))
    rows = subject.rows.subset(range(start, stop))
    return replace(subject, rows=rows, batch=lambda wanted: tuple(each[list(wanted)] for each in views))


def seconds(do: Callable[[], Any]) -> float:
    begun = time.process_time()
    do()
    return time.process_time() - begun


@torch.inference_mode()
def plain(subject: Subject) -> None:
    for start in range(0, len(subject.rows), 32):
        subject.network.answer(*subject.batch(range(start, min(start + 32, len(subject.rows)))))


def passes(shared: Path, n: int, part: int) -> dict[str, Any]:
    """CPU seconds of three ways to pass, and what memory the search takes."""
    weights = f"local-dir:{shared / 'weights' / 'mobilenetv1_100.tf_in1k'}"
    with tempfile.TemporaryDirectory() as name, quiet():
        learn = dt.Learner(photographs(shared, Path(name), n), weights, size=224, device="cpu", precision="fp32")
        subject = subject_of(learn, rows=n)
        n = len(subject.rows)  # without copies
        layers = layers_of(subject)
        shown = shown_layers(layers)
        spent = {"plain": 0.0, "shown": 0.0, "all": 0.0}
        ways: dict[str, Callable[[Subject], Any]] = {
            "plain": plain,
            "shown": lambda some: find_tops(some, shown),
            "all": lambda some: find_tops(some, layers),
        }
        for start in range(0, n, part):
            some = part_of(subject, start, min(start + part, n))
            order = list(ways)
            random.Random(start).shuffle(order)
            for way in order:
                spent[way] += seconds(lambda way=way, some=some: ways[way](some))  # pyright: ignore[reportUnknownLambdaType]
        whole = seconds(lambda: plain(subject))
        tops: dict[str, Any] = {}
        searched = seconds(lambda: tops.update(find_tops(subject, layers)))
        kept = sum(each.nbytes for top in tops.values() for each in (top.values, top.rows, top.places, top.strongest))
    return {
        "n": n,
        "layers": len(layers),
        "channels": sum(layer.channels for layer in layers),
        "shown": len(shown),
        "seconds": {way: round(value, 1) for way, value in spent.items()},
        "seconds_from_files": {"plain": round(whole, 1), "all": round(searched, 1)},
        "megabytes_kept": round(kept / 1e6, 1),
    }


class Lower(nn.Module):
    """A body up to a layer, as the peers want it: activations of modules that do not write over their input."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.Sequential(*copy.deepcopy(list(parts)))
        for module in self.modules():
            if hasattr(module, "inplace"):
                module.inplace = False  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x)


def nets(shared: Path) -> dict[str, tuple[nn.Module, list[nn.Module], str]]:
    """Body, its parts up to a layer, and that layer's name."""
    torch.manual_seed(0)
    relu = timm.create_model("resnet18", num_classes=0).eval()
    six = timm.create_model(f"local-dir:{shared / 'weights' / 'mobilenetv1_100.tf_in1k'}", pretrained=True).eval()
    stem = [relu.conv1, relu.bn1, relu.act1, relu.maxpool, relu.layer1, relu.layer2]
    return {
        "resnet18, ReLU": (relu, stem, "body.layer2.1.conv2"),
        "mobilenetv1_100, ReLU6": (six, [six.conv_stem, six.bn1, *six.blocks[:3]], "body.blocks.2.1.conv_pw"),
    }


def projections(shared: Path, n: int) -> dict[str, Any]:
    """Seconds for each activation, and how far the peers' numbers are from ours, as a share of the largest."""
    found: dict[str, Any] = {}
    for name, (body, parts, layer_name) in nets(shared).items():
        network = Network(nn.Identity(), body, features=1, n_outputs=1, dropout=0.0, head=nn.Identity()).eval()
        layer = next(each for each in find_layers(network, (224, 224), 3) if each.name == layer_name)
        pictures = SCALE * torch.randn(n, 3, 224, 224)
        lower = Lower(parts).eval()
        subject = Subject(
            name, network, dt.Examples(), None, np.zeros(0), lambda rows, x=pictures: (x[list(rows)],), None, (224, 224)
        )  # pyright: ignore[reportArgumentType] - only its batches are read
        layer = replace(layer, reading=replace(layer.reading, given=False))  # after its activation, as the peers read
        middle = layer.resolution[0] // 2
        strongest = activations(subject, [layer], range(n))[layer_name][:, :, middle, middle].argmax(1).tolist()
        spots = [Spot(i, channel, (middle, middle)) for i, channel in enumerate(strongest)]
        found[name] = _compared(subject, layer, spots, lower, pictures)
    return found


def _compared(subject: Subject, layer: Layer, spots: list[Spot], lower: nn.Module, pictures: Tensor) -> dict[str, Any]:
    row: dict[str, Any] = {}
    rules: list[Rule] = ["deconvnet", "guided backpropagation"]
    ours: dict[Rule, list[np.ndarray]] = {}
    for rule in rules:
        made: list[Any] = []
        spent = seconds(lambda rule=rule, made=made: made.extend(project(subject, layer, spots, rules=[rule])))
        ours[rule] = [one.pixels[rule] for one in made]
        row[f"ours, {rule}"] = {"seconds_each": round(spent / len(spots), 3)}
    plain_ones = [one.pixels["gradient"] for one in project(subject, layer, spots, rules=["gradient"])]

    def told(rule: Rule, theirs: list[np.ndarray], spent: float) -> dict[str, Any]:
        def apart(others: list[np.ndarray]) -> float:
            return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(theirs, others, strict=True))

        return {
            "seconds_each": round(spent / len(spots), 3),
            "from_ours": float(f"{apart(ours[rule]):.2g}"),
            "from_the_gradient": float(f"{apart(plain_ones):.2g}"),
        }

    try:
        from captum.attr import Deconvolution, GuidedBackprop
    except ImportError:
        return row
    for rule, method in (("deconvnet", Deconvolution), ("guided backpropagation", GuidedBackprop)):
        target = [(spot.channel, *spot.place) for spot in spots]
        kept: list[Tensor] = []

        def ask(method: Any = method, kept: list[Tensor] = kept, target: Any = target) -> None:
            for start in range(0, len(spots), 16):
                some = slice(start, start + 16)
                kept.append(method(lower).attribute(pictures[some].clone().requires_grad_(), target=target[some]))

        spent = seconds(ask)
        theirs = list(torch.cat(kept).detach().permute(0, 2, 3, 1).numpy())
        row[f"Captum, {rule}"] = told(rule, theirs, spent)
    try:
        from pytorch_grad_cam import GuidedBackpropReLUModel
    except ImportError:
        return row
    whole = GuidedBackpropReLUModel(nn.Sequential(lower, nn.Flatten()), "cpu")
    _, high, wide = layer.channels, *layer.resolution
    maps: list[np.ndarray] = []

    def ask_one_by_one() -> None:
        for spot in spots:
            at = (spot.channel * high + spot.place[0]) * wide + spot.place[1]
            maps.append(whole(pictures[spot.row : spot.row + 1].clone(), at))

    spent = seconds(ask_one_by_one)
    row["pytorch-grad-cam, guided backpropagation"] = told("guided backpropagation", maps, spent)
    return row


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--shared", type=Path, default=HERE.parent.parent / "shared")
    parser.add_argument("--rows", type=int, default=N)
    asked = parser.parse_args()
    shared = asked.shared.resolve()
    folder = asked.results or (QUICK_RESULTS if asked.quick else RESULTS)
    results = Results(folder / "inside.json", hidden_places(shared=shared))
    command = COMMAND if asked.rows == N else f"{COMMAND} --rows {asked.rows}"
    told = {"command": command, "versions": versions()}
    if wanted("passes", asked.only):
        print(results.put("passes", {**passes(shared, *((200, 50) if asked.quick else (asked.rows, PART))), **told}))
    if wanted("projections", asked.only):
        print(results.put("projections", {"nets": projections(shared, 8 if asked.quick else SPOTS), **told}))
    results.write(report(results))


def report(results: Results) -> list[str]:
    assert __doc__ is not None
    lines = ["# Looking inside", "", *__doc__.strip().split("\n")[:8], ""]
    row = results.rows.get("passes")
    if row is not None:
        spent, files = row["seconds"], row["seconds_from_files"]
        told = [
            [f"plain pass, {row['n']:,} pictures", f"{spent['plain']:.0f} s", "1", f"{files['plain']:.0f} s"],
            [f"the {row['shown']} layers that a page shows", f"{spent['shown']:.0f} s", _times(spent, "shown"), ""],
            [
                f"all {row['layers']} layers, {row['channels']:,} channels",
                f"{spent['all']:.0f} s",
                _times(spent, "all"),
                f"{files['all']:.0f} s",
            ],
        ]
        lines += table(["pass", "decoded before", "× plain", "decoded on the way"], told)
        lines += [
            "",
            f"What the search of all layers keeps: {row['megabytes_kept']} MB; a difference between passes below "
            "a fifth is that of a busy machine. Ours also finds the effective field of each activation, by a second "
            "backward pass.",
            "",
        ]
    for name, methods in results.rows.get("projections", {}).get("nets", {}).items():
        cells = [
            [
                how,
                f"{one['seconds_each']:.3f} s",
                *(str(one.get(key, "–")) for key in ("from_ours", "from_the_gradient")),
            ]
            for how, one in methods.items()
        ]
        lines += [f"## Projections: {name}", ""]
        lines += [*table(["method", "each activation", "difference from ours", "from the plain gradient"], cells), ""]
    return [*lines, *provenance(results.rows)]


def _times(spent: dict[str, float], way: str) -> str:
    return f"{spent[way] / spent['plain']:.2f}"


if __name__ == "__main__":
    main()
