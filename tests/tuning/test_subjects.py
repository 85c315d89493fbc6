"""Whose settings are searched for where nobody says, and what is searched then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.errors import SettingError
from drivetrain.tuning import knobs
from drivetrain.tuning.space import asked_space
from drivetrain.tuning.subjects import asked_subject

RATED: dict[str, Any] = {
    "user": list(range(12)) * 8,
    "item": [at // 12 for at in range(96)],
    "stars": np.random.default_rng(0).integers(1, 6, 96).tolist(),
}


@pytest.mark.parametrize(
    ("model", "name", "searched"),
    [
        (None, "trees", ["leaves", "least_rows", "shrink", "share", "rate"]),
        ("boosted trees", "trees", ["leaves", "least_rows", "shrink", "share", "rate"]),
        (dt.Trees, "trees", ["leaves", "least_rows", "shrink", "share", "rate"]),
        ("net", "network", ["lr", "epochs", "unfreeze", "weight_decay", "dropout", "mixup"]),
        (dt.Learner, "network", ["lr", "epochs", "unfreeze", "weight_decay", "dropout", "mixup"]),
    ],
    ids=["usual", "in words", "class", "net", "Learner"],
)
def test_models_of_a_table(table: Data, model: Any, name: str, searched: list[str]) -> None:
    found = asked_subject(model, table, arch=False)
    assert found.name == name
    assert asked_space(None, found.knobs, found.usual, {}).varied == searched


def test_factors_of_ratings_and_of_events_have_other_settings(tmp_path: Path) -> None:
    ratings = dt.ratings(RATED, rating="stars", project=tmp_path / "project")
    events = dt.ratings({name: RATED[name] for name in ("user", "item")}, project=tmp_path / "other")
    assert [*asked_subject(None, ratings, arch=False).usual] == ["factors"]
    assert [*asked_subject(None, events, arch=False).usual] == ["factors", "strength", "alpha"]
    with pytest.raises(SettingError, match="expected 'factors', 'ease'"):
        asked_subject("network", ratings, arch=False)
    with pytest.raises(SettingError, match="that is no model of ratings"):
        asked_subject(dt.Learner, ratings, arch=False)


def test_a_function_of_yours_is_asked_for_what_it_takes(table: Data) -> None:
    def forest(data: Data, *, trees: int, depth: int = 3) -> Any: ...

    found = asked_subject(forest, table, arch=False)
    assert found.name == "forest"
    assert found.knobs is not None
    assert [*found.knobs] == ["trees", "depth"]
    with pytest.raises(SettingError, match="space has no tree; expected among trees, depth"):
        asked_space({"tree": (1, 9)}, found.knobs, {}, {})
    with pytest.raises(SettingError, match="model takes nothing"):
        asked_subject(lambda: None, table, arch=False)


def test_settings_of_networks_are_known_by_name(table: Data) -> None:
    assert set(knobs.of_network(table)) == knobs.NAMES["network"]
