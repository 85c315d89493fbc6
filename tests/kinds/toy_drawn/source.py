"""Numbers in .npy files as the source of rows."""

from drivetrain.data.check import check_files
from tests.kinds.toy_drawn.spec import Spec

noun = "curves"
suffixes = frozenset({".npy"})


def check(inputs, /, *, windows=1):
    return check_files(inputs, Spec(windows=windows), noun=noun)
