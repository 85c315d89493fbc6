"""The small pictures and Learners of tests/training: this room stands on that one."""

from tests.training.conftest import (
    ARCH,
    COLOURS,
    MakeLearner,
    _quick_export,  # pyright: ignore[reportPrivateUsage] - a fixture, for this package too
    data,
    make_learner,
    paint,
    squares,
)

__all__ = ["ARCH", "COLOURS", "MakeLearner", "_quick_export", "data", "make_learner", "paint", "squares"]
