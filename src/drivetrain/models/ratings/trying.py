"""A setting chosen on a part of the training rows: some users' rows are hidden, and found again or not.

Legend: U users, I items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.ranking import rank
from drivetrain.kinds.ratings.sparse import shape_of
from drivetrain.text import counted

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

HIDDEN, USERS = 0.2, 2000
"""Share of the rows of a user that is hidden, and of so many users at most."""


def best_strength(
    seen: csr_matrix,
    weights: Callable[[csr_matrix, float], NDArray[np.float32]],
    strengths: Sequence[float],
    *,
    usual: float,
    seed: int,
) -> tuple[float, str]:
    """The strength whose weights between items find hidden rows best, by NDCG@10, and why.

    Args:
        seen: (U, I) what each user has had in training.
        weights: Strength → (I, I).
        strengths: That are tried.
        usual: What is taken where nothing can be hidden.
        seed: Of the rows that are hidden.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    rng = np.random.default_rng(seed)
    counts = np.diff(seen.indptr)
    users = np.flatnonzero(counts >= 1 / HIDDEN)
    if len(users) < 2:
        return usual, "the usual one: no user has enough rows to try others"
    users = np.sort(rng.choice(users, min(len(users), USERS), replace=False))
    owner = np.repeat(np.arange(shape_of(seen)[0]), counts)
    hidden = np.isin(owner, users) & (rng.random(seen.nnz) < HIDDEN)
    parts: list[Any] = [
        csr_matrix((seen.data[which], (owner[which], seen.indices[which])), seen.shape) for which in (~hidden, hidden)
    ]
    shown, held_out = parts
    if not held_out[users].nnz:
        return usual, "the usual one: no user has enough rows to try others"
    found: dict[float, float] = {}
    for strength in strengths:
        made = weights(shown, strength)
        ranking = rank(
            lambda codes, made=made: np.asarray(shown[codes].astype(bool).astype(np.float32) @ made),
            held_out[users],
            shown,
            codes=users,
            ids=[str(one) for one in users.tolist()],
        )
        found[strength] = float(ranking.values[:, 0].mean())
    best = max(found, key=lambda one: found[one])
    told = ", ".join(f"{one:g}: {value:.3f}" for one, value in found.items())
    return best, f"NDCG@10 on a fifth of the rows of {counted(len(users), 'user')} that was hidden: {told}"
