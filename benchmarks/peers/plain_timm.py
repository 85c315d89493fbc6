"""A plain timm and PyTorch loop as tutorials have it: one epoch of the new head, then all layers; AdamW, cosine, fp32.

python plain_timm.py TABLE BODY [--epochs 5] [--size 224]
"""

from __future__ import annotations

import argparse

import timm
import torch
from PIL import Image
from report import read_parts, tell, write_answers
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

LR, WEIGHT_DECAY, BATCH_SIZE, WORKERS = 1e-3, 0.01, 64, 2


class Pictures(Dataset):
    def __init__(self, rows: list[tuple[str, str]], classes: list[str], transform: v2.Transform) -> None:
        self.rows, self.transform = rows, transform
        self.index = {label: i for i, label in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        path, label = self.rows[i]
        with Image.open(path) as picture:
            return self.transform(picture.convert("RGB")), self.index[label]


def transforms(model: nn.Module, size: int) -> tuple[v2.Transform, v2.Transform]:
    """For training, and for validation and test: resized to 8/7 of the size, then its centre."""
    config = timm.data.resolve_model_data_config(model)
    bicubic = InterpolationMode.BICUBIC
    last = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(config["mean"], config["std"])]
    train = [v2.RandomResizedCrop(size, interpolation=bicubic), v2.RandomHorizontalFlip()]
    plain = [v2.Resize(size * 8 // 7, interpolation=bicubic), v2.CenterCrop(size)]
    return v2.Compose([*train, *last]), v2.Compose([*plain, *last])


def loader(data: Pictures, *, shuffle: bool = False) -> DataLoader:
    return DataLoader(data, batch_size=BATCH_SIZE, shuffle=shuffle, num_workers=WORKERS)


def train_epochs(model: nn.Module, loaders: tuple[DataLoader, DataLoader], epochs: int, phase: str) -> None:
    train, valid = loaders
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train))
    loss_of = nn.CrossEntropyLoss()
    for _ in range(epochs):
        model.train()
        for pictures, labels in train:
            optimizer.zero_grad()
            loss_of(model(pictures), labels).backward()
            optimizer.step()
            schedule.step()
        tell("epoch", phase=phase, accuracy=accuracy(model, valid))


@torch.inference_mode()
def answers(model: nn.Module, data: DataLoader) -> torch.Tensor:
    model.eval()
    return torch.cat([model(pictures).argmax(dim=1) for pictures, _ in data])


def accuracy(model: nn.Module, data: DataLoader) -> float:
    truth = torch.tensor([data.dataset.index[label] for _, label in data.dataset.rows])
    return (answers(model, data) == truth).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("body")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--answers", default="answers.npz")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    parts = read_parts(options.table)
    classes = sorted({label for _, label in parts["train"]})
    model = timm.create_model(options.body, pretrained=True, num_classes=len(classes))
    varied, plain = transforms(model, options.size)
    train = loader(Pictures(parts["train"], classes, varied), shuffle=True)
    valid, test = (loader(Pictures(parts[name], classes, plain)) for name in ("valid", "test"))
    model.requires_grad_(False)
    model.get_classifier().requires_grad_(True)
    train_epochs(model, (train, valid), 1, "head")
    model.requires_grad_(True)
    train_epochs(model, (train, valid), options.epochs, "all")
    torch.save(model.state_dict(), "plain.pt")
    tell("trained")
    write_answers(options.answers, parts["test"], [classes[i] for i in answers(model, test).tolist()])


if __name__ == "__main__":
    main()
