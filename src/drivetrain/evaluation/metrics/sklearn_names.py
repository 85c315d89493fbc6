"""scikit-learn, imported on first use: it takes a second, and a program that only trains should not wait for it."""

from __future__ import annotations

from typing import Any

from drivetrain.errors import MissingExtraError


def sklearn_metrics() -> Any:
    """The module `sklearn.metrics`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        import sklearn.metrics  # noqa: PLC0415
    except ImportError as err:
        raise MissingExtraError(
            "metrics need scikit-learn, which is not installed. To fix: pip install 'drivetrain[train]'"
        ) from err
    return sklearn.metrics
