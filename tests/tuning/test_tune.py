"""`drivetrain.tune`: trials become runs, the best is corrected, the same call goes on, and what is refused."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.data.seals.project import Project
from drivetrain.errors import DataError, DrivetrainWarning, MissingExtraError, ModelError, SettingError, TrainingError
from drivetrain.evaluation.record.runs import RunLog
from tests.training.conftest import ARCH
from tests.tuning.conftest import SMALL, rows

NETWORK: dict[str, Any] = {"size": 32, "pretrained": False, "device": "cpu", "precision": "fp32"}


class Guess(dt.ModelBase):
    """Answers by chance: no trial is better than another."""

    label = "guess"

    def __init__(self, data: Data, *, seed: int = 0, fail: str = "") -> None:
        super().__init__(data)
        self.seed = seed
        if fail:
            raise {"model": ModelError("no such weights"), "own": KeyError("weights")}[fail]

    def predict_rows(self, rows: Any, /) -> dt.Predictions:
        yes = np.random.default_rng(self.seed).random(len(rows))
        return dt.Predictions.of(rows, self.data.target, np.stack([1 - yes, yes], axis=1))

    def identity(self) -> str:
        return f"{self.seed:064}"


def test_each_trial_is_a_run_and_the_best_is_corrected(table: Data) -> None:
    found = dt.tune(table, {"seed": (0, 10_000)}, model=Guess, trials=12)
    runs = RunLog(Project.find(table.project)).runs()
    assert sorted(run.id for run in runs) == sorted(str(trial.run) for trial in found.trials)
    assert all(run.record.decisions["tuned"].reason.startswith("trial ") for run in runs)
    values = [trial.value for trial in found.trials]
    assert found.best_trial.value == max(value for value in values if value is not None)
    again = dt.correct_selection([run.predictions for run in runs if run.predictions is not None], "accuracy")
    assert found.selection is not None
    assert (found.selection.raw, found.selection.trials) == (found.best_trial.value, 12)
    assert found.selection.corrected == pytest.approx(again.corrected, abs=0.02)
    assert found.selection.corrected < found.selection.raw - 0.05  # twelve coins: the best is luck alone
    raw = [point.raw for point in found.growth]
    assert raw == sorted(raw)
    assert (found.growth[0].raw, found.growth[0].corrected) == (values[0], values[0])
    assert (found.growth[-1].trials, found.growth[-1].corrected) == (12, found.selection.corrected)
    assert "before correction for having chosen it among 12" in str(found)


def test_the_same_call_goes_on_and_draws_anew(table: Data) -> None:
    first = dt.tune(table, SMALL, trials=3)
    longer = dt.tune(table, SMALL, trials=5)
    assert longer.trials[:3] == first.trials
    assert len(longer.trials) == 5
    leaves = [trial.settings["leaves"] for trial in longer.trials]
    assert leaves[3:] != leaves[:2]  # a sampler of the same seed would begin again with the same
    other = dt.tune(table, SMALL | {"members": 2}, trials=1)
    assert other.study.study_name != first.study.study_name  # another space is another tuning
    assert len(other.trials) == 1


def test_equal_seeds_propose_the_same(table: Data) -> None:
    memory = [optuna.storages.InMemoryStorage() for _ in range(3)]
    with pytest.warns(DrivetrainWarning, match="without a heartbeat"):
        found = [
            [t.settings["leaves"] for t in dt.tune(table, SMALL, trials=4, storage=each, seed=seed).trials]
            for each, seed in zip(memory, (1, 1, 2), strict=True)
        ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_each_combination_once_where_they_are_few(table: Data) -> None:
    found = dt.tune(table, SMALL | {"leaves": [4, 8], "shrink": [0.0, 1.0]}, trials=20)
    assert sorted((t.settings["leaves"], t.settings["shrink"]) for t in found.trials) == [
        (4, 0.0), (4, 1.0), (8, 0.0), (8, 1.0),
    ]  # fmt: skip
    assert found.decisions["sampler"].value == "all"


def test_settings_that_were_tried_are_not_tried_again(table: Data) -> None:
    found = dt.tune(table, {"seed": [1, 2]}, model=Guess, trials=6, sampler="random")
    assert len(RunLog(Project.find(table.project)).runs()) == len({t.settings["seed"] for t in found.trials})


def test_the_best_is_trained_again_and_is_the_same(squares: Path, tmp_path: Path) -> None:
    data = dt.images(squares, valid_pct=0.3, seed=1, project=tmp_path / "project")
    space = {**NETWORK, "epochs": (1, 2), "lr": (1e-4, 1e-2, "log"), "augment": [True, False]}
    found = dt.tune(data, space, arch=ARCH, trials=2, metric="log_loss")
    assert found.best_trial.value == min(t.value for t in found.trials if t.value is not None)
    learn = found.learn()
    assert isinstance(learn, dt.Learner)
    assert learn.identity() == found.best_trial.parameters_sha256
    assert len(learn.history) == found.best["epochs"]
    assert learn.decisions["tuned"].reason == f"trial {found.best_trial.number} of the tuning {found.study.study_name}"
    assert set(found.best) == {*space, "arch"}
    table = found.table
    assert [*table.columns] == ["trial", "state", "log_loss", "epochs", "lr", "augment", "seconds", "run", "reason"]


def test_a_function_of_the_trial_says_settings_or_fits_a_model_itself(table: Data) -> None:
    def settings(trial: optuna.Trial) -> dict[str, Any]:
        return {"members": 1, "pairs": False, "leaves": 2 ** trial.suggest_int("depth", 1, 4)}

    found = dt.tune(table, settings, trials=3)
    assert {t.settings["leaves"] for t in found.trials} <= {2, 4, 8, 16}
    with pytest.raises(DataError, match="the space is a function"):
        found.learn()
    fitted = dt.tune(table, lambda trial: Guess(table, seed=trial.suggest_int("seed", 0, 99)), trials=2)
    assert [t.state for t in fitted.trials] == ["complete", "complete"]
    with pytest.raises(SettingError, match="expected a dict of settings, or a model that it has fitted"):
        dt.tune(table, lambda trial: trial.suggest_int("seed", 0, 9), trials=3)


def test_failed_trials_are_told_and_the_others_count(table: Data) -> None:
    found = dt.tune(table, {"seed": [1, 2, 3], "fail": ["", "model", "own"]}, model=Guess, trials=9)
    assert sorted(t.state for t in found.trials) == ["complete"] * 3 + ["failed"] * 6
    reasons = {t.reason for t in found.trials if t.state == "failed"}
    assert reasons == {"no such weights", "KeyError: 'weights'"}
    assert "6 failed" in str(found)


def test_where_all_fail_the_reason_is_told(table: Data) -> None:
    with pytest.raises(ModelError, match="no such weights"):
        dt.tune(table, {"seed": (0, 99), "fail": "model"}, model=Guess, trials=50)
    with pytest.raises(TrainingError, match="5 trials failed and none succeeded: KeyError"):
        dt.tune(table, {"seed": (0, 99), "fail": "own"}, model=Guess, trials=50)


def test_an_interrupted_trial_is_put_back(table: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def stopped(data: Data, *, seed: int) -> Guess:
        tried.append(seed)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return Guess(data, seed=seed)

    with pytest.raises(KeyboardInterrupt, match="The same command goes on"):
        dt.tune(table, {"seed": (0, 10_000)}, model=stopped, trials=3)
    found = dt.tune(table, {"seed": (0, 10_000)}, model=stopped, trials=3)
    assert tried[2] == tried[1]
    assert [t.state for t in found.trials] == ["complete"] * 3
    assert len(tried) == 4


def test_a_budget_ends_it_and_no_trial_is_begun_that_would_not_be_done(table: Data) -> None:
    ticks = {"sleep": 0.4}

    def slow(data: Data, *, seed: int) -> Guess:
        import time

        time.sleep(ticks["sleep"])
        return Guess(data, seed=seed)

    found = dt.tune(table, {"seed": (0, 10_000)}, model=slow, budget=1.5)
    assert 1 <= len(found.trials) <= 3
    assert {t.state for t in found.trials} == {"complete"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"storage": "runs"}, "storage='runs' cannot be used: expected 'sqlite:///runs.db'"),
        ({"storage": "sqlite:////no/such/folder/runs.db"}, "expected a file in a folder that is there"),
        ({"storage": "frogsql://u:hush@host/runs"}, "storage='frogsql://u:.../host/runs'|expected 'sqlite"),
        ({"storage": 7}, "storage=7 cannot be used"),
        ({"sampler": "grid"}, "expected 'tpe', 'random', None, or a sampler of Optuna's"),
        ({"model": "forest"}, "model='forest' cannot be used: expected 'trees', 'line' or 'network'"),
        ({"metric": "acuracy"}, "acuracy"),
        ({"trials": 0}, "trials=0 cannot be used"),
        ({"budget": "soon"}, "budget='soon' cannot be used"),
        ({"space": None, "model": "line"}, "for this model there is no usual one"),
        ({"space": {"seed": (0, 9)}, "arch": "resnet18", "model": "trees"}, "space has arch, a setting of network"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_refused_in_three_parts(table: Data, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said) as caught:
        dt.tune(table, **({"space": SMALL} | asked))
    assert "hush" not in str(caught.value)
    assert "To fix" in str(caught.value)


def test_a_fitted_model_and_data_without_validation_rows_are_refused(table: Data, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a class or a word, not a model that is fitted"):
        dt.tune(table, {"seed": (0, 9)}, model=Guess(table))
    bare = dt.table(rows(), target="y", valid_pct=0, project=tmp_path / "other")
    with pytest.raises(DataError, match="there are no validation rows"):
        dt.tune(bare, SMALL)


def test_a_tuning_is_not_mixed_with_another_one(table: Data) -> None:
    dt.tune(table, SMALL, trials=1, name="mine")
    with pytest.raises(SettingError, match="'mine' is a tuning with another metric"):
        dt.tune(table, SMALL, trials=1, name="mine", metric="log_loss")
    with pytest.raises(SettingError, match="'mine' is a tuning with another space"):
        dt.tune(table, SMALL | {"leaves": (2, 9)}, trials=1, name="mine")
    own = optuna.create_study(storage=f"sqlite:///{Project.find(table.project).folder}/tuning.db", study_name="own")
    own.add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(SettingError, match="a study of Optuna's that drivetrain has not made"):
        dt.tune(table, SMALL, trials=1, name="own")


def test_a_file_that_is_no_database_of_trials_is_told(table: Data, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("not a database at all, but long enough to look at")
    with pytest.raises(DataError, match="expected"):
        dt.tune(table, SMALL, trials=1, storage=tmp_path / "runs.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://me:hush@localhost/runs", r"psycopg; .* pip install 'psycopg\[binary\]'"),
        ("postgresql+psycopg2://localhost/runs?user=me&password=hush", "psycopg2; .* pip install psycopg2-binary"),
    ],
    ids=["the usual one", "the older one"],
)
def test_a_driver_that_is_not_installed_is_named_without_the_password(
    table: Data, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    for name in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=f"needs the package {said}") as caught:
        dt.tune(table, SMALL, trials=1, storage=url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/me:hush@host/runs",
        "me:hush@host/runs",
        "host=db user=me password=hush",
        "postgresql://me:hush@host:port/runs",
        "postgresql://me:hush@one:5432,two:5432/runs",
        "postgresql://me:pass@hush@host/runs",
    ],
)
def test_an_address_that_is_miswritten_is_not_shown(table: Data, url: str) -> None:
    with pytest.raises(SettingError, match="To fix: write") as caught:
        dt.tune(table, SMALL, trials=1, storage=url)
    assert "hush" not in str(caught.value)


def test_without_optuna_it_says_what_to_install(table: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'drivetrain\[tune\]'"):
        dt.tune(table, SMALL, trials=1)


def test_runs_of_another_folder_are_missed_with_a_word(table: Data, tmp_path: Path) -> None:
    dt.tune(table, {"seed": (0, 99)}, model=Guess, trials=2, storage=tmp_path / "runs.db", name="shared")
    runs = Project.find(table.project).runs
    runs.rename(tmp_path / "elsewhere")
    with pytest.warns(DrivetrainWarning, match="2 trials left predictions in another project folder"):
        found = dt.tune(table, {"seed": (0, 99)}, model=Guess, trials=3, storage=tmp_path / "runs.db", name="shared")
    assert found.missing == 2
    assert found.selection is None or found.selection.trials == 1


def test_a_database_with_other_tables_of_these_names_is_refused(table: Data, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "school.db")) as school:
        school.execute("create table studies (subject text)")
        school.commit()
    with pytest.raises(DataError, match=r"school\.db cannot keep trials: .*no column named.*To fix"):
        dt.tune(table, SMALL, trials=1, storage=tmp_path / "school.db")


def test_a_database_that_is_lost_on_the_way_is_told(table: Data, tmp_path: Path) -> None:
    def losing(data: Data, *, seed: int) -> Guess:
        with contextlib.closing(sqlite3.connect(tmp_path / "runs.db")) as runs:
            runs.execute("drop table trial_user_attributes")
            runs.commit()
        return Guess(data, seed=seed)

    with pytest.raises(DataError, match=r"runs\.db cannot keep trials: no such table: trial_user_attributes"):
        dt.tune(table, {"seed": (0, 9)}, model=losing, trials=2, storage=tmp_path / "runs.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_is_said_to_be_gone_afterwards(table: Data, url: str) -> None:
    found = dt.tune(table, SMALL, trials=2, storage=url)
    assert found.decisions["trials in"].value == "memory"
    assert "gone with this process" in found.decisions["trials in"].reason


def test_where_few_fail_and_none_succeeds_the_mend_is_no_more_time(table: Data) -> None:
    with pytest.raises(DataError, match="look at these reasons, and search elsewhere"):
        dt.tune(table, {"seed": (0, 99), "fail": "own"}, model=Guess, trials=2)
