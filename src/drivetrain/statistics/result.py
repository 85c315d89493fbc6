"""What `slope_report` gives back: every number, as attributes and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.runtime.decisions import Decision
from drivetrain.settings import place
from drivetrain.statistics.fitting.bootstrap import Wild
from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.rows import Rows
from drivetrain.statistics.models import ModelSlope
from drivetrain.statistics.questions.beliefs import Beliefs
from drivetrain.statistics.questions.chance import Chance
from drivetrain.statistics.questions.choices import Choices
from drivetrain.statistics.questions.decompose import Decomposition
from drivetrain.statistics.questions.influence import Influence
from drivetrain.statistics.questions.power import Power
from drivetrain.statistics.questions.sensitivity import Sensitivity
from drivetrain.statistics.questions.shape import Shape
from drivetrain.statistics.questions.verdict import Claim, Equivalence, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Side:
    """One regression under every error: that of one variable, or of several."""

    classical: Estimate
    """Ordinary least squares, rows equally noisy: what a paper that says no more prints."""
    robust: Estimate
    """HC3."""
    clustered: Estimate | None
    """CR1: clusters, the usual formula."""
    reduced: Estimate | None
    """CR2: clusters, with the degrees of freedom that they leave; None where the slope rests on one cluster alone."""
    wild_p: float | None
    """Of the wild cluster bootstrap."""
    r2: float
    """Of a linear regression; NaN of others."""

    @property
    def estimate(self) -> float:
        """The slope."""
        return self.classical.value

    @property
    def low(self) -> float:
        """Of the classical interval."""
        return self.classical.low

    @property
    def high(self) -> float:
        """Of the classical interval."""
        return self.classical.high

    @property
    def p(self) -> float:
        """Of the classical test."""
        return self.classical.p

    def as_json(self) -> dict[str, Any]:
        """The classical four, and each other error's."""
        clustered = None
        if self.clustered is not None:
            reduced = None if self.reduced is None else self.reduced.as_json()
            clustered = {**self.clustered.as_json(), "cr2": reduced, "wild_p": self.wild_p}
        return {**self.classical.as_json(), "r2": self.r2, "robust": self.robust.as_json(), "clustered": clustered}


@dataclass(frozen=True)
class Span:
    """What the slope means between the 10th and the 90th percentile of the variable."""

    low: float
    """10th percentile, in the column's own units."""
    high: float
    value: float
    """Difference of the outcome; of a logarithm, the factor; of yes and no, the difference of the chance."""
    value_low: float
    value_high: float
    kind: str
    """"difference", "factor" or "chance"."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class SlopeReport:
    """A slope and the questions around it.

    `print(report)` says the answer, `report.as_json()` has every number, `report.save("slope.html")` writes the page.
    """

    main: Estimate
    """The slope with the chosen error: with all controls, clustered where there are clusters."""
    univariate: Side
    multivariate: Side | None
    """None where nothing is held fixed."""
    claim: Claim | None
    equivalence: Equivalence | None
    verdict: Verdict
    margin: float | None
    """The smallest effect of interest."""
    margin_is_claim: bool
    """Nobody said how small an effect matters: the claim stands for it."""
    span: Span
    sentence: str
    """The answer, in one."""
    power: Power
    wild: Wild | None
    chance: Chance | None
    decomposition: Decomposition | None
    sensitivity: Sensitivity | None
    shape: Shape | None
    influence: Influence
    vif: float
    """How much the controls inflate the variance of the slope; 1: not at all."""
    choices: Choices | None
    beliefs: Beliefs
    decisions: Mapping[str, Decision]
    n: int
    n_read: int
    left_out: Mapping[str, int]
    n_clusters: int
    largest_cluster: tuple[str, int] | None
    note: str
    """What the data are and are not, in the words of who made the report."""
    level: float
    seed: int
    simulations: int
    rows: Rows = field(repr=False)
    model: ModelSlope | None = None
    """What a model makes of the variable, beside the regression."""
    imputed: int = 0
    """Tables that were completed; 0: none."""
    own_part: NDArray[np.float64] | None = field(default=None, repr=False)
    """(n,) the variable, less what the controls say of it."""
    left_part: NDArray[np.float64] | None = field(default=None, repr=False)
    """(n,) the outcome, likewise."""

    @property
    def estimate(self) -> float:
        """The slope."""
        return self.main.value

    @property
    def low(self) -> float:
        """Lower end of its interval."""
        return self.main.low

    @property
    def high(self) -> float:
        """Upper end of its interval."""
        return self.main.high

    @property
    def p(self) -> float:
        """Of no relationship, two-sided."""
        return self.main.p

    @property
    def smallest_detectable(self) -> float:
        """Slope that data like these find four times in five."""
        return self.power.smallest_detectable

    @property
    def n_needed(self) -> int | None:
        """Rows for 80 % power for the claim, or else the smallest effect of interest; None without either."""
        return self.power.n_needed

    @property
    def robustness_value(self) -> float | None:
        """How much of both something unseen must explain to bring the slope to zero; None unless linear."""
        return None if self.sensitivity is None else self.sensitivity.robustness_value

    @property
    def methods(self) -> str:
        """A text for the methods section of a paper."""
        from drivetrain.statistics.methods import methods_text  # noqa: PLC0415 - it reads this class

        return methods_text(self)

    def __str__(self) -> str:
        from drivetrain.statistics.summary import summary  # noqa: PLC0415 - it reads this class

        return summary(self)

    def as_json(self) -> dict[str, Any]:
        """Every number, plain; NaN where there is none."""

        def made(part: Any) -> Any:
            return None if part is None else part.as_json()

        return {
            "n": self.n,
            **self.main.as_json(),
            "sentence": self.sentence,
            "verdict": self.verdict,
            "univariate": self.univariate.as_json(),
            "multivariate": made(self.multivariate),
            "claim": made(self.claim),
            "smallest_effect_of_interest": self.margin,
            "equivalence": made(self.equivalence),
            "smallest_detectable": self.smallest_detectable,
            "n_needed": self.n_needed,
            "robustness_value": self.robustness_value,
            "span": self.span.as_json(),
            "outcome": str(self.rows.outcome),
            "of": str(self.rows.of),
            "controls": self.rows.control_names,
            "cluster": self.rows.cluster_column or None,
            "within": self.rows.within_column or None,
            "weights": self.rows.weights_column or None,
            "family": self.rows.family,
            "n_read": self.n_read,
            "left_out": dict(self.left_out),
            "imputed": self.imputed,
            "n_clusters": self.n_clusters or None,
            "chance": made(self.chance),
            "wild": made(self.wild),
            "power": self.power.as_json(),
            "decomposition": made(self.decomposition),
            "vif": self.vif,
            "sensitivity": made(self.sensitivity),
            "shape": made(self.shape),
            "influence": self.influence.as_json(),
            "choices": made(self.choices),
            "model": made(self.model),
            "beliefs": self.beliefs.as_json(),
            "decisions": {name: decision.model_dump() for name, decision in self.decisions.items()},
            "methods": self.methods,
            "note": self.note,
            "seed": self.seed,
            "simulations": self.simulations,
        }

    def html(self) -> str:
        """The page."""
        from drivetrain.statistics.page.document import page  # noqa: PLC0415 - it reads this class

        return page(self)

    def save(self, path: Any) -> Path:
        """Write the page.

        Args:
            path: Of the HTML file; an older one is replaced.

        Raises:
            SettingError: It is no path.
        """
        from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

        target = Path(place("path", path))
        file_to_write(target, "path", over=PAGES)
        target.write_text(self.html(), encoding="utf-8", errors="replace")
        return target
