"""fastai: `learn.predict` for one picture, `get_preds` of a `test_dl` for many.

    python predict_fastai.py TABLE ARCH [--export FILE | --load FILE PICTURE]

`--export` only writes the learner; `--load` answers for one picture as a program of its own would, and ends.
"""

from __future__ import annotations

import sys

from fastai.vision.all import accuracy, load_learner, vision_learner
from fastai_fine_tune import make_dls
from report import read_parts
from timing import measure


def main() -> None:
    if sys.argv[1] == "--load":
        label, index, probabilities = load_learner(sys.argv[2]).predict(sys.argv[3])
        print(label, float(probabilities[index]))
        return
    table, arch, *export = sys.argv[1:]
    pretrained = arch.startswith("local-dir:")
    learn = vision_learner(make_dls(table, 224, 460), arch, metrics=accuracy, pretrained=pretrained)
    if export:
        learn.export(export[1])
        return
    learn.export("fastai.pkl")
    learn = load_learner("fastai.pkl")
    paths = [path for path, _ in read_parts(table)["test"]]
    measure(learn.predict, lambda files: len(learn.get_preds(dl=learn.dls.test_dl(files))[0]), paths)


if __name__ == "__main__":
    main()
