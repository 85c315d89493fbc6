"""What a report says of a model of traces: what another screen, another device or another clock changes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import DIGITS, Files, Spans
from drivetrain.errors import InputError
from drivetrain.evaluation.changed import Changed, compared
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import score
from drivetrain.kinds.drawn.people import claims_of_people
from drivetrain.kinds.traces.points import MARK, Floats, T, X, Y
from drivetrain.kinds.traces.source import described
from drivetrain.kinds.traces.spec import Spec
from drivetrain.pages.html import Html, scrolling, table, tag
from drivetrain.runtime.spans import Span

Say = Callable[[Examples], Predictions]
MOST_ROWS = 256
"""That are changed and asked again."""
CLOCK_S = 0.015625
"""A tick of the coarse clock that Windows has by default."""


@dataclass(frozen=True)
class Shift:
    """Validation traces as another device would have written them."""

    said: Changed
    score: str
    """Of the changed traces, with its interval."""
    before: str


def _scaled(factor: float) -> Callable[[Floats], Floats]:
    def change(points: Floats) -> Floats:
        made = points.copy()
        places = points[:, X : Y + 1]
        whole = np.array_equal(places, places.round())  # as pixels are; shares of a screen are not
        made[:, X : Y + 1] = (places * factor).round() if whole else places * factor
        return made

    return change


def _every_second(points: Floats) -> Floats:
    """Half as many reports; clicks, and the first and last point, stay."""
    keep = (np.arange(len(points)) % 2 == 0) | (points[:, MARK] > 0)
    keep[-1] = True
    return points[keep]


def _coarse(points: Floats) -> Floats:
    made = points.copy()
    made[:, T] = np.floor(made[:, T] / CLOCK_S) * CLOCK_S
    return made


def _slower(points: Floats) -> Floats:
    made = points.copy()
    made[:, T] *= 1.5
    return made


CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "half the screen": _scaled(0.5),
    "twice the screen": _scaled(2.0),
    "half as many reports a second": _every_second,
    f"a clock that ticks every {1000 * CLOCK_S:.0f} ms": _coarse,
    "everything takes half as long again": _slower,
}
"""Name → what becomes of the points of a trace. The last is no other device: the person hurries less."""
PLACES = ("half the screen", "twice the screen")
"""What can be done to traces that tell no times."""


def model_sections(model: Any) -> list[tuple[str, Html]]:
    """Sections of every report of a model of traces: other devices, and claims where the classes are people."""
    return [*report_sections(model.predict_rows, model.data), *claims_of_people(model)]


def report_sections(say: Say, data: Data, spec: Any = None) -> list[tuple[str, Html]]:
    """The section of every report of a model of traces that says one category of each.

    Args:
        say: What the model says of rows.
        data: What it was made with.
        spec: How the model reads a trace; not needed.
    """
    del spec
    if data.target.kind != "category" or not len(data.valid):
        return []
    what = "ROC AUC" if data.target.n_outputs == 2 else "accuracy"
    found = shifted(say, data.valid)
    return [("What another device does to it", _shown(found, what))] if found else []


def shifted(say: Say, rows: Examples, *, seed: int = 0) -> list[Shift]:
    """What a model says of rows as other devices would have written them; of one category per row.

    Args:
        say: What the model says of rows.
        rows: Whose truth is known; at most 256 of them are taken.
        seed: Of the rows that are taken.
    """
    chosen = rows.subset(np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]))
    before, spec = say(chosen), described(rows.options)
    names = PLACES if spec.timed is False else CHANGES
    found = (_shift(name, chosen, before, (say, spec)) for name in names)
    return [one for one in found if one is not None]


def _shift(name: str, rows: Examples, before: Predictions, asked: tuple[Say, Spec]) -> Shift | None:
    """None where no trace can be changed so and still be one, as very short ones cannot."""
    say, spec = asked
    with tempfile.TemporaryDirectory() as folder:
        changed = _rewritten(rows, spec, CHANGES[name], Path(folder))
        kept = [row for row in range(len(rows)) if _can_be_read(spec, changed.inputs[row])]
        if not kept:
            return None
        after, before = say(changed.subset(kept)), before.subset(kept)
    metric = "roc_auc" if before.target.n_outputs == 2 else "accuracy"
    value, was = (score(one, [metric], part="new")[metric] for one in (after, before))
    return Shift(compared(name, before, after), " ".join(value.shown()), was.shown()[0])


def _can_be_read(spec: Spec, source: Any) -> bool:
    try:
        spec.load(source)
    except InputError:
        return False
    return True


def _rewritten(rows: Examples, spec: Spec, change: Callable[[Floats], Floats], folder: Path) -> Examples:
    """The same rows, their files written anew with other points; spans of one file stay so."""
    made, inputs = dict[Path, tuple[Path, str]](), rows.inputs
    sources = [one.path if isinstance(one, Span) else one for one in inputs]
    for at, source in enumerate(sources):
        if source not in made:
            content = _written(spec, change(spec.read(source).array))
            made[source] = folder / f"{at}.csv", hashlib.sha256(content).hexdigest()[:DIGITS]
            made[source][0].write_bytes(content)
    paths, contents = zip(*(made[source] for source in sources), strict=True)
    if not isinstance(inputs, Spans):
        return replace(rows, inputs=Files(paths), digests=contents, signatures=())
    moved = Spans(paths, inputs.starts, inputs.ends)
    digests = tuple(moved.digest_of(row, content) for row, content in enumerate(contents))
    return replace(rows, inputs=moved, digests=digests, signatures=())


def _written(spec: Spec, points: Floats) -> bytes:
    """A file of the points, of which nothing is known but themselves."""
    return spec.encode((points, np.zeros((0, 2)), np.zeros(1)))[0]


def _shown(found: Sequence[Shift], what: str) -> Html:
    rows = [
        [one.said.name, f"{one.said.n:,}", f"{100 * one.said.changed:.1f} %", one.said.reach, one.before, one.score]
        for one in found
    ]
    lead = (
        "Validation traces are written anew as another device would have written them, and asked again. Places are "
        "measured by how far a session's movements reach, so that a screen of another size should change next to "
        "nothing; a model whose answers change goes by the device. A slower tempo is no other device, and answers may "
        "rightly change with it."
    )
    head = ["what is done", "traces", "answers changed", "95 %", f"{what} before", f"{what} after"]
    return tag("div", tag("p", lead), scrolling("shifts", table(head, rows, caption="Changed traces")))
