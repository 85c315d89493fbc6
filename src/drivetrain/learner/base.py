"""What a model of any library can do once it says how it answers: be judged, compared, tested, reported, reviewed."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from drivetrain.attributes import LEARNER, Told
from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.kind import source_kind
from drivetrain.data.seals.project import Project
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.fitting import Verdict, judge_training
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.gallery import row_losses
from drivetrain.evaluation.report.showing import shown_source
from drivetrain.evaluation.scores import Score, Scores, score
from drivetrain.learner import figures
from drivetrain.learner.arguments import asked_data
from drivetrain.learner.baselines import Baselines, asked_audit
from drivetrain.learner.embedding import embedding_of
from drivetrain.learner.report import report_parts, write_page
from drivetrain.learner.review import ReviewRows, review_rows
from drivetrain.learner.runs import is_on_record, put_on_record
from drivetrain.learner.saving.direct import predictor_of, save_direct
from drivetrain.learner.test_set import expected_test_score, open_test
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.runtime.lineage import Update
from drivetrain.runtime.manifest import Expected, Opening
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import Array
from drivetrain.settings import choice, flag, instance, place, refuse, text, whole
from drivetrain.training.recipe.plan import SETTLE

if TYPE_CHECKING:
    from drivetrain.auditing.audit import Audit
    from drivetrain.insight.inspection import Inspection
    from drivetrain.kinds.tables.embedding import Embedding
    from drivetrain.pages.chart import Chart
    from drivetrain.pages.html import Html

Epoch = dict[str, float | int | str | None]
"""One row of a training's history."""

MetricLike = str | Metric | Any
"""A name, a `Metric`, or a function of truth and output."""


class ModelBase(Told, ABC, elsewhere=LEARNER):
    """A model of any library, judged, sealed, compared, reported and listed like a `Learner`, which is one too.

    Derive a class from it, fit your model on `data.train`, and say how it answers (`predict_rows`) and what tells it
    from another (`identity`). The validation set, the sealed test set, runs, baselines and report then work as they do
    for a Learner. What it says of validation rows is put on record as a run the first time it is asked for.

    Args:
        data: What `drivetrain.images` gave.
        metrics: What people read: names or functions of truth and output; None takes what suits the target.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> class Mean(dt.ModelBase):
        ...     label = "the mean"
        ...
        ...     def predict_rows(self, rows):
        ...         mean = sum(value[0] for value in self.data.train.values) / len(self.data.train)
        ...         return dt.Predictions.of(rows, self.data.target, [[mean]] * len(rows))
        ...
        ...     def identity(self):
        ...         return "mean"
        >>> Mean(data).validate()["rmse"].n
        12
    """

    label: str = ""
    """What people call it; of a class that says nothing, its name."""

    @named
    def __init__(self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None) -> None:
        self.data = data = asked_data(data)
        usual = getattr(source_kind(data.kind), "METRICS", None) if data.target.kind == "category" else None
        self.metrics: tuple[Metric, ...] = resolve_metrics(usual if metrics is None else metrics, data.target)
        self.label = self.label or type(self).__name__
        self.history: list[Epoch] = []
        """One row per epoch trained, over all runs; may stay empty."""
        self.decisions: dict[str, Decision] = dict(data.decisions)
        """What was chosen, and why."""
        self.test_openings: list[Opening] = []
        """Each time the test set was opened, and what it said."""
        self.lineage: tuple[Update, ...] = ()
        """The updates that led to this model, the oldest first."""
        self.judging_seconds = 0.0
        """How long it took to judge the validation set, the last time."""
        self._judged: tuple[str, Predictions] | None = None
        """What was said of the validation set, and by which model."""
        self._validated: tuple[tuple[str, tuple[Metric, ...]], Scores] | None = None
        self._baselines = Baselines(data)

    # ── what a class of yours says ──────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What the model says of rows whose target is known: `drivetrain.Predictions.of(rows, target, output)`."""

    @abstractmethod
    def identity(self) -> str:
        """A hash of what the model has learnt, such as SHA-256: another one whenever it answers differently."""

    def artefact_files(self) -> Mapping[str, bytes]:
        """Further files that it is saved as, by name."""
        return {}

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes and prints, where several train together."""
        return True

    @property
    def project(self) -> Project:
        """Where seals, openings and runs are kept."""
        return Project.find(self.data.project)

    @named
    def predictions(self, part: Literal["train", "valid"] = "valid") -> Predictions:
        """The table of predictions that every score and figure is made from; of a network in fp32, as it is saved.

        Raises:
            DataError: There are no such rows.
            SettingError: `part` is unknown; the test set is opened by `test` alone.
        """
        if choice("part", part, ("train", "valid", "test")) == "test":
            raise SettingError(
                "part='test' cannot be used: expected 'train' or 'valid'; the test set is opened by test() alone. To "
                "fix: learn.test(), once, at the end."
            )
        if part == "train":
            return self._said(self.data.train)
        identity = instance("identity()", self.identity(), str, "text that tells a model from another")
        if self._judged is None or self._judged[0] != identity:
            if len(self.data.valid) == 0:
                raise DataError("there is no validation set. To fix: make the data with valid_pct above 0.")
            began = time.monotonic()
            self._judged = (identity, self._said(self.data.valid))
            self.judging_seconds = time.monotonic() - began
            self._put_on_record(self._judged[1])
        return self._judged[1]

    @named
    def validate(self) -> Scores:
        """Each metric on the validation set with its interval, what a constant answer reaches, and the loss."""
        asked = (self.identity(), self.metrics)
        if self._validated is None or self._validated[0] != asked:  # saving asks again for what was just shown
            self._validated = (asked, self.scores_of(self.predictions()))
        return self._validated[1]

    def scores_of(self, found: Predictions) -> Scores:
        """The scores of predictions of the validation set, beside what a constant answer reaches."""
        return score(found, self.metrics, part="validation", baselines=self._baselines.beside(found))

    @named
    def embedding(self, column: str) -> Embedding:
        """What the network of a table has learnt of a column's names: a table of them, neighbours, a map.

        Raises:
            SettingError: The model is no such network, or has no such column.
        """
        return embedding_of(self, column)

    @named
    def baselines(self, *, probe: bool = True, audit: Audit | None = None) -> dict[str, Scores]:
        r"""What is reached without this training, on the same validation rows, with intervals.

        * a constant answer: the majority class, the label frequencies or the mean of the training set;
        * metadata alone (file size, dimensions, mean colours, …): a small forest, as of an audit where one is given and
          judged all these rows, or else fitted on at most 5,000 training rows;
        * a linear probe: a linear model on what a pretrained body sees that has not learnt from these data, fitted on
          at most 2,000 training rows; of a Learner its own body as it was *before* it was trained here. What training
          adds is the distance to it. This takes as long as validating those rows, once.

        Args:
            probe: Fit the probe. It is left out, and said so, where the pretrained body cannot be had.
            audit: What `drivetrain.audit` found, if you have it.

        Returns:
            Name → scores with the model's metrics, the constant answer first.

        Raises:
            DataError: There is no validation set.

        Example:
            ::

                for name, scores in learn.baselines().items():
                    print(name, scores, sep="\n")
        """
        probe, audit = flag("probe", probe), asked_audit(audit)
        return self._baselines.scores(self.predictions(), self.metrics, probe=probe, audit=audit)

    def headline_baselines(self, *, probe: bool, metadata: bool, audit: Audit | None) -> list[Score]:
        """The first metric of these, each under the name of the baseline: what the report shows."""
        if not self.metrics:
            return []
        first = self.metrics[0]
        found = self._baselines.scores(self.predictions(), [first], probe=probe, metadata=metadata, audit=audit)
        notes = self._baselines.notes()
        return [
            scores[first.name].model_copy(update={"label": name, "note": notes.get(name)})
            for name, scores in found.items()
        ]

    @named
    def metadata_alone(self, audit: Audit | None = None) -> dict[str, Predictions]:
        """What metadata alone say of the validation rows, under its name; empty where they say nothing.

        Args:
            audit: What `drivetrain.audit` found, if you have it.
        """
        audit = asked_audit(audit)
        return self._baselines.metadata_alone(self.predictions(), audit)

    @named
    def verdict(self) -> Verdict:
        """Whether training still improved the model, levelled off, or made it worse: by the validation set."""
        first = self.metrics[0]
        steps = [row for row in self.history if row.get("phase") != SETTLE]  # what settles the head is no training
        return judge_training(steps, first.name, higher_is_better=first.higher_is_better is not False)

    # ── the sealed test set ─────────────────────────────────────────────────────────────────────────────────────

    @named
    def test(self) -> Scores:
        """Open the sealed test set: each metric on it with its interval. Every opening is recorded.

        What the first metric should be is computed from the validation set and written down before the test rows are
        judged; then what it is, and whether the prediction held. Both are printed, kept in `test_openings`, in the
        artefact and in the log of the project. From the second opening on, of this test set by any model, so are the
        count and intervals that hold for all of them together.

        Do this once, at the end. Choosing between models by their test scores makes the test set a second
        validation set.

        Raises:
            DataError: There is no test set.
            SealError: The log of the project was tampered with.
        """
        opened = open_test(self, self._said, self.expected_test_score, self.test_openings, main=self.main)
        self.test_openings.append(opened.opening)
        if self.main:
            say(str(opened))
        return opened.scores

    def expected_test_score(self, own: Predictions | None = None) -> Expected | None:
        """What the first metric should say of the test set, by the validation set and all trials on record.

        Without a test set, of one as large as the validation set: somebody else may hold one. None where there is no
        validation set, or where the metric is a function of the user's.

        Args:
            own: What is said of the validation set by the model that will be tested; None takes this one's own.
        """
        return expected_test_score(self, own or self.predictions()) if len(self.data.valid) else None

    # ── showing and saving ──────────────────────────────────────────────────────────────────────────────────────

    @named
    def report(
        self,
        path: str | os.PathLike[str] = "report.html",
        *,
        audit: Audit | None = None,
        title: str | None = None,
        use: str = "",
        probe: bool = True,
    ) -> Path:
        """Write one self-contained page about the model, for who decides and for who checks.

        It shows the validation set: the headline with its interval beside simpler ways to answer, where the model
        goes wrong, whether its confidence can be trusted, how it was trained and why so, and whether the test set is
        still sealed. The page holds small copies of some validation pictures (about 1 MB in all), and loads nothing.

        Args:
            path: Where the page is written; a file that stands there is replaced.
            audit: What `drivetrain.audit` found in the data, to be shown as well.
            title: What the model is called; None takes the data's name.
            use: What the model is meant for, in your words.
            probe: Also show what a linear model on a pretrained body reaches, see `baselines`.

        Raises:
            DataError: There is no validation set.
            SettingError: A page cannot be written to `path`.

        Example:
            ::

                learn.report("report.html")
        """
        path, audit, probe = place("path", path), asked_audit(audit), flag("probe", probe)
        title, use = None if title is None else text("title", title), text("use", use, empty=True)
        file_to_write(path, "path", over=PAGES)
        parts = report_parts(
            self, audit=audit, title=title, use=use, probe=probe, understanding=True
        )  # takes part in all processes
        return write_page(path, parts) if self.main else Path(path)

    @named
    def look_inside(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        layers: Sequence[str] | str | None = None,
        features: int = 9,
        also: Sequence[str] | str = (),
        explain: int = 3,
        against: ModelBase | str | os.PathLike[str] | None = None,
        rows: int | None = None,
        quick: bool = False,
        seed: int = 0,
    ) -> Inspection:
        """What the layers of the network have learnt, layer by layer, seen on the validation rows.

        For each layer nine features, each with the patches that excite it most, their projection back to pixels, what
        it stands for in your labels, and what silencing it costs; where in the network the task is solved; why some
        answers were given, and which explanations pass their tests. The sealed test rows are never read.

        Args:
            path: Where the page is written (.html), or a chart for a paper (.png, .pdf, .svg); None writes nothing.
            layers: Names of the layers that are shown; None chooses five to seven.
            features: Shown of each layer: most selective, most used, drawn by chance, in turn.
            also: Features to show in any case, such as "layer3:17".
            explain: Answers that are explained.
            against: The page of before and after: "pretrained" for the body before it was trained here, another
                Learner, or the folder of a saved model.
            rows: Validation rows that are looked at, drawn class by class in proportion; None takes at most 2,500.
            quick: Leave out what takes longest: silencing, linear models, explained answers and their checks.
            seed: Of what is drawn by chance.

        Returns:
            What was found: `save` writes page or chart, `chart(layer)` draws one, `feature(layer, channel)` looks any
            feature up.

        Raises:
            DataError: There is no validation set.
            ModelError: This is no network, or one whose layers cannot be looked into.
            SettingError: An argument cannot be used.

        Example:
            ::

                learn.look_inside("inside.html")
        """
        from drivetrain.learner.inside import asked_wanted, look_inside  # noqa: PLC0415 - brings all of insight

        wanted = asked_wanted(
            layers=layers, features=features, also=also, explain=explain, rows=rows, quick=quick, seed=seed
        )
        return look_inside(self, path, wanted, against=against)

    @named
    def show_results(self, n: int = 9, *, seed: int = 0) -> Chart:
        """Validation pictures with what the model says of them and what is true."""
        n, seed = whole("n", n, least=1), whole("seed", seed, least=0)
        return figures.show_results(self.predictions(), self.show_row, n, seed)

    @named
    def plot_top_losses(self, n: int = 9) -> Chart:
        """The validation pictures that the model is most wrong about."""
        n, said = whole("n", n, least=1), self.predictions()
        known = said if said.loss is not None else replace(said, loss=row_losses(said))
        return figures.top_losses(known, self.show_row, n)

    @named
    def plot_confusion(self, *, most: int = 20) -> Chart:
        """Which categories are taken for which, on the validation set."""
        return figures.confusion(self.predictions(), whole("most", most, least=2))

    @named
    def plot_losses(self) -> Chart:
        """Training and validation loss, epoch by epoch."""
        return figures.losses(self.history)

    @named
    def review(self, *, out_of_fold: Predictions | None = None) -> ReviewRows:
        """What a person should look at in the data: labels that are probably wrong, copies, the highest losses.

        `drivetrain review MODEL` shows the same of a saved model as a page on which to decide.

        Args:
            out_of_fold: Predictions for the training rows by models that have not learnt from them; None takes a
                linear probe, fold by fold.
        """
        if out_of_fold is not None:
            instance("out_of_fold", out_of_fold, Predictions, "predictions of the training rows")
        return review_rows(self, f"{self.label} on {self.data.source}", out_of_fold=out_of_fold)

    @named
    def predictor(self, *, top_k: int = 5) -> Predictor:
        """The model without the training data, as `load` gives it once it is saved, but not calibrated.

        Args:
            top_k: How many categories `Prediction.top` lists, at most.

        Raises:
            ArtefactError: Its class says neither how an input is read nor what it says of one, see `save`.
        """
        return predictor_of(self, top_k=whole("top_k", top_k, least=1))

    @named
    def predict(self, source: Any) -> Any:
        """Answer for one input, or for each of a list; see `Predictor.predict`."""
        return self.predictor().predict(source)

    @named
    def predict_many(self, sources: Any, *, batch_size: int = 32) -> Iterator[Prediction]:
        """Answers for many inputs; see `Predictor.predict_many`."""
        return self.predictor().predict_many(sources, batch_size=batch_size)

    @named
    def save(self, path: str | os.PathLike[str], *, golden: int = 4) -> Path:
        """Write the artefact: a folder with the model as ONNX, description and scores, no code.

        A class can be saved that has `spec` (an `InputSpec`: how an input is read), `outputs(views)` (raw outputs of a
        batch of what the spec views) and `as_onnx()` (the same as an ONNX graph, its bytes), as `drivetrain.Trees` and
        `drivetrain.Linear` have. The graph is compared with the model on at least 64 rows (validation first) and on
        noise; where it says something else, nothing is written.

        Args:
            path: The folder, such as ``income.model``; an artefact that stands there is replaced in one step.
            golden: Validation rows that travel with the model, so that a server can prove itself; 0 takes made-up ones
                instead: choose it where nobody may see your rows.

        Raises:
            ArtefactError: The model cannot be saved, or the place cannot be written to.
            ExportError: The graph does not say what the model says.
        """
        return save_direct(self, place("path", path), golden=whole("golden", golden, least=0, most=64))

    def untrained_features(self, rows: Examples) -> tuple[Array, str]:
        """(N, F) features of a body that has not learnt from these rows, and which body that is; raises ModelError."""
        return self._baselines.features(rows)

    def show_row(self, row: int, alt: str = "", *, side_px: int | None = None) -> Html | None:
        """What pages show of a validation row; None where it cannot be read any more."""
        sized: dict[str, Any] = {} if side_px is None else {"side_px": side_px}
        return shown_source(self.data.kind, self.data.valid.inputs[row], alt=alt, **sized, **self.data.options)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _said(self, rows: Examples) -> Predictions:
        """`predict_rows`, checked: scores of other rows would be believed."""
        found = instance(
            "predict_rows()", self.predict_rows(rows), Predictions, "a table of predictions",
            fix="To fix: return dt.Predictions.of(rows, self.data.target, output).",
        )  # fmt: skip
        if found.ids != tuple(rows.digests) or found.truth is None or found.target != self.data.target:
            refuse(
                "predict_rows()",
                found,
                f"what the model says of the {len(rows)} rows it was given, in their order, with their truth",
                fix="To fix: return dt.Predictions.of(rows, self.data.target, output).",
            )
        return found

    def _put_on_record(self, predictions: Predictions) -> None:
        """Put a model on record as a run, once, when its validation rows are judged."""
        if self.main and not is_on_record(self, predictions):
            put_on_record(self, predictions, self.history)


ModelBase.__module__ = "drivetrain"  # where people find it, so that messages and help say so
