"""`tune`: settings are searched for within a number of trials or a time, by one process or by several at once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.seals.seal import identity_of
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.learner.arguments import asked_data
from drivetrain.learner.base import MetricLike
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import flag, text, whole
from drivetrain.tuning.question import Question
from drivetrain.tuning.space import Space, asked_space
from drivetrain.tuning.storage import MEMORY, answering, need_optuna, open_storage, silent
from drivetrain.tuning.subjects import EPOCHS, asked_subject

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study

    from drivetrain.tuning.result import Tuning

TRIALS = 20
"""Where neither a number nor a time is named."""
FACTS = "drivetrain"
"""What a study remembers of what it compares."""


@named
def tune(
    data: Data,
    space: Any = None,
    *,
    model: Any = None,
    arch: str | os.PathLike[str] | None = None,
    trials: int | None = None,
    budget: Budget = None,
    metric: MetricLike | None = None,
    storage: Any = None,
    name: str | None = None,
    prune: bool = True,
    sampler: Any = None,
    seed: int = 0,
) -> Tuning:
    """Search for good settings, and say what the best is worth once it is known that it was chosen among so many.

    Optuna proposes settings, a model is trained with them and judged on the validation rows, and so on; trainings that
    do worse than half of the others at the same stage are stopped. Each trial becomes a run of the project
    (`drivetrain runs`). The sealed test set stays closed.

    The same call goes on where an earlier one ended or was killed. Started several times at once, in processes or on
    machines that reach the same storage, the calls share the trials; the trial of a worker that died is found by its
    missing heartbeat and begun again. To correct the best for the choice, a worker needs what each trial said of the
    validation rows, which lies in the project folder: let all workers have the same one.

    Args:
        data: With validation rows.
        space: Setting → (low, high), (low, high, "log"), a list of choices, or one value for all trials; a range or
            list of Optuna, Ray Tune, scipy or numpy does as well. Settings are those of `Learner`, `Recipe` and
            `Learner.fine_tune`, or of `model`. Or a function of Optuna's trial that returns such settings, or a model
            that it has fitted. None takes a usual space.
        model: "network", or of tables "trees" and "line", of texts "line", of ratings "factors", "ease",
            "neighbours", "popularity" and "biases"; or a class or function that takes the data and settings. None takes
            the first that the kind of input has.
        arch: Of networks, the same in all trials; several are a setting of the space.
        trials: How many, over all workers and calls; None: 20, or with a budget as many as there is time for.
        budget: The time this call may take, as "10min", "1h" or seconds. No training is begun that would not be done.
        metric: What trials are compared by; None takes the first that suits the target, as `drivetrain runs` does.
        storage: A database, as "sqlite:///runs.db" or "postgresql://user:password@host/database"; or a storage of
            Optuna's. None takes a file in the project folder.
        name: Of the tuning in the storage; None makes one of data, model, space and metric.
        prune: Stop trainings that do worse than half of the others at the same quarter; networks alone.
        sampler: Who proposes settings: "tpe", "random" or a sampler of Optuna's; None tries each combination once
            where there are no more than trials, else takes "tpe".
        seed: Of what is proposed.

    Raises:
        SettingError: An argument or a setting of the space cannot be used.
        DataError: There are no validation rows, the storage cannot be opened, or no trial could be completed.
        MissingExtraError: Optuna is not installed.

    Example:
        ::

            found = dt.tune(dt.images("fruit"), {"lr": (1e-4, 1e-2, "log"), "epochs": (2, 8)}, trials=20)
            print(found)
            found.page("tuning.html")
            found.learn().save("fruit.model")

        >>> import drivetrain as dt
        >>> rows = {"x": [k * 37 % 120 / 7 for k in range(120)], "y": (["low"] * 29 + ["high"] * 31) * 2}
        >>> found = dt.tune(dt.table(rows, target="y", seed=1), {"leaves": [2, 4], "members": 1}, trials=2)
        >>> sorted(trial.settings["leaves"] for trial in found.trials), found.best["members"]
        ([2, 4], 1)
    """
    began = time.monotonic()
    data, seed, prune = asked_data(data), whole("seed", seed, least=0), flag("prune", prune)
    trials = None if trials is None else whole("trials", trials, least=1)
    deadline = Deadline.of(budget)
    trials = TRIALS if trials is None and deadline.never else trials
    name = None if name is None else text("name", name, what="a name")
    if not len(data.valid):
        raise DataError(
            "there are no validation rows; expected some, as trials are compared on them. To fix: make the data with "
            "valid_pct above 0."
        )
    subject = asked_subject(model, data, arch=arch is not None)
    asked = asked_space(space, subject.knobs, subject.usual, {} if arch is None else {"arch": arch})
    question = Question(data, subject, asked, _metrics(metric, data))
    need_optuna()
    from drivetrain.tuning.result import Tuning  # noqa: PLC0415 - with what it needs, an optional package
    from drivetrain.tuning.sampling import asked_sampler  # noqa: PLC0415
    from drivetrain.tuning.search import search  # noqa: PLC0415
    from drivetrain.tuning.trying import Trying  # noqa: PLC0415

    proposing, proposed = asked_sampler(sampler, asked.n, trials, seed)
    opened, where = open_storage(storage, question.project)
    with answering(where):
        study = _study(question, opened, name, seed)
    study.sampler = proposing
    why = "as asked" if metric is not None else "the first that suits the target"
    after = "gone with this process" if where == MEMORY else "the same command goes on with them"
    decisions = {
        **_decisions(question),
        "compared by": Decision(value=question.metric.name, reason=why),
        "sampler": proposed,
        "trials in": Decision(value=where, reason=f"as {study.study_name!r}; {after}"),
    }
    for one, decision in decisions.items():
        say(f"{one}: {decision}")
    with answering(where):
        search(Trying(question, study, trials, deadline, prune))
        return Tuning.of(question, study, decisions, time.monotonic() - began)


def _metrics(metric: Any, data: Data) -> tuple[Metric, ...]:
    """What models are judged by, that by which trials are compared first.

    Raises:
        SettingError: It does not say whether higher is better.
    """
    from drivetrain.data.kind import source_kind  # noqa: PLC0415

    own = getattr(source_kind(data.kind), "METRICS", None) if data.target.kind == "category" else None
    usual = resolve_metrics(own, data.target)
    if metric is not None:
        first = resolve_metrics([metric], data.target)[0]
        usual = (first, *(each for each in usual if each.name != first.name))
    if usual[0].higher_is_better is None:
        raise SettingError(
            f"metric={usual[0].name!r} does not say whether higher is better; expected one that does, to choose by. To "
            "fix: pass dt.Metric(..., higher_is_better=True), or another metric."
        )
    return usual


def _study(question: Question, opened: BaseStorage, name: str | None, seed: int) -> Study:
    """The study of these trials, new or as it was left."""
    import optuna  # noqa: PLC0415 - an optional package

    facts = question.facts
    name = name or f"{facts['target']} {facts['model']} {identity_of([*facts.values(), str(seed)])[:8]}"
    with silent():
        study = optuna.create_study(
            storage=opened,
            study_name=name,
            direction="maximize" if question.metric.higher_is_better else "minimize",
            pruner=optuna.pruners.MedianPruner(),
            load_if_exists=True,
        )
    known: Mapping[str, Any] | None = study.user_attrs.get(FACTS)
    if known is None and study.get_trials(deepcopy=False):
        raise SettingError(
            f"name={name!r} is a study of Optuna's that drivetrain has not made; expected a new name, or that of a "
            "tuning. To fix: pass another name."
        )
    if known is not None and (other := [key for key, value in facts.items() if known.get(key) != value]):
        raise SettingError(
            f"name={name!r} is a tuning with another {' and another '.join(other)}; expected the same, as its trials "
            "are compared with each other. To fix: pass another name, or leave it out."
        )
    study.set_user_attr(FACTS, facts)
    return study


def _decisions(question: Question) -> dict[str, Decision]:
    subject, space = question.subject, question.space
    words = "; ".join(f"{name}: {each}" for name, each in space.words.items())
    found = {"model": Decision(value=subject.name, reason=words or "settings by a function of the trial")}
    if subject.by_epoch and isinstance(space, Space) and "epochs" not in space.dimensions:
        found["epochs"] = Decision(value=EPOCHS, reason="the space does not say")
    return found
