"""Why an item is recommended, in words: because of which items of the user's own.

Legend: H what one user has, n items that are explained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.kinds.ratings.recommending.catalogue import Catalogue
from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats
from drivetrain.kinds.ratings.recommending.scoring import Contributions
from drivetrain.text import counted, in_digits

NAMED = 2
"""Items that a reason names at most."""
BESIDE = 0.5
"""A further one is named where it contributes at least so much of the first."""
COMMON = 0.2
"""What more than this share of the items have in common is no reason."""


def reasons(
    catalogue: Catalogue, own: Codes, values: Floats | None, contributions: Contributions, wanted: Sequence[int]
) -> list[str]:
    """One reason for each wanted item.

    Args:
        catalogue: Items by name.
        own: (H,) what the user has.
        values: (H,) their ratings; None: the model does not read them.
        contributions: (n, H) what each adds to the score.
        wanted: (n,) items that are recommended.
    """
    usual = -np.inf if values is None or not len(values) else float(values.mean())
    found: list[str] = []
    for item, parts in zip(wanted, contributions, strict=True):
        order = np.argsort(-parts, kind="stable")[:NAMED]
        most = float(parts[order[0]]) if len(order) else 0.0
        named = [at for at in order.tolist() if parts[at] > 0 and parts[at] >= BESIDE * most]
        if not named:
            found.append(without_history(catalogue, item))
            continue
        low = [at for at in named if values is not None and values[at] < usual]
        words = _named(catalogue, [int(own[at]) for at in named if at not in low], [int(own[at]) for at in low])
        same = in_common(catalogue, item, [int(own[at]) for at in named])
        found.append(f"because of {words}{f' ({same})' if same else ''}")
    return found


def _named(catalogue: Catalogue, liked: Sequence[int], low: Sequence[int]) -> str:
    words = [" and ".join(map(catalogue.shown, liked))] if liked else []
    if low:
        rating = "a low rating" if len(low) == 1 else "low ratings"
        words.append(f"{rating} of {' and '.join(map(catalogue.shown, low))}")
    return " and ".join(words)


def without_history(catalogue: Catalogue, item: int) -> str:
    """The reason where nothing that the user has speaks for the item."""
    n = int(catalogue.counts[item])
    if not n:
        return "new: nobody in the training rows has it"
    mean = f", {in_digits(float(catalogue.means[item]), '.2f')} on average" if catalogue.rated else ""
    if n >= np.quantile(catalogue.counts, 0.9):
        return f"popular: {counted(n, 'user')}{mean}"
    return f"by the model; no single item stands out ({counted(n, 'user')}{mean})"


def in_common(catalogue: Catalogue, item: int, others: Sequence[int]) -> str:
    """What the side table says that an item shares with all others, unless many items share it."""
    for name, attribute in catalogue.attributes.items():
        if name == catalogue.title:
            continue
        shared = set(attribute.of(item).tolist())
        for other in others:
            shared &= set(attribute.of(other).tolist())
        rare = [code for code in sorted(shared) if attribute.having([code]).mean() <= COMMON]
        if rare:
            return f"same {name}: {attribute.values[rare[0]]}"
    return ""
