"""scikit-learn's logistic regression on the frozen body's features: one pass over the pictures, no training of a net.

python linear_probe.py TABLE BODY [--size 224]
"""

from __future__ import annotations

import argparse

import joblib
import numpy as np
import timm
import torch
from plain_timm import Pictures, loader, transforms
from report import read_parts, tell, write_answers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("body")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--answers", default="answers.npz")
    options = parser.parse_args()
    parts = read_parts(options.table)
    classes = sorted({label for _, label in parts["train"]})
    body = timm.create_model(options.body, pretrained=True, num_classes=0).eval()
    _, plain = transforms(body, options.size)

    def features(name: str) -> np.ndarray:
        with torch.inference_mode():
            batches = loader(Pictures(parts[name], classes, plain))
            return np.concatenate([body(pictures).numpy() for pictures, _ in batches])

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    probe.fit(features("train"), [label for _, label in parts["train"]])
    tell("epoch", phase="probe", accuracy=float(probe.score(features("valid"), [label for _, label in parts["valid"]])))
    joblib.dump(probe, "probe.joblib")
    tell("trained")
    write_answers(options.answers, parts["test"], probe.predict(features("test")).tolist())


if __name__ == "__main__":
    main()
