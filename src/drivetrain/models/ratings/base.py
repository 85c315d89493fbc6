"""What all models of ratings share: who rated what, scores of all items, ratings of pairs, and how they are judged.

Legend: N rows, U users, I items, k what is asked for. A user's code is 0 where the user is not known, else from 1; an
item's code likewise, and the scores of all items stand in the order of the codes from 1: that of code c is at c - 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.ranking import Beyond, K, Ranking
from drivetrain.evaluation.scores import Scores
from drivetrain.kinds.ratings.describing import Rows, described, rows_of, side_tables
from drivetrain.kinds.ratings.judging import beyond_of, further_scores, predictions_of, ranking_of
from drivetrain.kinds.ratings.keeping import check_kept, saved_files
from drivetrain.kinds.ratings.rankers import Codes, Floats, Ranker
from drivetrain.kinds.ratings.recommending.making import recommender_of
from drivetrain.kinds.ratings.recommending.recommends import Recommends
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.learner.arguments import asked_data
from drivetrain.learner.base import MetricLike, ModelBase
from drivetrain.models.identity import identity_of
from drivetrain.models.ratings.onnx_graph import as_onnx
from drivetrain.progress import say
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import NumberTarget
from drivetrain.settings import number, whole

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from drivetrain.kinds.ratings.recommending.recommender import Recommender

ItemScores = NDArray[np.float32]
ROWS_AT_ONCE = 1_000_000


class RatingModel(Recommends, ModelBase):
    """A model of who likes which item.

    A class fits itself when it is made, and says what it answers with (`ranker`).
    """

    spec: Spec
    rows: Rows
    """The training rows."""

    def __init__(self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None) -> None:
        data = asked_data(data)
        asked = metrics is not None or kind_name(data.kind) != "ratings" or "scale" in data.options
        super().__init__(data, metrics=metrics if asked else ["mean_rank"])
        if kind_name(self.data.kind) != "ratings":
            raise DataError(
                f"{type(self).__name__} reads ratings, and these are {self.data.kind}. To fix: make the data with "
                "dt.ratings(...)."
            )
        self.spec = described(self.data)
        self.users, self.items = side_tables(self.data)
        self.rows = rows_of(self.spec, self.data.train)
        self._more: tuple[Scores, Scores] | None = None

    users: SideTable
    """What is known of users."""
    items: SideTable
    """What is known of items."""

    @property
    @abstractmethod
    def ranker(self) -> Ranker:
        """What it answers with, once it is fitted."""

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def scores(self, user_codes: Codes, /) -> ItemScores:
        """(U, I) float32: how much each user is expected to like each item, the higher the more; of all items.

        Items that the user has had are scored as well; `seen` says which they are. Code 0 is a user who is not known.
        """
        return self.ranker.scores(user_codes)

    def fold_in(self, item_codes: Codes, ratings: Floats | None = None, /) -> ItemScores:
        """(I,) the scores for a new user who has rated these items (codes from 1), without training anew.

        Without ratings they count as liked; models of events ask for none.
        """
        return self.ranker.fold_in(item_codes, ratings)

    def item_vectors(self) -> NDArray[np.float32] | None:
        """(I, F) a vector of each item, near each other where the same users like both; None where there is none."""
        return self.ranker.item_vectors()

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All that was learnt, by name: what tells one model from another, and is saved."""
        return self.ranker.arrays

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────────────

    def _recommender(self) -> Recommender:
        """What recommends, made once."""
        return self._recommends

    @cached_property
    def _recommends(self) -> Recommender:
        return recommender_of(self.spec, self.ranker, self.items, self.data.options.get("rating"))

    @property
    def is_events(self) -> bool:
        """Whether the rows are events, which have no rating."""
        return self.spec.is_events

    @cached_property
    def seen(self) -> csr_matrix:
        """(U + 1, I) what each user has rated in training, by code: row 0 is empty; entries are ratings (events: 1)."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

        rows = self.rows
        shape = (len(self.spec.users) + 1, len(self.spec.items))
        values = rows.values.astype(np.float32)
        found = csr_matrix((values, (rows.users, rows.items - 1)), shape)
        found.sort_indices()
        return found

    def rate(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) the rating of each pair, within the scale; of events the share of items that score less for the user.

        Codes may be 0.
        """
        if self.spec.low is None:
            return self.ranker.places(user_codes, item_codes)
        return np.clip(self.ranker.rates(user_codes, item_codes), self.spec.low, self.spec.high)

    def outputs(self, views: Arrays) -> NDArray[np.float32]:
        """(N, 1) raw outputs, which the target activates, of codes as `Spec.view_many` gives them."""
        target = self._target
        return ((self.rate(*views) - target.mean[0]) / target.std[0])[:, None].astype(np.float32)

    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: two codes → raw outputs."""
        return as_onnx(self.ranker, self.spec, self._target)

    def artefact_files(self) -> Mapping[str, bytes]:
        """What it answers with beside the graph, so that a saved model recommends: see `open_ratings`."""
        files = saved_files(self.ranker, self.users, self.items)
        check_kept(files, self.ranker, self.spec)
        return files

    @property
    def _target(self) -> NumberTarget:
        target = self.data.target
        assert isinstance(target, NumberTarget)
        return target

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known; rows of one user belong together."""
        found = rows_of(self.spec, rows)
        parts = [slice(start, start + ROWS_AT_ONCE) for start in range(0, len(rows), ROWS_AT_ONCE)]
        said = [self.outputs((found.users[part], found.items[part])) for part in parts]
        outputs = np.concatenate(said) if said else np.zeros((0, 1), np.float32)
        return predictions_of(self.spec, rows, self._target, outputs)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────

    @named
    def ranking(self, *, k: int = K, liked: float | None = None, seed: int = 0) -> Ranking:
        """How well the items that users had in the validation rows are ranked among all items.

        Args:
            k: Places of the list.
            liked: The least rating that counts as a hit; None: every held-out item is one.
            seed: Of the users who are judged, where there are more than 10,000.

        Raises:
            DataError: No user has a hit.
        """
        k, seed = whole("k", k, least=1), whole("seed", seed, least=0)
        liked = None if liked is None else number("liked", liked)
        return ranking_of(self.spec, self.ranker, self.data.valid, k=k, liked=liked, seed=seed)

    def beyond(self, ranking: Ranking) -> Beyond:
        """Coverage, novelty, diversity, popularity and calibration of tastes of what a ranking recommends."""
        return beyond_of(self.spec, self.ranker, ranking, self.items)

    def validate(self) -> Scores:
        """Each metric on the validation set with its interval; the ranking of all items; strangers by themselves."""
        found = super().validate()
        if self._more is None or self._more[0] is not found:
            more = further_scores(self.spec, self.ranker, self.data.valid, self.predictions(), self.metrics)
            self._more = (found, replace(found, scores={**found.scores, **more}))
        return self._more[1]

    def scores_of(self, found: Predictions) -> Scores:
        """The scores of predictions of the validation set; of events no constant answer stands beside them."""
        return replace(super().scores_of(found), baselines={}) if self.is_events else super().scores_of(found)

    def test(self) -> Scores:
        """Open the sealed test set; see `ModelBase.test`. The ranking of all items is judged with it."""
        found = super().test()
        rows = self.data.sealed_test.open()
        before = Examples.concat([self.data.valid]) if len(self.data.valid) else None
        more = further_scores(self.spec, self.ranker, rows, self._said(rows), self.metrics, before=before)
        say("\n".join(str(score) for score in more.values()))
        return replace(found, scores={**found.scores, **more})

    # ── what tells it from others ───────────────────────────────────────────────────────────────────────────────

    def parts(self) -> Iterator[NDArray[Any]]:
        """What tells one model from another."""
        yield from self.arrays().values()

    def identity(self) -> str:
        """SHA-256 of all that it has learnt, and of how rows are read."""
        return self._identity

    @cached_property
    def _identity(self) -> str:
        """Found once: a model is fitted when it is made, and does not change."""
        return identity_of(self.spec, self.parts(), kind=type(self).__name__)
