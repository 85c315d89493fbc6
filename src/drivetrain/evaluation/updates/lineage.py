"""Where a model comes from: its updates in a row, for its report and its card."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.updates.between import between, label_of, value_text
from drivetrain.evaluation.updates.flips import flips_in_words, lost_gallery
from drivetrain.evaluation.updates.parts import ShowId
from drivetrain.pages.html import Child, Html, scrolling, section, table, tag
from drivetrain.pages.words import as_percent, count_rows, listed, with_minus
from drivetrain.runtime.lineage import Change, Update
from drivetrain.text import bytes_text, counted, number_text

DIGITS = 12
"""Of a hash, where it is shown."""
CARRIED = "exemplars"
OLD_ROWS = {
    "found": "old rows were found again",
    CARRIED: "old rows came from the exemplars that the model carries",
    "none": "no old rows were at hand",
}


def change_text(change: Change | None) -> str:
    """A task before and after.

    Example:
        >>> change_text(Change(metric="accuracy", before=0.9, after=0.85, n=100))
        '90.0 % → 85.0 %'
    """
    if change is None:
        return "not judged"
    return f"{value_text(change.metric, change.before)} → {value_text(change.metric, change.after)}"


def flips_text(update: Update) -> str:
    """The share of old rows that flipped to wrong, with its interval."""
    flips = update.flips
    if flips is None or not flips.n:
        return "–"
    reach = "" if flips.low is None or flips.high is None else f" [{100 * flips.low:.1f}, {100 * flips.high:.1f}]"
    return f"{as_percent(flips.negative / flips.n)}{reach}"


def low_rank_text(update: Update) -> str:
    """What was trained in place of the body's weights, as a sentence; empty where these were.

    Example:
        >>> from drivetrain.runtime.lineage import LowRank
        >>> fruit = Update(when="", parent="ab" * 32, data_sha256="cd" * 32, n_new=40, n_rehearsed=0, alpha=1,
        ...     low_rank=LowRank(rank=8, layers=48, numbers=294912, of=5526720))
        >>> low_rank_text(fruit)
        ' A low-rank update: matrices of rank 8 beside 48 linear layers, 294,912 numbers (1.2 MB) instead of 5,526,720.'
    """
    added = update.low_rank
    if added is None:
        return ""
    layers = counted(added.layers, "linear layer")
    return (
        f" A low-rank update: matrices of rank {added.rank} beside {layers}, {added.numbers:,} numbers "
        f"({bytes_text(4 * added.numbers)}) instead of {added.of:,}."
    )


def trained_text(update: Update) -> str:
    """What an update has trained, in a cell."""
    added = update.low_rank
    return "the weights" if added is None else f"rank {added.rank}, {bytes_text(4 * added.numbers)}"


def update_in_words(update: Update) -> str:
    """One update as a sentence or two.

    Example:
        >>> fruit = Update(when="2026-11-29T10:00:00+00:00", parent="ab" * 32, parent_name="fruit.model",
        ...     data_sha256="cd" * 32, n_new=40, n_rehearsed=20, alpha=0.5, old_rows="found", new_classes=("fig",))
        >>> update_in_words(fruit)
        'Made from fruit.model on 2026-11-29 with 40 new rows and 20 old rows again; new: fig. Old task: not judged.'
    """
    again = f" and {counted(update.n_rehearsed, 'old row')} again" if update.n_rehearsed else " and no old rows"
    new = f"; new: {listed(update.new_classes)}" if update.new_classes else ""
    parent = update.parent_name or update.parent[:DIGITS]
    rows = count_rows(update.n_new).replace(" row", " new row")
    said = f"Made from {parent} on {update.when[:10]} with {rows}{again}{new}."
    said += low_rank_text(update)
    label = f" ({label_of(update.old.metric)})" if update.old is not None else ""
    said += f" Old task{label}: {change_text(update.old)}."
    if update.flips is not None:
        said += f" Right before and wrong now: {flips_text(update)} of its rows."
    return said


def updates_section(lineage: Sequence[Update], after: Predictions | None, show: ShowId | None) -> Html | None:
    """What updates have made of a model: the newest one in words, drawn and shown, and all of them as a table.

    Args:
        lineage: All updates, the newest one last; empty gives None.
        after: What the model says of its validation rows.
        show: What the kind of input shows of a row.
    """
    if not lineage:
        return None
    last = lineage[-1]
    content: list[Child] = [tag("p", update_in_words(last), class_="say"), *held_back(last)]
    if last.flips is not None:
        content.append(tag("p", flips_in_words(last.flips)))
        if after is not None and show is not None:
            content += lost_gallery(after, last.flips.rows, show)
    drawn = between(last, "update-curve")
    content += [tag("h3", "Old task against new task"), *drawn] if drawn else []
    content += [tag("h3", "Every update" if len(lineage) > 1 else "The update"), lineage_table(lineage)]
    lead = (
        "This model was trained again from a saved one. The old task was judged by the same rows before and after, "
        "when the update was made."
    )
    return section("updates", "What updates changed", lead, content)


def held_back(update: Update) -> list[Child]:
    """A warning where the gate spoke against the update."""
    if update.held_back is None:
        return []
    said = f"It was held back, and written because that was asked for: {update.held_back}."
    return [tag("p", said, class_="warning")]


def lineage_table(lineage: Sequence[Update]) -> Html:
    """One row for each update, the first one first."""
    rows = [
        [
            update.when[:16].replace("T", " "),
            tag("span", update.parent_name or "–", tag("span", update.parent[:DIGITS], class_="name"), class_="line"),
            f"{update.n_new:,}",
            f"{update.n_rehearsed:,}",
            listed(update.new_classes, 4) if update.new_classes else "–",
            trained_text(update),
            number_text(update.alpha),
            with_minus(change_text(update.old)),
            with_minus(change_text(update.new)),
            flips_text(update),
            update.data_sha256[:DIGITS],
        ]
        for update in lineage
    ]
    head = [
        "when (UTC)", "made from", "new rows", "old rows again", "new classes", "trained", "point", "old task",
        "new task", "right → wrong", "new data (SHA-256)",
    ]  # fmt: skip
    return scrolling("updates", table(head, rows, caption="Updates", numeric=[2, 3, 6], class_="updates"))


def card_lines(lineage: Sequence[Update]) -> list[list[str]]:
    """Paragraphs and tables of a model card, as plain text in cells: what each update changed.

    Returns:
        Rows of cells; the first row is the head. Empty where the model was never updated.
    """
    if not lineage:
        return []
    head = ["when", "made from", "new rows", "old rows again", "new classes", "trained", "old task", "new task"]
    return [
        [*head, "right → wrong", "gate"],
        *(
            [
                update.when[:10],
                f"{update.parent_name or '–'} ({update.parent[:DIGITS]})",
                f"{update.n_new:,}",
                f"{update.n_rehearsed:,}" + (f" ({OLD_ROWS[update.old_rows]})" if update.old_rows in OLD_ROWS else ""),
                ", ".join(update.new_classes[:8]) + (" …" if len(update.new_classes) > 8 else "") or "–",
                trained_text(update),
                change_text(update.old),
                change_text(update.new),
                flips_text(update),
                "passed" if update.held_back is None else f"held back, written as asked: {update.held_back}",
            ]
            for update in lineage
        ),
    ]
