"""What a model is and how good it is, from its manifest, for people who meet it on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivetrain.runtime.manifest import Manifest, ScoreRecord
from drivetrain.runtime.targets import NumberTarget
from drivetrain.serving.model import Model


def about(model: Model, kept: float = 0.0, shadow: Model | None = None) -> dict[str, Any]:
    """Plain data for the page; no path of the machine that trained is in it.

    Args:
        model: What is served.
        kept: Share of the inputs that the service keeps: whoever sends one should know.
        shadow: A second model that is asked beside this one, and whose answers are not sent: whoever sends an input
            should know that too.
    """
    manifest = model.manifest
    target = manifest.target
    answers = list(target.names) if isinstance(target, NumberTarget) else list(target.vocab)
    return {
        "model": model.name,
        "sha256": model.sha256,
        "created": manifest.created,
        "architecture": manifest.architecture.label,
        "target": {"kind": target.kind, "name": target.name, "answers": answers},
        "noun": model.kind.NOUN,
        **model.kind.about(manifest.input),
        "n": manifest.n,
        "validation": scores(manifest.validation),
        "test": scores(manifest.test_openings[-1].scores) if manifest.test_openings else None,
        "test_openings": len(manifest.test_openings),
        "calibration": _calibration(manifest),
        "kept": kept,
        "shadow": None if shadow is None else {"model": shadow.name, "sha256": shadow.sha256},
        "limits": {"picture_bytes": model.limits.picture_bytes, "files": model.limits.files},
    }


def scores(records: Mapping[str, ScoreRecord]) -> list[dict[str, Any]]:
    """A list, in the order of the manifest: the first is the one that matters most.

    Example:
        >>> scores({"accuracy": ScoreRecord(value=0.9, low=0.8, high=0.95, n=50)})
        [{'metric': 'accuracy', 'value': 0.9, 'low': 0.8, 'high': 0.95, 'n': 50}]
    """
    return [{"metric": name, **record.model_dump()} for name, record in records.items()]


def _calibration(manifest: Manifest) -> dict[str, Any] | None:
    found = manifest.calibration
    if found is None:
        return None
    return {"coverage": found.coverage, "max_error": found.max_error, "n": found.n}
