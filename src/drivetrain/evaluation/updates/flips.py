"""Rows whose answer turned, to look at: what was right and is wrong now, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.updates.parts import ShowId, Task
from drivetrain.pages.html import Child, Html, breakable, tag
from drivetrain.pages.words import as_percent, count_rows, shortened, value_in_words
from drivetrain.runtime.lineage import FlipRecord
from drivetrain.text import agreeing, does

MOST_NEGATIVE, MOST_POSITIVE = 24, 8
"""Rows that are shown."""
UNMEASURED = "not measured"


def turned(task: Task) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that were right and are wrong now, the surest answers first, and rows the other way round.

    Of numbers, which are never simply right: rows whose error grew and rows whose error shrank, the largest first.
    """
    before, after = task.said[0].judged, task.said[1].judged
    if before.target.kind == "number":
        grown = _error(after) - _error(before)
        order = np.argsort(-grown, kind="stable")
        return order[grown[order] > 0], order[::-1][grown[order[::-1]] < 0]
    was, now = before.hits(), after.hits()
    sure = after.confidence()
    lost, won = np.flatnonzero(was & ~now), np.flatnonzero(~was & now)
    return lost[np.argsort(-sure[lost], kind="stable")], won[np.argsort(-sure[won], kind="stable")]


def _error(said: Predictions) -> NDArray[np.float64]:
    """(N,) mean squared distance of a row's numbers, in standard deviations of the training rows."""
    off_ND = (said.output - said.known_truth()) / np.asarray(getattr(said.target, "std", 1.0))
    return np.asarray((off_ND**2).mean(axis=1), dtype=np.float64)


def flips_in_words(flips: FlipRecord) -> str:
    """Counts, the share with its interval, and what would have flipped anyway.

    Example:
        >>> flips_in_words(FlipRecord(negative=3, positive=1, n=100, low=0.01, high=0.085, noise_floor=0.02))
        '3 of 100 old rows were right and are wrong now: 3.0 % [1.0, 8.5]; 1 was wrong and is right now. ...
    """
    reach = "" if flips.low is None or flips.high is None else f" [{100 * flips.low:.1f}, {100 * flips.high:.1f}]"
    share = f": {as_percent(flips.negative / flips.n)}{reach}" if flips.n else ""
    were, are = ("row was", "is") if flips.n == 1 else ("rows were", "are")
    other = "1 was" if flips.positive == 1 else f"{flips.positive:,} were"
    said = f"{flips.negative:,} of {flips.n:,} old {were} right and {are} wrong now{share}; {other} wrong and "
    said += "is right now." if flips.positive == 1 else "are right now."
    if flips.noise_floor is None:
        why = "" if flips.noise_how in ("", UNMEASURED) else f" ({flips.noise_how})"
        return f"{said} How many another training with another seed would flip anyway was {UNMEASURED}{why}."
    how = f" ({flips.noise_how})" if flips.noise_how else ""
    return f"{said} Another training with another seed would flip {as_percent(flips.noise_floor)} anyway{how}."


def gallery(task: Task, show: ShowId | None) -> list[Child]:
    """The rows that turned, under a heading each; empty where nothing turned or nothing can be shown."""
    if show is None:
        return []
    lost, won = turned(task)
    titles = ("Right before, wrong now", "Wrong before, right now")
    if task.said[0].target.kind == "number":
        titles = ("The error grew most", "The error shrank most")
    made: list[Child] = []
    for title, rows, most in zip(titles, (lost, won), (MOST_NEGATIVE, MOST_POSITIVE), strict=True):
        made += _group(task, show, title, rows, most)
    return made


def lost_gallery(after: Predictions, ids: Sequence[str], show: ShowId) -> list[Child]:
    """Rows known by their ids to have been right before, beside what is said of them now; empty where none is there."""
    after = after.judged
    place = {id_: at for at, id_ in enumerate(after.ids)}
    there = [place[id_] for id_ in ids if id_ in place]
    cards = [card for row in there[:MOST_NEGATIVE] if (card := _card(None, after, row, show)) is not None]
    if not cards:
        return []
    gone = len(ids) - len(there)
    more = [f"{count_rows(gone)} of them could not be found"] if gone else []
    more += [f"{agreeing(len(there) - len(cards), 'rows', 'are')} not shown"] if len(there) > len(cards) else []
    note = tag("p", f"{'; '.join(more)}.", class_="soft") if more else None
    return [tag("h3", "Right before, wrong now"), tag("ul", cards, class_="gallery flips"), note]


def _group(task: Task, show: ShowId, title: str, rows: NDArray[np.int64], most: int) -> list[Child]:
    before, after = task.said[0].judged, task.said[1].judged
    cards = [card for row in rows[:most].tolist() if (card := _card(before, after, row, show)) is not None]
    if not cards:
        return []
    heading = tag("h3", f"{title}: {count_rows(len(rows))}")
    left = (
        tag("p", f"{len(cards)} of {len(rows):,} {does(len(cards), 'are')} shown.", class_="soft")
        if len(cards) < len(rows)
        else None
    )
    return [heading, tag("ul", cards, class_="gallery flips"), left]


def _card(before: Predictions | None, after: Predictions, row: int, show: ShowId) -> Html | None:
    """One row: what is shown of it, what was said and how surely, what is said now, and what is true."""
    now, true = after.subset([row]), after.subset([row]).decoded_truth()[0]
    said = value_in_words(now.decoded()[0])
    shown = show(after.ids[row], f"now {said}, labelled {value_in_words(true)}")
    if shown is None:
        return None
    lines: list[Child] = []
    if before is not None:
        was = before.subset([row])
        lines.append(_line("was", value_in_words(was.decoded()[0]), was))
    lines.append(_line("now", said, now))
    lines.append(tag("span", "labelled ", tag("b", value_in_words(true)), class_="line"))
    name = after.names[row] if after.names else after.ids[row]
    ending = "/".join(name.replace("\\", "/").split("/")[-2:])
    lines.append(tag("span", breakable(shortened(ending, 40)), class_="name", title=ending))
    return tag("li", shown, tag("p", lines))


def _line(when: str, said: str, one: Predictions) -> Html:
    sure = f" {as_percent(float(one.confidence()[0]), 0)}" if one.target.kind == "category" else ""
    return tag("span", f"{when} ", tag("b", said), tag("span", sure, class_="number"), class_="line")
