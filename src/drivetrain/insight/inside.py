"""Looking inside from beginning to end: layers, patches, meanings, where it is solved, why it answers, and the checks.

One pass over the rows answers them, a second one finds the strongest patches of every channel; all else reads some of
the rows. What cannot be found out is noted, with the reason, and the rest is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from drivetrain.errors import DataError, DrivetrainError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.gallery import row_losses
from drivetrain.evaluation.scores import Score
from drivetrain.insight.attending import attention_maps
from drivetrain.insight.changes import changes
from drivetrain.insight.features.choosing import SHOWN, Chosen, choose, uses
from drivetrain.insight.features.silencing import silenced
from drivetrain.insight.inspection import Inspection
from drivetrain.insight.layers import layers_of, notes_of
from drivetrain.insight.page.changes import Pair
from drivetrain.insight.parts import Change, Feature, Floats, Inside, Layer, Subject, Why
from drivetrain.insight.reading import answer, array, in_batches, predictions
from drivetrain.insight.searching import Search
from drivetrain.insight.separable import separable
from drivetrain.insight.tops import plain_pass_seconds
from drivetrain.insight.why.checks import checks
from drivetrain.insight.why.explaining import explain
from drivetrain.pages.words import as_percent, value_in_words
from drivetrain.progress import track
from drivetrain.settings import refuse
from drivetrain.text import readable

EXPLAINED = 3
"""Answers that are explained, where nobody says how many."""
SILENCED_ROWS = 200
"""Rows on which silencing is measured: it costs a pass for each feature."""
MOST_PAIRS = 3
"""Of each layer, features before and after that are shown side by side."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    layers: Sequence[str] | None = None
    """Names; None chooses five to seven."""
    features: int = SHOWN
    """Of each layer."""
    also: Sequence[tuple[str, int]] = ()
    """Layer and channel of features that are shown because somebody asked for them."""
    explain: int = EXPLAINED
    """Answers that are explained."""
    rows: int | None = None
    """That are looked at; None: at most 2,500."""
    quick: bool = False
    """Patches, projections and names alone."""
    seed: int = 0


@dataclass
class _Found:
    """What comes together while it is looked for."""

    notes: list[str] = field(default_factory=list[str])
    """What could not be found out, and why."""
    extras: dict[str, Any] = field(default_factory=dict[str, Any])

    def tried(self, what: str, do: Callable[[], Result]) -> Result | None:
        """What was found out, or None and a note why it could not be."""
        try:
            return do()
        except DrivetrainError as error:
            self.notes.append(f"{what}: {str(error).splitlines()[0]}")
            return None


def inspect(subject: Subject, wanted: Wanted | None = None, *, before: Subject | None = None) -> Inspection:
    """Everything that can be found inside a network, in the order in which the page tells it.

    Args:
        subject: What is looked into.
        wanted: What is looked for; None takes what a page shows.
        before: The network that it became from, which reads the same rows.

    Raises:
        DataError: There are no rows.
        ModelError: The body has no layers that can be looked into, or another structure than `before`.
        SettingError: A layer or channel that is asked for is not there.
    """
    wanted, began, so_far = wanted or Wanted(), time.monotonic(), _Found()
    if not len(subject.rows):
        raise DataError("there is no validation set to look at. To fix: make the data with valid_pct above 0.")
    table = _answers(subject)
    seconds_plain = plain_pass_seconds(subject)  # after that pass: reading the files is no part of it
    search = Search(subject, wanted.layers, also=[layer for layer, _ in wanted.also], seed=wanted.seed)
    so_far.notes += [*subject.notes, *notes_of(subject)]
    changed: tuple[Change, ...] = ()
    if before is not None:
        changed = changes(before, subject, _same(before, search.layers), layers_after=search.layers, seed=wanted.seed)
    turned = {change.layer: from_after(change) for change in changed}
    chosen = _chosen(search, turned, wanted)
    costs = {} if wanted.quick else _costs(search, chosen, so_far, wanted.seed)
    features = [
        feature for layer in search.layers for feature in search.features(layer, chosen[layer.name], silenced=costs)
    ]
    so_far.extras |= {"layers in all": len(search.every), "seconds of the search": search.seconds}
    found = Inside(subject.label, search.layers, search.tops, tuple(features), changes=changed, rows=len(subject.rows))
    if not wanted.quick:
        found = _judged(search, found, rows_to_explain(table, wanted.explain), so_far)
        found = replace(found, features=_with_carriers(search, found))
    said = {row: _said(table, row) for row in _shown_rows(found)}
    earlier, pairs = (None, ()) if before is None else _before(before, found, turned, wanted)
    found = replace(
        found,
        seconds=time.monotonic() - began,
        seconds_plain_pass=seconds_plain,
        notes=tuple(so_far.notes),
        extras=so_far.extras,
    )
    return Inspection(found, subject, search.feature, said, earlier, pairs)


def _answers(subject: Subject) -> Predictions:
    """What the network says of all rows."""
    n = len(subject.rows)
    parts: list[Floats] = []
    with torch.inference_mode(), track("answering", n) as advance:
        for rows in in_batches(range(n)):
            parts.append(array(answer(subject.network, *subject.network.taken(*subject.batch(rows)))))
            advance(len(rows))
    return predictions(subject, np.concatenate(parts), range(n))


def _same(before: Subject, layers: Sequence[Layer]) -> list[Layer]:
    """The layers of the network before that have these names."""
    known = {layer.name: layer for layer in layers_of(before)}
    missing = [layer.name for layer in layers if layer.name not in known]
    if missing:
        refuse(
            "against",
            before.label,
            f"a network with the same layers; it has no {readable(missing[0])}",
            fix="To fix: compare models of one architecture.",
        )
    return [known[layer.name] for layer in layers]


def from_after(change: Change) -> Change:
    """The same seen from the network after: for each of its channels the one before, and how far it moved.

    Example:
        >>> swapped = Change("a", 1.0, 1.0, 1.0, np.array([1, 2, 0]), np.array([0.1, 0.2, 0.3], np.float32))
        >>> from_after(swapped).matched.tolist(), from_after(swapped).moved.round(1).tolist()
        ([2, 0, 1], [0.30000001192092896, 0.10000000149011612, 0.20000000298023224])
    """
    back = np.argsort(change.matched, kind="stable").astype(np.int64)
    return replace(change, matched=back, moved=change.moved[back])


def _chosen(search: Search, turned: Mapping[str, Change], wanted: Wanted) -> dict[str, tuple[Chosen, ...]]:
    """Layer → the channels that are shown: those that were asked for, then by the rules."""
    use = uses(search.subject, search.layers, seed=wanted.seed)
    asked: dict[str, list[Chosen]] = {layer.name: [] for layer in search.layers}
    for name, channel in wanted.also:
        layer = search.layer(name)
        if layer is None or channel >= layer.channels:
            shown = ", ".join(f"{one.name} ({one.channels} channels)" for one in search.layers)
            refuse("also", f"{name}:{channel}", f"one of the layers shown and one of its channels, from 0: {shown}")
        asked[layer.name].append(Chosen(channel, "asked for"))
    made: dict[str, tuple[Chosen, ...]] = {}
    for name, own in asked.items():
        by_rule = choose(
            search.tops[name],
            search.selective(name),
            use[name],
            turned.get(name),
            n=wanted.features,
            seed=wanted.seed,
        )
        known = {one.channel for one in own}
        made[name] = (*own, *(one for one in by_rule if one.channel not in known))
    return made


def _costs(
    search: Search, chosen: Mapping[str, Sequence[Chosen]], so_far: _Found, seed: int
) -> Mapping[tuple[str, int], Score]:
    """What silencing those features costs that are used most, or were asked for."""
    used = {
        layer: channels
        for layer in search.layers
        if (channels := [one.channel for one in chosen[layer.name] if one.why.startswith(("most used", "asked"))])
    }
    what = "what silencing a feature costs"
    found = so_far.tried(what, lambda: silenced(search.subject, used, most_rows=SILENCED_ROWS, seed=seed))
    return found or {}


def _judged(search: Search, found: Inside, rows: Sequence[int], so_far: _Found) -> Inside:
    """Where the task is solved, why some answers were given, and which explanations may be believed."""
    subject, layers, seed = search.subject, search.layers, search.seed
    solved = so_far.tried("a linear model on each layer", lambda: separable(subject, layers, seed=seed))
    if solved is not None:
        so_far.extras["separability"] = solved
        found = replace(found, separable=solved.scores)
    tried = [so_far.tried(f"why {_name(subject, row)} got its answer", _explained(search, row)) for row in rows]
    why = tuple(one for one in tried if one is not None)
    tested = so_far.tried("checks of the maps", lambda: checks(subject, layers, seed=seed)) if why else None
    return replace(found, why=why, checks=tested or ())


def _explained(search: Search, row: int) -> Callable[[], Why]:
    return lambda: with_attention(
        search.subject, explain(search.subject, row, search.layers, seed=search.seed), search.layers
    )


def with_attention(subject: Subject, why: Why, layers: Sequence[Layer]) -> Why:
    """The same with where the last block of a transformer looks, mean over its heads; as it is of any other body."""
    found = attention_maps(subject, layers, [why.row])
    last = next((layer.name for layer in reversed(layers) if layer.name in found), None)
    if last is None:
        return why
    places = np.asarray(found[last], dtype=np.float32)[0].mean(axis=0)
    height, width = subject.size
    enlarged = np.asarray(
        Image.fromarray(np.ascontiguousarray(places)).resize((width, height), Image.Resampling.BILINEAR)
    )
    return replace(why, maps={**why.maps, f"attention in {last}": enlarged})


def _with_carriers(search: Search, found: Inside) -> tuple[Feature, ...]:
    """The features shown, and of each layer those that carried an answer which is explained more than any other."""
    known = {(feature.layer, feature.channel) for feature in found.features}
    more: dict[str, list[Chosen]] = {layer.name: [] for layer in search.layers}
    for why in found.why:
        carried = {layer: channel for layer, channel, _ in reversed(why.path)}  # the strongest of a layer comes first
        for layer, channel in carried.items():
            if (layer, channel) not in known:
                known.add((layer, channel))
                more[layer].append(Chosen(channel, f"carried the answer {why.said}"))
    made: list[Feature] = []
    for layer in search.layers:
        made += [feature for feature in found.features if feature.layer == layer.name]
        made += search.features(layer, more[layer.name])
    return tuple(made)


def _before(
    before: Subject, found: Inside, turned: Mapping[str, Change], wanted: Wanted
) -> tuple[Inspection, tuple[Pair, ...]]:
    """The network before, with the channels that became those which changed most, and these pairs."""
    search = Search(before, [layer.name for layer in found.layers], seed=wanted.seed)
    features: list[Feature] = []
    pairs: list[Pair] = []
    for layer in search.layers:
        change = turned[layer.name]
        own = [feature for feature in found.features if feature.layer == layer.name]
        own.sort(key=lambda feature: -float(change.moved[feature.channel]))
        most = own[:MOST_PAIRS]
        matched = [Chosen(int(change.matched[one.channel]), f"became channel {one.channel}") for one in most]
        earlier = search.features(layer, matched)
        features += earlier
        pairs += [
            Pair(one, other, float(change.moved[other.channel])) for one, other in zip(earlier, most, strict=True)
        ]
    inside = Inside(before.label, search.layers, search.tops, tuple(features), rows=len(before.rows))
    return Inspection(inside, before, search.feature), tuple(pairs)


def rows_to_explain(table: Predictions, n: int) -> list[int]:
    """Rows whose answers are explained: the one that cost least, the one that cost most, the middle one, and again.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
        >>> rows_to_explain(Predictions(ids=("a", "b", "c"), target=fruit, truth=[0, 0, 0], output=said), 2)
        [0, 1]
    """
    order = [int(row) for row in np.argsort(row_losses(table), kind="stable")]
    picked: list[int] = []
    while order and len(picked) < n:
        place = (0, len(order) - 1, len(order) // 2)[len(picked) % 3]
        picked.append(order.pop(place))
    return picked


def _shown_rows(found: Inside) -> set[int]:
    return {patch.row for feature in found.features for patch in feature.patches} | {why.row for why in found.why}


def _name(subject: Subject, row: int) -> str:
    return readable(subject.rows.inputs.name(row))


def _said(table: Predictions, row: int) -> str:
    """What the network says of a row, in words."""
    one = table.subset([row])
    said = value_in_words(one.decoded()[0])
    return f"{said}, {as_percent(float(one.output[0].max()), 0)}" if one.target.kind == "category" else said
