"""Plain timm and PyTorch, fp32, eager: Pillow and torchvision's transforms, then the network.

python predict_torch.py TABLE ARCH
"""

from __future__ import annotations

import sys

import timm
import torch
from PIL import Image
from plain_timm import Pictures, loader, transforms
from report import read_parts
from timing import measure


def main() -> None:
    table, arch = sys.argv[1:]
    parts = read_parts(table)
    classes = sorted({label for _, label in parts["train"]})
    model = timm.create_model(arch, pretrained=arch.startswith("local-dir:"), num_classes=len(classes)).eval()
    _, plain = transforms(model, 224)

    @torch.inference_mode()
    def one(path: str) -> str:
        with Image.open(path) as picture:
            return classes[model(plain(picture.convert("RGB"))[None]).argmax().item()]

    @torch.inference_mode()
    def many(paths: list[str]) -> int:
        batches = loader(Pictures([(path, classes[0]) for path in paths], classes, plain))
        return sum(len([classes[i] for i in model(pictures).argmax(dim=1).tolist()]) for pictures, _ in batches)

    measure(one, many, [path for path, _ in parts["test"]])


if __name__ == "__main__":
    main()
