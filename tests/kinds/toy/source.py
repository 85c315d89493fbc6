"""Curves as the source of rows: one-dimensional arrays in .npy files, each named by the machine that drew it."""

from drivetrain.data.check import check_files
from tests.kinds.toy.spec import Spec

noun = "curves"
suffixes = frozenset({".npy"})


def check(inputs, /, *, least=2):
    return check_files(inputs, Spec(least=least), noun=noun)


def groupings():
    return {"machine": lambda rows: [path.stem.split("-")[0] if "-" in path.stem else "" for path in rows.inputs]}
