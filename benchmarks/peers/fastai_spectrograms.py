"""fastai as people use it for sounds: spectrograms as pictures, `vision_learner`, `fine_tune`; none of the flips.

    python fastai_spectrograms.py TABLE BODY [--epochs 5] [--answers FILE]

The table has columns path (of a picture), label, split. Everything else is fastai's default: batches of 64, its own
head, its rates and schedule; pictures keep their size.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from fastai.vision.all import (
    CategoryBlock,
    ColReader,
    ColSplitter,
    DataBlock,
    DataLoaders,
    ImageBlock,
    accuracy,
    set_seed,
    vision_learner,
)
from report import read_parts, tell


def make_dls(table: str) -> DataLoaders:
    rows = pd.read_csv(table, dtype=str)
    rows = rows[rows.split != "test"].reset_index(drop=True)
    rows["is_valid"] = rows.split == "valid"
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=ColReader("path"),
        get_y=ColReader("label"),
        splitter=ColSplitter("is_valid"),
    )
    return block.dataloaders(rows, num_workers=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("body")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--answers", default="answers.npz")
    options = parser.parse_args()
    began = time.monotonic()
    set_seed(options.seed)
    dls = make_dls(options.table)
    learn = vision_learner(dls, options.body, metrics=accuracy, pretrained=True)
    learn.fine_tune(options.epochs)
    tell("trained", seconds=round(time.monotonic() - began, 1), cpu_seconds=round(time.process_time(), 1))
    test = read_parts(options.table)["test"]
    probabilities, _ = learn.get_preds(dl=dls.test_dl(pd.DataFrame(test, columns=["path", "label"])))
    np.savez(
        options.answers, path=[path for path, _ in test], vocab=list(dls.vocab), probabilities=probabilities.numpy()
    )
    tell("tested", n=len(test))


if __name__ == "__main__":
    main()
