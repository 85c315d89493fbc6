"""Biased factors by variational Bayes: what each user and item is like, with how sure that is; no setting to tune.

rating = mean + user's bias + item's bias + user's factors · item's factors + noise, all of them normal. Each factor and
bias is drawn towards 0, or towards what features of the user or item say, by as much as its own spread in the data
says; spreads and noise are estimated as well. That a factor is uncertain counts in all others, which is what keeps
somebody with two ratings from being believed too much.

Source: Lim & Teh (2007), Variational Bayesian Approach to Movie Rating Prediction, with biases, and with means of the
factors from features as in Agarwal & Chen (2009), Regression-based Latent Factor Models.

Legend: N rows, U users and I items with code 0, K factors, G features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.models.ratings.biases import fit_biases

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Factors = NDArray[np.float32]
AnyFloats = NDArray[np.floating[Any]]
Codes = NDArray[np.int64]
AT_ONCE = 20_000
"""Users or items whose equations are solved together."""
ROWS_AT_ONCE = 1 << 20
START, WIDE, UNSURE = 0.1, 1.0, 0.01
"""At the start: deviation of factors that have no singular vector, and variances around what is expected and around
themselves."""
FREE = 1
"""Sweeps before spreads are estimated."""
SMALL = 400
"""Of a table this large singular vectors are found by the dense algorithm."""
LEAST = 1e-9
"""Variances are not below."""


@dataclass
class Side:
    """The users, or the items: factors with their covariances, biases with their variances, and where they start."""

    factors: Factors
    """(U, K)"""
    sure: Factors
    """(U, K, K) covariances."""
    bias: Floats
    bias_sure: Floats
    """(U,) variances."""
    spread: Floats
    """(K,) of the factors around what is expected."""
    bias_spread: float
    features: csr_matrix | None = None
    """(U, G)"""
    expected: Factors | None = None
    """(U, K) what features say of the factors; None: 0."""
    bias_expected: Floats | None = None


@dataclass
class Fitted:
    """All that was learnt."""

    mean: float
    noise: float
    """Variance of what is left."""
    users: Side
    items: Side
    sweeps: int


def fit(
    users: Codes,
    items: Codes,
    values: Floats,
    n_users: int,
    n_items: int,
    *,
    weights: Floats,
    factors: int,
    sweeps: int,
    seed: int,
    user_features: csr_matrix | None = None,
    item_features: csr_matrix | None = None,
    over: Callable[[], bool] = lambda: False,
    each: Callable[[Fitted], bool] = lambda _: False,
) -> Fitted:
    """The factors of all users and items.

    Args:
        users: (N,) codes.
        items: (N,) codes; each pair comes once.
        values: (N,) ratings.
        n_users: U.
        n_items: I.
        weights: (N,) how much each row counts: the noise of a row is the noise over its weight.
        factors: K.
        sweeps: At most so many times all users and items are solved.
        seed: Of the start.
        user_features: (U, G) what is known of users.
        item_features: (I, G) likewise.
        over: Whether time is over; asked after each sweep.
        each: What looks at the state after each sweep; whether that is enough.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    rng = np.random.default_rng(seed)
    order = np.argsort(users * n_items + items, kind="stable")
    users, items = users[order], items[order]
    rated: AnyFloats = values[order].astype(np.float32)
    counted: AnyFloats = weights[order].astype(np.float32)
    by_user = csr_matrix((counted, items.astype(np.int32), _starts(users, n_users)), (n_users, n_items))
    turn = np.argsort(items, kind="stable")
    by_item = csr_matrix(
        (counted[turn], users[turn].astype(np.int32), _starts(items[turn], n_items)), (n_items, n_users)
    )
    mean = float(np.average(rated, weights=counted))
    noise = max(float(np.average((rated - mean) ** 2, weights=counted)), LEAST)
    found = Fitted(
        mean,
        noise,
        _start(n_users, factors, noise, rng, user_features),
        _start(n_items, factors, noise, rng, item_features),
        0,
    )
    own, other = found.users, found.items
    first = fit_biases(
        users, items, rated.astype(np.float64), n_users, n_items, weights=counted.astype(np.float64), sweeps=5
    )
    own.bias, other.bias = first[1], first[2]
    left_over = rated - first[0] - own.bias[users] - other.bias[items]
    residuals = csr_matrix((left_over, by_user.indices, by_user.indptr), (n_users, n_items))
    _begin_at_singular_vectors(own, other, residuals, rng)
    n_rows = float(counted.sum())
    for sweep in range(sweeps):
        product = _products(own.factors, other.factors, users, items)
        _fit_bias(own, users, counted, rated - found.mean - other.bias[items].astype(np.float32) - product, found.noise)
        _fit_bias(other, items, counted, rated - found.mean - own.bias[users].astype(np.float32) - product, found.noise)
        left = (rated - found.mean - own.bias[users] - other.bias[items]).astype(np.float32)
        _fit_factors(own, other, by_user, counted * left, found.noise)
        second = _fit_factors(other, own, by_item, (counted * left)[turn], found.noise)
        product = _products(own.factors, other.factors, users, items)
        squares = float((counted * (left * left - 2 * left * product)).sum(dtype=np.float64)) + second
        unsure = float((counted * (own.bias_sure[users] + other.bias_sure[items])).sum(dtype=np.float64))
        found.noise = max((squares + unsure) / n_rows, LEAST)
        for side, has in ((own, by_user), (other, by_item)) if sweep >= FREE else ():
            _fit_spread(side, np.diff(has.indptr) > 0)
        found.sweeps = sweep + 1
        if each(found) or over():
            break
    return found


def _starts(codes: Codes, n: int) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n))])


def _start(n: int, factors: int, noise: float, rng: np.random.Generator, features: csr_matrix | None) -> Side:
    drawn = rng.normal(0, START, (n, factors)).astype(np.float32)
    drawn[0] = 0
    sure = np.broadcast_to(np.eye(factors, dtype=np.float32) * UNSURE, (n, factors, factors)).copy()
    spread = np.full(factors, WIDE)
    return Side(drawn, sure, np.zeros(n), np.zeros(n), spread, noise / 3, features)


def _begin_at_singular_vectors(own: Side, other: Side, residuals: csr_matrix, rng: np.random.Generator) -> None:
    """Put the first singular vectors of what biases leave in the place of factors drawn at random.

    Factors that begin small and at random vanish where rows are few: that everything is noise is a solution as well.
    """
    from scipy.sparse.linalg import ArpackError, svds  # noqa: PLC0415 - slow to import

    matrix: Any = residuals
    shape: tuple[int, int] = matrix.shape
    k = min(own.factors.shape[1], min(shape) - 1)
    if k < 1:
        return
    if min(shape) <= SMALL and max(shape) <= 100 * SMALL:
        left, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        left, values, right = left[:, :k], values[:k], right[:k]
    else:
        try:
            found: Any = svds(matrix.astype(np.float32), k=k, v0=rng.normal(size=min(shape)), tol=cast(Any, 1e-2))
        except ArpackError:  # it does not converge: factors stay as they were drawn
            return
        order = np.argsort(-found[1])
        left, values, right = found[0][:, order], found[1][order], found[2][order]
    own.factors[:, :k] = left * np.sqrt(values)
    other.factors[:, :k] = right.T * np.sqrt(values)


def _products(own: Factors, other: Factors, users: Codes, items: Codes) -> Factors:
    """(N,) of each pair."""
    found = np.empty(len(users), np.float32)
    for start in range(0, len(users), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        np.einsum("nk,nk->n", own[users[part]], other[items[part]], out=found[part])
    return found


def _fit_bias(side: Side, codes: Codes, weights: AnyFloats, left: AnyFloats, noise: float) -> None:
    expected = 0.0 if side.bias_expected is None else side.bias_expected
    n = len(side.bias)
    side.bias_sure = 1 / (np.bincount(codes, weights, n) / noise + 1 / side.bias_spread)
    side.bias = side.bias_sure * (np.bincount(codes, weights * left, n) / noise + expected / side.bias_spread)


def _fit_factors(side: Side, other: Side, has: csr_matrix, weighted: AnyFloats, noise: float) -> float:
    """Solve the factors of one side; of all rows the sum of the weighted expected squared products, as they are then.

    Args:
        side: Which is solved.
        other: Which is kept.
        has: (U, I) weights of the rows.
        weighted: Of each row, in the order of `has`, its weight times what is left to explain.
        noise: Its variance.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    n, k = side.factors.shape
    upper = np.triu_indices(k)
    squares = (other.sure + other.factors[:, :, None] * other.factors[:, None, :])[:, upper[0], upper[1]]
    wanted = csr_matrix((weighted, has.indices, has.indptr), has.shape)
    prior = np.diag(1 / side.spread)
    total = 0.0
    for start in range(0, n, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, n))
        packed = np.asarray(has[part] @ squares, np.float64)
        full = np.empty((packed.shape[0], k, k))
        full[:, upper[0], upper[1]] = packed
        full[:, upper[1], upper[0]] = packed
        right = np.asarray(wanted[part] @ other.factors, np.float64) / noise
        if side.expected is not None:
            right = right + side.expected[part] / side.spread
        sure = np.linalg.inv(full / noise + prior)
        solved = np.einsum("ukl,ul->uk", sure, right)
        side.sure[part], side.factors[part] = sure, solved
        total += float(np.einsum("ukl,ukl->", full, sure + solved[:, :, None] * solved[:, None, :]))
    return total


def _fit_spread(side: Side, there: NDArray[np.bool_]) -> None:
    """How far factors and biases lie from what is expected of them; and what features say of them."""
    if side.features is not None:
        _fit_expected(side, there)
    off = side.factors[there] - (0 if side.expected is None else side.expected[there])
    unsure = np.diagonal(side.sure, axis1=1, axis2=2)[there]
    side.spread = np.maximum((off.astype(np.float64) ** 2 + unsure).mean(axis=0), LEAST)
    bias_off = side.bias[there] - (0 if side.bias_expected is None else side.bias_expected[there])
    side.bias_spread = max(float((bias_off**2 + side.bias_sure[there]).mean()), LEAST)


def _fit_expected(side: Side, there: NDArray[np.bool_]) -> None:
    """Ridge regression of factors and biases on features; those without rows are what their features say."""
    features: Any = side.features
    known = features[np.flatnonzero(there)]
    gram = np.asarray((known.T @ known).todense(), np.float64)
    gram[np.diag_indices_from(gram)] += 1.0 + 0.01 * there.sum() / max(gram.shape[0], 1)
    wanted = np.column_stack([side.factors[there].astype(np.float64), side.bias[there]])
    said = np.asarray(features @ np.linalg.solve(gram, np.asarray(known.T @ wanted)))
    side.expected, side.bias_expected = said[:, :-1].astype(np.float32), said[:, -1]
    cold = ~there
    side.factors[cold] = side.expected[cold]
    side.bias[cold] = side.bias_expected[cold]
