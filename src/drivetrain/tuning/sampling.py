"""Who proposes settings: Optuna's samplers, seeded trial by trial."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, BruteForceSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse


class ByNumber(BaseSampler):
    """A sampler made anew for each trial, with a seed of its own.

    One seed for a whole study would make every worker, and every command that goes on with it, propose the same
    settings again; so the seed of a trial follows from the study's and the trial's number.

    Args:
        make: Gives the sampler of a seed.
        seed: Of the study.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._of: tuple[int, BaseSampler] | None = None

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        if self._of is None or self._of[0] != trial.number:
            digest = hashlib.sha256(f"{self._seed}/{trial.number}".encode()).digest()
            self._of = trial.number, self._make(int.from_bytes(digest[:4], "big"))
        return self._of[1]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler of this trial."""
        return self._sampler(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler of this trial."""
        return self._sampler(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the sampler of this trial."""
        return self._sampler(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """As the sampler of this trial."""
        self._sampler(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As the sampler of this trial."""
        self._sampler(trial).after_trial(study, trial, state, values)


def asked_sampler(sampler: Any, n: float, trials: int | None, seed: int) -> tuple[BaseSampler, Decision]:
    """Who proposes settings, and why.

    Args:
        sampler: None, "tpe", "random", or a sampler of Optuna's.
        n: Combinations there are.
        trials: That were asked for; None: as many as there is time for.
        seed: Of all draws.

    Raises:
        SettingError: It is none of these.
    """
    if isinstance(sampler, BaseSampler):
        return sampler, Decision(value=type(sampler).__name__, reason="as asked")
    words = ("tpe", "random")
    if sampler is not None and sampler not in words:
        refuse("sampler", sampler, "'tpe', 'random', None, or a sampler of Optuna's")
    if sampler == "random":
        return ByNumber(lambda of_one: RandomSampler(seed=of_one), seed), Decision(value="random", reason="as asked")
    if sampler is None and (trials is None or n <= trials) and n <= 10_000:
        reason = f"there are {n:,.0f} combinations: each is tried once"
        return ByNumber(lambda of_one: BruteForceSampler(seed=of_one), seed), Decision(value="all", reason=reason)
    reason = "as asked" if sampler else "what did well is searched around, after ten trials by chance"
    return ByNumber(lambda of_one: TPESampler(seed=of_one), seed), Decision(value="tpe", reason=reason)
