"""What a second model said beside the one that answered (`drivetrain serve --shadow`): what would change by the switch.

No labels are needed, so it says where the two differ and how sure each is there, not which of them is right.
"""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from drivetrain.errors import DataError
from drivetrain.runtime.watching.log import MODEL_DIGITS, row_of
from drivetrain.settings import place, whole

Z = 1.959964
"""Of the normal distribution, for 95 %."""
MOST_BECOMES = 3


@dataclass(frozen=True)
class Share:
    """A share of rows with its 95 % interval, as if rows were independent."""

    count: int
    n: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, n: int) -> Share | None:
        """None of no rows.

        Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).

        Example:
            >>> found = Share.of(5, 100)
            >>> round(found.low, 4), round(found.high, 4)
            (0.0215, 0.1118)
        """
        if n == 0:
            return None
        share = count / n
        middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        reach = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
        return cls(count, n, share, max(0.0, middle - reach), min(1.0, middle + reach))


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval by the normal distribution; of a single row there is none."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        """None of no values."""
        if not values:
            return None
        found = np.asarray(values, dtype=np.float64)
        mean = float(found.mean())
        if len(found) < 2:
            return cls(mean, None, None)
        reach = Z * float(found.std(ddof=1)) / math.sqrt(len(found))
        return cls(mean, mean - reach, mean + reach)


@dataclass(frozen=True)
class Confidence:
    """How sure the two models were of the same rows."""

    answering: Mean
    shadow: Mean
    difference: Mean
    """The shadow's less the other's, row by row."""


@dataclass(frozen=True)
class ByClass:
    """What becomes of one class."""

    label: str
    disagree: Share | None
    """Of the rows that were answered with it, those of which the shadow does not say it; None of no rows."""
    becomes: tuple[tuple[str, int], ...]
    """What the shadow says most often instead, with its rows; empty where a row may have several labels."""
    gains: int
    """Rows of which the shadow says it and the other does not."""


@dataclass(frozen=True)
class Difference:
    """Of a predicted number: the shadow's less the other's, in the user's units."""

    name: str
    mean: Mean
    absolute: Mean


@dataclass(frozen=True)
class Beside:
    """What a log says of two models that were asked the same."""

    answering: str
    """First digits of the hash of its parameters; its answers were sent."""
    shadow: str
    """Likewise; its answers were not sent."""
    others: int
    """Comparisons in the log of another pair of models, left out."""
    n: int
    """Comparisons looked at, the newest ones."""
    answers: int
    """In the whole log, while this shadow was there."""
    dropped: int
    """Of these, not asked: the service had no time, or the shadow was not ready."""
    failed: int
    """Of these, asked without an answer."""
    disagree: Share | None
    """None where nothing can be said: no rows, or numbers without intervals."""
    only_shadow_says: Share | None
    """Rows of which the shadow says a class that the other does not know; None where the classes are not known."""
    confidence: Confidence | None
    """None for numbers."""
    confidence_where_disagree: Confidence | None
    abstained: tuple[Share, Share] | None
    """Answers marked as not sure: of the one that answers, of the shadow."""
    by_class: tuple[ByClass, ...]
    """Those with the most rows that would change first."""
    numbers: tuple[Difference, ...]


def read_beside(
    path: str | os.PathLike[str], parameters_sha256: str, *, last: int | None = None, known: Sequence[str] = ()
) -> Beside | None:
    """What a log says of a model and the one beside it, whichever of the two answered.

    Args:
        path: As ``drivetrain serve --shadow … --log-predictions`` wrote it.
        parameters_sha256: Of the manifest of either model.
        last: Only so many of the newest comparisons; None takes all.
        known: Classes that the model which answers may say; none: not known.

    Returns:
        None where no second model was there. If there were several, the newest pair.

    Raises:
        DataError: The file cannot be read.
    """
    last = None if last is None else whole("last", last, least=1)
    try:
        with Path(place("path", path)).open(encoding="utf-8", errors="replace") as lines:
            return beside(lines, parameters_sha256[:MODEL_DIGITS], last, known)
    except OSError as error:
        raise DataError(
            f"{os.fspath(path)} cannot be read: {error.strerror}. To fix: give the file of serve --log-predictions."
        ) from error


def beside(lines: Iterable[str], model: str, last: int | None = None, known: Sequence[str] = ()) -> Beside | None:
    """The same from lines of JSON.

    Example:
        >>> line = '{"model": "b", "label": "pear", "confidence": 0.9, "agrees": false, '
        >>> line += '"beside": {"model": "a", "label": "fig", "confidence": 0.5}}'
        >>> found = beside([line], "a")
        >>> found.shadow, found.disagree.value, found.by_class[0].becomes
        ('b', 1.0, (('pear', 1),))
    """
    compared: dict[tuple[str, str], deque[Mapping[str, Any]]] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    newest = None
    for pair, outcome, row in _outcomes(lines, model):
        counts.setdefault(pair, Counter())[outcome] += 1
        newest = pair
        if outcome == "compared":
            compared.setdefault(pair, deque(maxlen=last)).append(row)
    if newest is None:
        return None
    rows, count = list(compared.get(newest, ())), counts[newest]
    answering, shadow = newest
    vocab = known if answering == model else ()
    return Beside(
        answering=answering,
        shadow=shadow,
        others=sum(each["compared"] for pair, each in counts.items() if pair != newest),
        n=len(rows),
        answers=count["asked"] + count["dropped"],
        dropped=count["dropped"],
        failed=count["failed"],
        **_compared(rows, frozenset(vocab)),
    )


def _outcomes(lines: Iterable[str], model: str) -> Iterator[tuple[tuple[str, str], str, Mapping[str, Any]]]:
    """((the one that answered, the other), what became of the input, its line) of each line about two models."""
    for line in lines:
        row = row_of(line)
        if row is None:
            continue
        answered, asked = _object(row, "beside"), _object(row, "shadow")
        if answered is not None:
            pair = str(answered.get("model")), str(row["model"])
            outcome = "failed" if "error" in row else "compared"
        elif asked is not None:
            pair = str(row["model"]), str(asked.get("model"))
            outcome = "asked" if asked.get("asked") is True else "dropped"
        else:
            continue
        if model in pair:
            yield pair, outcome, row


def _object(row: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    found = row.get(key)
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


def _compared(rows: Sequence[Mapping[str, Any]], known: frozenset[str]) -> dict[str, Any]:
    pairs = [(_object(row, "beside") or {}, row) for row in rows]
    verdicts = [row.get("agrees") for row in rows if isinstance(row.get("agrees"), bool)]
    said = [(_labels(first), _labels(second)) for first, second in pairs]
    labelled = [(first, second) for first, second in said if first is not None and second is not None]
    apart = [pair for pair in pairs if pair[1].get("agrees") is False]
    new = [not known.issuperset(second) for _, second in labelled]
    return {
        "disagree": Share.of(sum(not verdict for verdict in verdicts), len(verdicts)),
        "only_shadow_says": Share.of(sum(new), len(new)) if known else None,
        "confidence": _confidence(pairs),
        "confidence_where_disagree": _confidence(apart),
        "abstained": _abstained(pairs) if labelled else None,
        "by_class": _by_class(labelled, several=any("labels" in row for row in rows)),
        "numbers": _numbers(pairs),
    }


def _labels(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    if isinstance(row.get("label"), str):
        return (row["label"],)
    return tuple(map(str, row["labels"])) if isinstance(row.get("labels"), list) else None


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


def _confidence(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Confidence | None:
    told = [(_number(first.get("confidence")), _number(second.get("confidence"))) for first, second in pairs]
    sure = [(a, b) for a, b in told if a is not None and b is not None]
    before, after = Mean.of([a for a, _ in sure]), Mean.of([b for _, b in sure])
    change = Mean.of([b - a for a, b in sure])
    return None if before is None or after is None or change is None else Confidence(before, after, change)


def _abstained(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Share, Share] | None:
    before = Share.of(sum(first.get("abstained") is True for first, _ in pairs), len(pairs))
    after = Share.of(sum(second.get("abstained") is True for _, second in pairs), len(pairs))
    return None if before is None or after is None else (before, after)


def _by_class(said: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], *, several: bool) -> tuple[ByClass, ...]:
    """Of one label per row what it becomes; of several, each label by itself, as one does not exclude another."""
    times: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    instead: dict[str, Counter[str]] = {}
    for first, second in said:
        times.update(first)
        lost.update(set(first) - set(second))
        gained.update(set(second) - set(first))
        if not several and first != second:
            instead.setdefault(first[0], Counter()).update(second)
    found = [
        ByClass(
            label,
            Share.of(lost[label], times[label]),
            tuple(instead.get(label, Counter[str]()).most_common(MOST_BECOMES)),
            gained[label],
        )
        for label in {**lost, **gained}
    ]
    return tuple(sorted(found, key=lambda one: (-lost[one.label] - one.gains, one.label)))


def _numbers(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Difference, ...]:
    apart: dict[str, list[float]] = {}
    for first, second in pairs:
        before, after = _object(first, "values") or {}, _object(second, "values") or {}
        for name, value in before.items():
            was, would_be = _number(value), _number(after.get(name))
            if was is not None and would_be is not None:
                apart.setdefault(name, []).append(would_be - was)
    found: list[Difference] = []
    for name, values in apart.items():
        mean, absolute = Mean.of(values), Mean.of([abs(value) for value in values])
        assert mean is not None and absolute is not None
        found.append(Difference(name, mean, absolute))
    return tuple(found)
