"""The page about uplift."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drivetrain.decisions.models.table import is_number
from drivetrain.decisions.uplift import figures
from drivetrain.decisions.uplift.picking import Picked
from drivetrain.decisions.uplift.saying import Found, amount
from drivetrain.decisions.worth import Worth
from drivetrain.pages.html import Cell, Html, details, escape, figure, scrolling, section, table, tag, with_code
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.words import as_percent, with_minus
from drivetrain.text import agreeing, does, in_digits, readable

if TYPE_CHECKING:
    from drivetrain.decisions.uplift.result import Uplift

TAGS: dict[Found, str] = {
    "uplift": "Rank by uplift: it finds who is moved",
    "a simpler order": "Uplift beats chance, and a simpler order does as well",
    "nothing": "On these rows, no order by uplift is told from chance",
    "harm": "Do not rank by this uplift: it is worse than chance",
}
ROWS = 15
"""Shown of each table of rows."""
MOST_COLUMNS = 6
STYLE = """
.said { font-size: clamp(1.15rem, 3vw, 1.45rem); line-height: 1.35; margin: 0.25rem 0 1.25rem; max-width: 40rem; }
section .main > p { max-width: 44rem; }
.scroll + p { margin-top: 0.75rem; }
"""


def page(found: Uplift) -> str:
    """One HTML file; it loads nothing."""
    trial = found.trial
    title = f"{readable(trial.outcome)}: who is moved by {readable(trial.treatment)}"
    said = f"{len(trial):,} rows, {as_percent(float(trial.treated.mean()), 0)} treated"
    said += f" · {trial.n_groups:,} of {readable(trial.group_column)}" if trial.group_column else ""
    picked = _picked(found)
    parts = [_answer(found), _orders(found), _tenths(found), _items(found, picked), _rows(found), _how(found)]
    body = "".join(part for part in parts if part is not None)
    return document(
        title,
        page_header(title, said, skip="To the answer"),
        tag("main", Html(re.sub(r"(\d) %", "\\1\u00a0%", body)), id="main"),
        page_footer("Made by drivetrain. All orders are judged on rows that their models had not seen."),
        style=STYLE,
    )


def _answer(found: Uplift) -> Html:
    yes_no = found.trial.is_yes_no
    facts = [
        ("Treating everybody changes", amount(found.effect, is_yes_no=yes_no)),
        ("Treating the best 30 % by uplift changes", amount(found.uplift_at(0.3), is_yes_no=yes_no)),
        ("Qini, above random order", amount(found.qini, is_yes_no=yes_no)),
    ]
    return tag(
        "section",
        tag(
            "div",
            tag("h2", TAGS[found.found], id="answer-title"),
            tag("p", found.verdict, class_="said"),
            tag(
                "dl",
                [tag("div", tag("dt", name), tag("dd", tag("strong", value))) for name, value in facts],
                class_="others",
            ),
            class_="result",
        ),
        tag(
            "div",
            figure(
                figures.gains(found),
                "At every share, the rows that an order puts first are treated. A straight line is random order; what "
                "is above it is gained by knowing whom.",
            ),
            class_="beside",
        ),
        id="answer",
        class_="top",
        aria_labelledby="answer-title",
    )


def _orders(found: Uplift) -> Html:
    yes_no = found.trial.is_yes_no
    better = found.better
    rows: list[list[object]] = []
    for name, ranking in (("uplift", found.ours), *found.baselines.items()):
        less = better.get(name)
        cells = [ranking.qini, *(ranking.uplift_at(share) for share in (0.1, 0.3, 0.5))]
        rows.append(
            [
                [name, tag("span", ranking.said, class_="line soft")],
                *(_two_lines(worth, yes_no) for worth in cells),
                "–" if less is None else _two_lines(less, yes_no),
            ]
        )
    unit = "points: more yeses per 100 rows" if yes_no else f"units of {readable(found.trial.outcome)} per row"
    return section(
        "orders",
        "Beside what is simpler",
        "The response model is what most people use: it ranks by what a row does, not by what treating it changes.",
        scrolling(
            "orders, scrolls sideways",
            table(
                ["ranked by", "Qini", "best 10 %", "best 30 %", "best 50 %", "uplift's Qini, less"],
                rows,
                caption="What each order gains",
                numeric=[1, 2, 3, 4, 5],
            ),
        ),
        tag(
            "p",
            f"In {unit}, with {found.measured.level:.0%} intervals. Qini: how much more an order gains than random "
            "order, averaged over all shares that could be treated. Differences are paired: on the same rows.",
            class_="soft",
        ),
    )


def _two_lines(worth: Worth, is_yes_no: bool) -> Cell:
    """A number, and its interval below it."""
    value, bracket, span = amount(worth, is_yes_no=is_yes_no).partition(" [")
    return Cell(
        [value.removesuffix(" points"), tag("span", f"{bracket}{span}".strip(), class_="line soft")], worth.value
    )


def _tenths(found: Uplift) -> Html:
    return section(
        "tenths",
        "Is the effect where it was predicted?",
        "Tenths of rows by predicted uplift. Where dots fall from left to right, the ranking is right; where rings and "
        "dots agree, so are the amounts.",
        figure(
            figures.tenths(found),
            "Dots: measured, with interval. Rings: predicted. Dashed: the effect of treating everybody.",
        ),
    )


def _picked(found: Uplift) -> Picked | None:
    """One row of each group, where rows come in groups of several."""
    trial = found.trial
    if trial.group_column is None or len(trial) < 2 * trial.n_groups:
        return None
    return found.recommend(1)


def _items(found: Uplift, picked: Picked | None) -> Html | None:
    if picked is None:
        return None
    by = readable(picked.by)
    rest = picked.bought_anyway
    share = len(rest) / picked.n_groups
    anyway, ours = picked.anyway["response model"], picked.anyway["uplift"]
    said = (
        f"For {as_percent(share, 0)} of {picked.n_groups:,} groups ({by}), the response model picks another row than "
        f"uplift does. Of the response model's picks {_told(found, anyway)} would come anyway, of uplift's "
        f"{_told(found, ours)}."
    )
    more = picked.more["response model"]
    return section(
        "picks",
        escape(f"One row for each {by}"),
        "Which of its rows to treat: which item to show to each customer, say.",
        tag("p", said, class_="say"),
        figure(
            figures.added(found, picked),
            f"What treating the picked row adds for each {by}. Uplift adds {amount(more, is_yes_no=False)} more than "
            "the response model (paired).",
        ),
        tag("h3", "What comes anyway: picked by prediction, not by uplift"),
        _table_of(found, rest.head(ROWS)) if len(rest) else tag("p", "None: both pick the same rows."),
    )


def _rows(found: Uplift) -> Html:
    trial = found.trial
    table_of = found.rank.join(trial.frame[list(_shown(found))])
    same = trial.frame.index.is_unique
    first = _table_of(found, table_of.head(ROWS)) if same else None
    last = _table_of(found, table_of.tail(ROWS)) if same else None
    return section(
        "rows",
        "Who is moved, and who is not",
        f"The first and the last {ROWS} rows by uplift, with what is predicted of them.",
        tag("h3", "First"),
        first or tag("p", "The table's index repeats itself, so rows cannot be shown by it."),
        details("The last ones", last) if last else None,
    )


def _table_of(found: Uplift, rows: object) -> Html:
    import pandas as pd  # noqa: PLC0415 - beside its use

    assert isinstance(rows, pd.DataFrame)
    names = [name for name in _shown(found) if name in rows.columns]
    numbers = ["uplift", "with_treatment", "without"]
    body = [
        [
            readable(str(label)),
            *(_told(found, float(row[name]), sign=name == "uplift") for name in numbers),
            *(_cell(row[name]) for name in names),
        ]
        for label, (_, row) in zip(rows.index.tolist(), rows.iterrows(), strict=True)
    ]
    head = ["row", "uplift", "with treatment", "without", *(escape(readable(name)) for name in names)]
    return scrolling(
        "rows, scrolls sideways", table(head, body, caption="Rows, with what is predicted", numeric=[1, 2, 3])
    )


def _shown(found: Uplift) -> list[str]:
    """Columns that stand beside a row: what it belongs to, names, then features."""
    trial = found.trial
    names = [trial.group_column] if trial.group_column else []
    known = {trial.treatment, trial.outcome, *names, *trial.features}
    names += [str(name) for name in trial.frame.columns if name not in known and not is_number(trial.frame[name])]
    return [*names[:2], *trial.features][:MOST_COLUMNS]


def _how(found: Uplift) -> Html:
    decisions = [[name, str(decision.value), with_code(decision.reason)] for name, decision in found.decisions.items()]
    trial = found.trial
    said = [
        "Each row's effect is estimated doubly robustly: the difference of two predictions, corrected by what the row "
        "did, weighed by its propensity (Robins, Rotnitzky & Zhao 1994). Its mean over any rows that an order picks is "
        "the mean of their true effects.",
        "Qini (Radcliffe 2007) and AUUC are computed from these effects within each fold, with intervals from each "
        "row's influence (Yadlowsky et al. 2021)"
        + (f", added up by {readable(trial.group_column)}." if trial.group_column else "."),
        f"Treated means {readable(trial.treatment)} = {trial.words[1]}; not treated, {trial.words[0]}. "
        f"{agreeing(trial.n_read, 'rows', 'were')} read, {len(trial):,} {does(len(trial), 'are')} used.",
    ]
    return section(
        "how",
        "How this was found",
        None,
        [tag("p", each) for each in said],
        scrolling(
            "decisions, scrolls sideways",
            table(["what", "chosen", "why"], decisions, caption="What was decided", class_="decisions"),
        ),
    )


def _told(found: Uplift, value: float, *, sign: bool = False) -> str:
    """A predicted outcome or effect."""
    if not found.trial.is_yes_no:
        return with_minus(in_digits(value, "+.3g" if sign else ".3g"))
    return with_minus(f"{100 * value:+.1f} points") if sign else as_percent(value)


def _cell(value: object) -> str:
    return with_minus(f"{value:.4g}") if isinstance(value, float) else readable(str(value))
