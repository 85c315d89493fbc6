"""What `class_weights=` means: "balanced", category → weight, or one weight per category in their order."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import Target
from drivetrain.settings import number, refuse, several, shown

BALANCED = "balanced"
ClassWeights = Literal["balanced"] | Mapping[Any, float] | Sequence[float] | None
"""As people write it; arrays, tensors and pandas Series besides."""
ReadWeights = Literal["balanced"] | dict[str, float] | None
"""As it is read: with a weight for each category that was named."""
EXPECTED = "'balanced', category → weight, or one weight per category in their order"
SHOWN_WEIGHTS = 12


def asked_weights(asked: Any, target: Target) -> ReadWeights:
    """Read `class_weights=`; of a number, which has no categories, it is refused.

    Args:
        asked: "balanced"; a mapping or pandas Series of category → weight, where a category that is not named weighs
            1; or a list, array or tensor of one weight per category, in the order of the target's vocabulary.
        target: Whose categories.

    Raises:
        SettingError: It is none of these, a category is unknown or named twice, or a weight is negative, not finite or
            missing, or all are 0.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> digit = CategoryTarget(name="digit", vocab=("0", "1"))
        >>> asked_weights({1: 5}, digit), asked_weights([1, 5], digit)
        ({'1': 5.0}, {'0': 1.0, '1': 5.0})
        >>> asked_weights("balance", digit)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: class_weights='balance' cannot be used: ... Did you mean 'balanced'? ...
    """
    if asked is None:
        return None
    if target.kind == "number":
        refuse("class_weights", asked, "None: a number has no classes", fix="To fix: leave it out, it has no effect.")
    if isinstance(asked, str):
        if asked != BALANCED:
            hint = did_you_mean(asked.casefold(), [BALANCED])
            refuse("class_weights", asked, EXPECTED, fix=f"{hint} To fix: class_weights='balanced'.".strip())
        return BALANCED
    pairs = _pairs(asked, target.vocab)
    weights = _of_order(asked, target.vocab) if pairs is None else _of_names(pairs, target.vocab)
    if not any(weights.get(name, 1.0) for name in target.vocab):
        refuse("class_weights", asked, "at least one weight above 0", fix="To fix: 1 leaves a category as it is.")
    return weights


def weights_decision(asked: ReadWeights, used: Sequence[float], target: Target) -> Decision | None:
    """What classes weigh, for the record; None where nothing was asked for.

    Args:
        asked: As read.
        used: What the loss takes, one per category, where it takes one per category.
        target: Whose categories.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> digit = CategoryTarget(name="digit", vocab=("0", "1"))
        >>> print(weights_decision({"1": 5.0}, [0.5, 2.5], digit))
        by category (as asked: 0 1, 1 5; scaled to a mean of 1 over the training rows: 0 0.5, 1 2.5)
    """
    if asked is None or target.kind == "number":
        return None
    in_use = _listed(dict(zip(target.vocab, used, strict=len(used) == len(target.vocab))))
    scaled = f"to a mean of 1 over the training rows: {in_use}"
    if asked == BALANCED:
        return Decision(value=BALANCED, reason=f"as asked: rare classes weigh more; scaled {scaled}")
    given = _listed({name: asked.get(name, 1.0) for name in target.vocab})
    return Decision(value="by category", reason=f"as asked: {given}; scaled {scaled}")


def _listed(weights: Mapping[str, float]) -> str:
    return first_few([f"{name} {weight:.3g}" for name, weight in weights.items()], SHOWN_WEIGHTS)


def _pairs(asked: Any, vocab: Sequence[str]) -> list[tuple[Any, Any]] | None:
    """Category and weight, where the categories are named; None where their order tells."""
    if isinstance(asked, Mapping):
        return list(cast(Mapping[Any, Any], asked).items())
    if not hasattr(asked, "to_dict") or not hasattr(asked, "index"):
        return None
    names, weights = list(asked.index), list(asked)  # a pandas Series
    is_counted = names == list(range(len(names)))
    if is_counted and any(_category(name, vocab) is None for name in names):
        return None
    return list(zip(names, weights, strict=True))


def _of_order(asked: Any, vocab: Sequence[str]) -> dict[str, float]:
    values = several("class_weights", asked, EXPECTED)
    if len(values) != len(vocab):
        raise SettingError(
            f"class_weights has {len(values)} weights for {len(vocab)} categories; expected one for each of "
            f"{first_few(vocab)}, in this order. To fix: pass as many, or category → weight."
        )
    return {
        name: number(f"class_weights[{i}]", value, least=0)
        for i, (name, value) in enumerate(zip(vocab, values, strict=True))
    }


def _of_names(pairs: Sequence[tuple[Any, Any]], vocab: Sequence[str]) -> dict[str, float]:
    if not pairs:
        refuse("class_weights", {}, "at least one category → weight", fix="To fix: name one, or leave it out.")
    found: dict[str, float] = {}
    for key, value in pairs:
        name = _category(key, vocab)
        if name is None:
            raise SettingError(
                f"class_weights names {shown(key)}, which is no category; expected among {first_few(vocab)}."
                f"{did_you_mean(str(key), vocab) if isinstance(key, str) else ''} To fix: name categories so."
            )
        if name in found:
            raise SettingError(
                f"class_weights names the category {name!r} twice; expected each at most once. To fix: leave one out."
            )
        found[name] = number(f"class_weights[{name!r}]", value, least=0)
    return {name: found[name] for name in vocab if name in found}  # in one order, however they were written


def _category(key: Any, vocab: Sequence[str]) -> str | None:
    """The category that a key names: 0 and 0.0 name "0"."""
    try:
        forms = [str(key), unicodedata.normalize("NFC", str(key)).strip()]
        if not isinstance(key, str) and float(key).is_integer():
            forms.append(str(int(key)))
    except Exception:  # noqa: BLE001 - keys are of anybody's making
        return None
    return next((form for form in forms if form in vocab), None)
