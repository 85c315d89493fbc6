"""The page of a plan: whole, unbreakable by names, and right where something is not known."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.page import figures
from drivetrain.decisions.plan.parts import CurvePart, Promise, Sensitive, Support
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan.sources import Group, Source
from drivetrain.decisions.plan.table import plan_table
from drivetrain.decisions.worth import Worth
from tests.decisions import made

HOSTILE = "</script><b>\u202e&\x1b[31m"
VOID = {"meta", "br", "hr", "img", "input", "link", "wbr", "col"}


class Parsed(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.referred, self.open, self.tags, self.text = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.referred += found.get("aria-labelledby", "").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(plan):
    page = plan.html()
    found = Parsed(page)
    assert len(set(found.ids)) == len(found.ids)
    assert set(found.referred) <= set(found.ids)
    assert not re.search(r"\b(nan|inf|None)\b", " ".join(found.text))
    assert not [url for _, attrs in found.tags for key, url in attrs.items() if key in ("src", "href") and "//" in url]
    return found


def test_the_whole_page(tmp_path):
    plan = made.plan(made.simulator())
    plan.facts = made.facts()
    path = plan.report(tmp_path / "plan.html")
    assert path.read_text(encoding="utf-8") == plan.html()
    found = parsed(plan)
    sections = [attrs["id"] for tag, attrs in found.tags if tag == "section"]
    assert sections == [
        "result", "warnings", "boxes", "curves", "does", "where", "limits", "sensitivity", "support", "cause", "proof",
        "how",
    ]  # fmt: skip
    articles = [attrs["aria-label"] for tag, attrs in found.tags if tag == "article"]
    assert articles == ["Objective", "Levers", "Data", "Models"]
    said = " ".join(" ".join(found.text).replace("\u00a0", " ").split())
    for part in (
        "The plan promises more than today, and cannot be trusted: habit is in what was logged",
        "+13.5 [+9.0, +18.0]",
        "Over 12 rows: +162.",
        "find it worth 8 more than members that did not: the optimiser's curse",
        "cost = 300; accept * (price - claims - cost)",
        "400 to 900 in steps of 50; a value for each row; set by chance in the log",
        "2,000 rows logged, with accepted",
        "log loss 0.412 [0.390, 0.434]; on 2,000 rows not learned from",
        "one member: its uncertainty is not known",
        "Best at price 600, inside the range tried: 100 per row. Any from 600 to 700 is within 1 % of it. Today 550:",
        "at most 4 letters",
        "one more is worth 3.25",
        "Letters went to those who accept anyway.",
        "disagree",
        "Doubly robust, cross-fitted. Propensities: known; rows of one customer go together.",
        "Optimised by Lagrangian dual, at most 0.20 % below the best that is possible.",
        plan.objective.sha256,
    ):
        assert part in said, part


def test_names_cannot_break_it():
    lever, other = Lever(HOSTILE, 0.0, 1.0), Lever("<i>", options=("<u>", HOSTILE))
    parts = made.parts(
        warnings=(HOSTILE,),
        method=HOSTILE,
        curves=tuple(dataclasses.replace(part, lever=HOSTILE) for part in made.parts().curves),
        effects=tuple(dataclasses.replace(each, lever=HOSTILE, said=HOSTILE) for each in made.parts().effects),
        sensitivity=(Sensitive(HOSTILE, 0.8, 1.0, 2.0, 0.1, 2.0),),
    )
    data = {HOSTILE: np.linspace(0, 1, 12), "<i>": np.array(["<u>", HOSTILE] * 6, dtype=object)}
    index = pd.Index([HOSTILE] * 12)
    table = plan_table(index, (lever, other), data, data, promise=parts.promise, support=parts.support)
    objective = as_objective("`<script>` + 1", name=HOSTILE)
    found = parsed(Plan(parts, table, (lever, other), objective, facts=made.facts()))
    assert {"b", "i", "u"}.isdisjoint(tag for tag, _ in found.tags)
    assert [tag for tag, _ in found.tags].count("script") == 1
    assert "\x1b" not in "".join(found.text) and "\u202e" not in "".join(found.text)


def test_a_plan_whose_levers_are_causes_earns():
    found = made.plan(effects=made.parts().effects[:1]).html()
    assert "The plan earns more than today" in found and "cannot be trusted" not in found


def test_one_member_says_that_its_uncertainty_is_not_known():
    promise = made.parts().promise
    alone = {name: Worth(getattr(promise, name).value, n=12) for name in ("promised", "naive", "baseline", "gain")}
    promise = dataclasses.replace(promise, **alone, chance_of_loss=None)
    said = " ".join(parsed(made.plan(promise=promise)).text)
    assert "A promise whose uncertainty is not known" in said and "Chance that" not in said


def test_what_was_not_asked_is_left_out():
    plan = made.plan(
        effects=(), proof=None, bindings=(), curves=(), sensitivity=(), warnings=(), decisions={}, method=""
    )
    found = parsed(plan)
    sections = [attrs["id"] for tag, attrs in found.tags if tag == "section"]
    assert sections == ["result", "boxes", "does", "where", "support", "proof", "how"]
    assert "dt.experiment says how large" in " ".join(found.text)


def test_no_rows():
    none = np.array([])
    worth = Worth(0.0, 0.0, 0.0)
    promise = Promise(worth, worth, worth, worth, None, none, none, none, none)
    support = Support(np.array([], dtype=str), {}, "")
    parts = made.parts(promise=promise, support=support)
    empty = {"price": none, "offer": none.astype(object)}
    table = plan_table(pd.Index([]), (made.PRICE, made.OFFER), empty, empty, promise=promise, support=support)
    parsed(Plan(parts, table, (made.PRICE, made.OFFER), as_objective(made.OBJECTIVE), facts=made.facts()))


def test_many_rows_make_no_larger_page():
    n = 20_000
    random = np.random.default_rng(0)
    value = random.normal(100, 5, n)
    worth = made.worth(100.0, 99.0, 101.0)
    promise = Promise(worth, worth, worth, worth, 0.1, value, value - 1, value + 1, value - random.random(n))
    support = Support(np.full(n, "inside"), {"inside": 1.0}, "near")
    today = {"price": random.uniform(400, 900, n), "offer": random.choice(["none", "letter"], n).astype(object)}
    proposed = {"price": random.uniform(400, 900, n), "offer": random.choice(["none", "letter"], n).astype(object)}
    levers = (made.PRICE, made.OFFER)
    table = plan_table(pd.RangeIndex(n), levers, today, proposed, promise=promise, support=support)
    plan = Plan(
        made.parts(promise=promise, support=support), table, levers, as_objective(made.OBJECTIVE), facts=made.facts()
    )
    parsed(plan)
    assert len(plan.html()) < 150_000


@pytest.mark.parametrize(
    ("best", "interior", "today"),
    [(600.0, True, 550.0), (900.0, False, 4000.0), (400.0, False, None), (500.0, True, "x")],
)
def test_curves_of_numbers(best, interior, today):
    part = dataclasses.replace(made.parts().curves[0], best=best, interior=interior, today=today, flat=None)
    drawn = figures.curve(part, "c", "profit")
    assert f"best {best:g}" in drawn and ("today" in drawn) == (today == 550.0)
    assert f"{'inside' if interior else 'at the border of'} the range tried" in drawn


def test_a_loss_without_end_leaves_the_top_to_be_seen():
    x = np.arange(1.0, 11.0)
    mean = np.array([-1e6, -1e4, 50.0, 80, 95, 100, 98, 95, 90, 85])
    part = CurvePart("price", tuple(x.tolist()), mean, mean - 3, mean + 3, 6.0, True, 1.0, None)
    drawn = figures.curve(part, "c", "profit")
    assert "2 values below" in drawn and ">−1,000,000<" not in drawn and "today 1" in drawn


def test_a_curve_of_many_options_shows_the_best_of_them():
    values = tuple(f"item {i}" for i in range(50))
    mean = np.arange(50.0)
    part = CurvePart("item", values, mean, mean - 1, mean + 1, "item 49", False, "item 3", None)
    drawn = figures.curve(part, "c", "profit")
    assert drawn.count("<circle") == figures.MOST_OPTIONS and "item 49" in drawn and ">item 3<" not in drawn


def test_groups_that_lose_are_drawn_to_the_left():
    source = Source("region", (Group("a", 2, 3.0, 6.0), Group("b", 3, -1.0, -3.0)), 0.5)
    drawn = figures.gains(source, "g")
    assert drawn.count('class="loss"') == 1 and drawn.count('class="accent bar"') == 1 and "−1 × 3 rows" in drawn


def test_all_of_one_value():
    for lever in (made.PRICE, Lever("price", 0.0, 9.0)):
        drawn = figures.moves(None, pd.Series([5.0] * 3), "m", lever)
        assert "nan" not in drawn and "5 in the middle" in drawn and drawn.count(": 3</title>") == 1


def test_a_bar_for_each_step():
    drawn = figures.moves(None, pd.Series([400.0, 450.0, 450.0, 600.0]), "m", made.PRICE)
    assert [drawn.count(f": {n}</title>") for n in (0, 1, 2)] == [2, 2, 1]


def test_effects_that_disagree_are_drawn_first():
    first, second = made.parts().effects
    found = made.plan(effects=(first, first, first, second)).html()
    assert found.index("offer on accept") < found.index("price on accept") and "The other 2" in found
