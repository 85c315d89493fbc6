"""fastai as its documentation teaches it: a DataBlock, presizing, `aug_transforms`, `vision_learner`, `fine_tune`.

    python fastai_fine_tune.py TABLE BODY [--epochs 5] [--size 224] [--item-size 460] [--check]

Everything else is its default: batches of 64, its own head, its rates and schedule, its number of workers. `--check`
does not train: it shows that the body and the normalisation are those of timm.
"""

from __future__ import annotations

import argparse

import pandas as pd
from fastai.vision.all import (
    Callback,
    CategoryBlock,
    ColReader,
    ColSplitter,
    DataBlock,
    DataLoaders,
    ImageBlock,
    Learner,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    set_seed,
    vision_learner,
)
from report import read_parts, tell, write_answers


class Tell(Callback):
    """Says how good each epoch was, when it is over."""

    order = 90  # after the Recorder

    def after_epoch(self) -> None:
        values = dict(zip(self.recorder.metric_names[1:], self.recorder.log[1:], strict=False))
        phase = "frozen" if self.opt.frozen_idx > 0 else "all"
        tell("epoch", phase=phase, accuracy=float(values["accuracy"]), loss=float(values["valid_loss"]))


def make_dls(table: str, size: int, item_size: int) -> DataLoaders:
    rows = pd.read_csv(table, dtype=str)
    rows = rows[rows.split != "test"].reset_index(drop=True)
    rows["is_valid"] = rows.split == "valid"
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=ColReader("path"),
        get_y=ColReader("label"),
        splitter=ColSplitter("is_valid"),
        item_tfms=Resize(item_size),
        batch_tfms=aug_transforms(size=size),
    )
    return block.dataloaders(rows)


def check(learn: Learner, body: str) -> None:
    """Compare with timm: the features of one batch, and what pictures are normalised with."""
    import timm
    import torch

    reference = timm.create_model(body, pretrained=True, num_classes=0).eval()
    pictures, _ = learn.dls.valid.one_batch()
    learn.model.eval()
    with torch.no_grad():
        ours, theirs = learn.model[0](pictures[:8]), reference.forward_features(pictures[:8].as_subclass(torch.Tensor))
    difference = (ours - theirs).abs().max().item()
    norm = next(step for step in learn.dls.valid.after_batch.fs if isinstance(step, Normalize))
    mean, std = norm.mean.flatten().tolist(), norm.std.flatten().tolist()
    config = reference.pretrained_cfg
    agree = (
        difference < 1e-4
        and all(abs(a - b) < 1e-6 for a, b in zip(mean, config["mean"], strict=True))
        and all(abs(a - b) < 1e-6 for a, b in zip(std, config["std"], strict=True))
    )
    workers, batch_size = learn.dls.train.fake_l.num_workers, learn.dls.train.bs
    tell("check", agree=agree, difference=difference, mean=mean, std=std, workers=workers, batch_size=batch_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("body")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--item-size", type=int, default=460)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--answers", default="answers.npz")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    set_seed(options.seed)
    dls = make_dls(options.table, options.size, options.item_size)
    learn = vision_learner(dls, options.body, metrics=accuracy, pretrained=True)
    if options.check:
        check(learn, options.body)
        return
    learn.fine_tune(options.epochs, cbs=Tell())
    learn.export("fastai.pkl")
    tell("trained")
    test = read_parts(options.table)["test"]
    probabilities, _ = learn.get_preds(dl=dls.test_dl(pd.DataFrame(test, columns=["path", "label"])))
    said = [dls.vocab[i] for i in probabilities.argmax(dim=1).tolist()]
    write_answers(options.answers, test, said)


if __name__ == "__main__":
    main()
