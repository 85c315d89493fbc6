"""What `drivetrain.uplift` gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.models.columns import check_columns
from drivetrain.decisions.models.table import frame_of
from drivetrain.decisions.uplift.learners import Models
from drivetrain.decisions.uplift.picking import Picked, pick
from drivetrain.decisions.uplift.ranking import Measured, Ranking
from drivetrain.decisions.uplift.saying import Found, amount, found_of, verdict_of
from drivetrain.decisions.uplift.trial import Trial
from drivetrain.decisions.worth import Worth
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import number, place, whole

if TYPE_CHECKING:
    from drivetrain.pages.chart import Chart

Array = NDArray[np.float64]
TENTHS = 10


@dataclass(frozen=True, repr=False)
class Uplift:
    """Who is moved by the treatment, how well that is told, and what does as well.

    Every number is about rows whose order was made by models that had not seen them (cross-fitted).
    """

    trial: Trial
    learner: str
    ours: Ranking
    baselines: Mapping[str, Ranking]
    """"response model" (by the probability, or amount, predicted with treatment), "one column" (the best rule of one
    column), "random order": each with `qini`, `auuc` and `uplift_at`."""
    with_treatment: Array
    """(n,) outcome predicted with treatment, for the rows of the trial."""
    without: Array
    """(n,) without."""
    models: tuple[Models, ...]
    """One set for each fold."""
    decisions: Mapping[str, Decision]

    @property
    def measured(self) -> Measured:
        """What orders are judged on."""
        return self.ours.measured

    @property
    def effect(self) -> Worth:
        """What treating everybody does, per row."""
        return self.measured.average

    @property
    def qini(self) -> Worth:
        """How much more ranking by uplift gains than random order, per row, averaged over all shares treated."""
        return self.ours.qini

    @property
    def auuc(self) -> Worth:
        """The gain per row, averaged over all shares treated."""
        return self.ours.auuc

    def uplift_at(self, share: float = 0.3) -> Worth:
        """Mean effect in the best share of rows; .3 is the best 30 %."""
        return self.ours.uplift_at(share)

    @property
    def better(self) -> dict[str, Worth]:
        """Name of a baseline, but for random order (that is `qini`) → our Qini less its, on the same rows."""
        return {n: self.ours.better_than(other) for n, other in self.baselines.items() if n != "random order"}

    @property
    def found(self) -> Found:
        """In a word: see `drivetrain.decisions.uplift.saying.Found`."""
        return found_of(self.qini, self.better)

    @property
    def verdict(self) -> str:
        """In two or three sentences, also where uplift does not pay."""
        trial = self.trial
        return verdict_of(self.ours, self.baselines, self.better, trial.outcome, is_yes_no=trial.is_yes_no)

    @property
    def tenth(self) -> NDArray[np.int64]:
        """(n,) 1 for the best tenth of rows by uplift, … 10 for the last."""
        return np.minimum(np.floor(self.ours.place * TENTHS), TENTHS - 1).astype(np.int64) + 1

    @property
    def tenths(self) -> pd.DataFrame:
        """For each tenth of rows: the effect predicted, and the effect measured with its interval.

        Source: Chernozhukov, Demirer, Duflo & Fernández-Val (2018), sorted group average treatment effects.
        """
        effect, tenth = self.measured.effect, self.tenth
        found: list[dict[str, float]] = []
        for each in np.unique(tenth):
            inside = (tenth == each).astype(np.float64)
            value = float(effect[tenth == each].mean())
            worth = self.measured.worth(value + inside * (effect - value) / inside.mean(), "mean of a tenth")
            ends = {"low": _or_nan(worth.low), "high": _or_nan(worth.high)}
            predicted = float(self.ours.score[tenth == each].mean())
            found.append({"tenth": each, "predicted": predicted, "measured": value, **ends, "rows": inside.sum()})
        return pd.DataFrame(found).astype({"tenth": int, "rows": int}).set_index("tenth")

    @property
    def rank(self) -> pd.DataFrame:
        """The rows, who is moved most first; indexed as the table.

        Columns: `uplift` (predicted), `with_treatment` and `without` (outcome predicted), `tenth`, and of that tenth
        `measured`, `low` and `high`: the effect of rows that are ranked like this one, with its interval. Rows are
        ranked among those of their fold, which one model has scored.
        """
        tenths = self.tenths
        table = pd.DataFrame(
            {
                "uplift": self.ours.score,
                "with_treatment": self.with_treatment,
                "without": self.without,
                "tenth": self.tenth,
            },
            index=self.trial.frame.index,
        )
        for name in ("measured", "low", "high"):
            table[name] = tenths[name].reindex(self.tenth).to_numpy()
        return table.iloc[np.lexsort((-self.ours.score, self.ours.place))]

    @named
    def predict(self, rows: Any) -> pd.DataFrame:
        """`uplift`, `with_treatment` and `without` of other rows: means over the folds' models.

        Raises:
            DataError: A column that was learned from is missing.
        """
        frame = frame_of(rows, "rows")
        check_columns(frame, self.trial.features, "the learner")
        each = [(m.effect(frame), m.with_it(frame), m.without(frame)) for m in self.models]
        means = np.mean(np.array(each), axis=0)
        return pd.DataFrame(dict(zip(("uplift", "with_treatment", "without"), means, strict=True)), index=frame.index)

    @named
    def recommend(self, n: int = 1, by: str | None = None) -> Picked:
        """The best n rows of each group, such as items for each customer: by uplift, and by the baselines.

        Args:
            n: How many of each.
            by: Column whose equal values are one group; None: the `group` of the trial.

        Raises:
            DataError: No group has as many rows.
            SettingError: There is no such column.
        """
        return pick(
            self.trial,
            {"uplift": self.ours, **self.baselines},
            with_treatment=self.with_treatment,
            without=self.without,
            n=whole("n", n, least=1),
            by=by,
        )

    @named
    def policy(self, worth: float = 1.0, cost: float = 0.0) -> Worth:
        """What it is worth per row to treat those whose predicted effect is worth more than the treatment costs.

        Args:
            worth: Of one unit of the outcome.
            cost: Of treating a row, in the same money.
        """
        worth, cost = number("worth", worth), number("cost", cost)
        chosen = self.ours.score * worth > cost
        method = f"doubly robust; {chosen.mean():.0%} of rows treated"
        return self.measured.worth(chosen * (self.measured.effect * worth - cost), method)

    def chart(self) -> Chart:
        """What treating the best share of rows gains, by uplift and by the baselines."""
        from drivetrain.decisions.uplift.figures import gains  # noqa: PLC0415 - it reads this class
        from drivetrain.pages.chart import Chart  # noqa: PLC0415

        return Chart(gains(self))

    @named
    def report(self, path: Any) -> Path:
        """Write the page.

        Args:
            path: Of the HTML file; an older page is replaced.

        Raises:
            SettingError: It cannot be written there.
        """
        from drivetrain.decisions.uplift.page import page  # noqa: PLC0415 - it reads this class
        from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

        target = file_to_write(Path(place("path", path)), "path", over=PAGES)
        target.write_text(page(self), encoding="utf-8", errors="replace")
        return target

    def summary(self) -> str:
        """The verdict, and the numbers behind it."""
        trial = self.trial
        rows = [("uplift", self.ours), *self.baselines.items()]
        names = max(len(name) for name, _ in rows)
        lines = [self.verdict, ""]
        for name, ranking in rows:
            qini, top = (amount(w, is_yes_no=trial.is_yes_no) for w in (ranking.qini, ranking.uplift_at(0.3)))
            lines.append(f"{name:<{names}}  Qini {qini}   best 30 % {top}")
        lines.append("")
        lines += [f"{name}: {decision}" for name, decision in self.decisions.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Uplift({self.found}: Qini {self.qini}; best 30 % {self.uplift_at(0.3)})"

    def as_json(self) -> dict[str, Any]:
        """Numbers and words, as plain data."""
        every: Sequence[tuple[str, Ranking]] = [("uplift", self.ours), *self.baselines.items()]
        return {
            "verdict": self.verdict,
            "found": self.found,
            "learner": self.learner,
            "rows": len(self.trial),
            "groups": self.trial.n_groups if self.trial.group_column else None,
            "effect": self.effect.as_json(),
            "orders": {
                name: {
                    "said": ranking.said,
                    "qini": ranking.qini.as_json(),
                    "auuc": ranking.auuc.as_json(),
                    "uplift_at": {f"{share:g}": ranking.uplift_at(share).as_json() for share in (0.1, 0.2, 0.3, 0.5)},
                }
                for name, ranking in every
            },
            "better": {name: worth.as_json() for name, worth in self.better.items()},
            "tenths": self.tenths.reset_index().to_dict("list"),
            "decisions": {name: decision.model_dump() for name, decision in self.decisions.items()},
        }


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
